//! A clone that goes before others is seen by a worker that always has something else to do.

use std::sync::{Arc, Condvar, Mutex};

use fanfold::executor::{Code, Executor, Job};
use fanfold::sandbox::*;
use fanfold_graph::compose::{Call, Composer};
use fanfold_graph::name::Identifier;
use fanfold_graph::plan::Plan;

use crate::scripted::{call, emit, solid};

pub(crate) const OTHERS: u64 = 1000;

/// `numbers` emits what `other` clones are made of; `late` emits one item, for `urgent`, once they run.
#[derive(Clone)]
pub(crate) struct Overtaking {
    plan: Arc<Plan>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

#[derive(Default)]
struct Seen {
    is_late_running: bool,
    others: u64,
    is_emitted: bool,
    others_before_urgent: Option<u64>,
}

impl Overtaking {
    pub(crate) fn new() -> Self {
        let mut composer = Composer::new(Identifier::new("overtaking").unwrap(), "");
        let mut clones = |generator: &str, clone: &str, priority: &str| {
            let items = composer.call(call(&solid(generator, "", true))).unwrap().only().unwrap();
            let tags = [("priority".to_owned(), priority.to_owned())].into();
            let clone = solid(clone, "n", false);
            composer.map(&items, |composer, n| composer.call(Call { tags, ..call(&clone) }.with(n))?.only())
        };
        clones("numbers", "other", "0").unwrap();
        let urgent = clones("late", "urgent", "1").unwrap();
        let all = composer.collect(&urgent, None).unwrap();
        let plan = Arc::new(Plan::new(composer.finish(all).unwrap()).unwrap());
        Self { plan, seen: Arc::default() }
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// How many others began before the urgent one.
    pub(crate) fn others_before_urgent(&self) -> u64 {
        self.seen.0.lock().unwrap().others_before_urgent.unwrap()
    }

    /// Changes what was seen, then waits until something holds.
    fn see(&self, change: impl FnOnce(&mut Seen), holds: impl Fn(&Seen) -> bool) {
        let mut seen = self.seen.0.lock().unwrap();
        change(&mut seen);
        self.seen.1.notify_all();
        drop(self.seen.1.wait_while(seen, |seen| !holds(seen)).unwrap());
    }
}

impl Executor for Overtaking {
    fn execute(&self, job: Job, mut host: Box<dyn StepHost>) -> Result<StepReport, StepFailure> {
        let Code::Solid(solid) = job.code else { panic!("there are no hooks") };
        match self.plan.invocation(solid).name.as_str() {
            "numbers" => {
                // Else both workers could be at the others, and wait for what nobody emits.
                self.see(|_| (), |seen| seen.is_late_running);
                (0..OTHERS).for_each(|n| emit(&mut *host, Some(&n.to_string()), n.to_string()));
            }
            "other" => {
                self.see(|seen| seen.others += 1, |seen| seen.is_emitted);
                emit(&mut *host, None, "0".to_owned());
            }
            "late" => {
                self.see(|seen| seen.is_late_running = true, |seen| seen.others > 0);
                emit(&mut *host, Some("item"), "0".to_owned());
                let is_over = |seen: &Seen| seen.others_before_urgent.is_some() || seen.others == OTHERS;
                self.see(|seen| seen.is_emitted = true, is_over);
            }
            "urgent" => {
                self.see(|seen| seen.others_before_urgent = Some(seen.others), |_| true);
                emit(&mut *host, None, "0".to_owned());
            }
            other => panic!("no solid is called `{other}`"),
        }
        Ok(StepReport::default())
    }
}
