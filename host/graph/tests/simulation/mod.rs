//! A simulated executor: solids whose behaviour is a pure function of what they are, read and attempt, run in any order.

mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use fanfold_graph::event::Event;
use fanfold_graph::name::MappingKey;
use fanfold_graph::plan::Plan;
use fanfold_graph::run::{Outcome, Resolved, Run};
use fanfold_graph::step::{StepId, StepState};
use values::{hash, value};

/// How often solids misbehave, in percent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Temper {
    pub(crate) seed: u64,
    pub(crate) failures: u64,
    pub(crate) retries: u64,
    pub(crate) silences: u64,
}

/// What one execution does, one event after the other.
fn behave(run: &Run, step: StepId, temper: Temper) -> Vec<Event> {
    let key = run.step_key(step).to_string();
    let attempt = run.attempt(step);
    let chance = |what: &str| hash(&format!("{} {key} {attempt} {what}", temper.seed)) >> 7;
    let inputs = inputs(run, step);
    let fails = chance("fails") % 100 < temper.failures;
    let retries = attempt < 2 && chance("retries") % 100 < temper.retries;
    let mut events = Vec::new();
    for (output, described) in run.plan().definition(step.solid).outputs.iter().enumerate() {
        let output = output as u32;
        let silent = chance(&format!("silent {output}")) % 100 < temper.silences;
        if described.is_dynamic {
            let first = chance(&format!("first {output}")) % 2;
            for number in first..first + chance(&format!("count {output}")) % 3 {
                let mapping_key = Some(MappingKey::new(&number.to_string()).unwrap());
                let variant = chance(&format!("variant {output} {number}")) % 2;
                let value = value(&format!("{key} {output} {number} {variant} {inputs}"));
                events.push(Event::OutputEmitted { step, output, mapping_key, value });
            }
        } else if described.is_required || !silent {
            let value = value(&format!("{key} {output} {inputs}"));
            events.push(Event::OutputEmitted { step, output, mapping_key: None, value });
        }
    }
    if retries || fails {
        events.truncate(events.len() - (chance("cut") as usize % (events.len() + 1)));
    }
    events.push(match (retries, fails) {
        (true, _) => Event::StepFailed { step, retry_after_ms: Some(0) },
        (false, true) => Event::StepFailed { step, retry_after_ms: None },
        (false, false) => Event::StepSucceeded { step },
    });
    events.reverse();
    events
}

fn inputs(run: &Run, step: StepId) -> String {
    let mut text = String::new();
    for (name, resolved) in run.inputs(step) {
        write!(text, "{name}=").unwrap();
        render(run, &resolved, &mut text);
    }
    text
}

/// Writes a resolved value, collections in pages of two.
fn render(run: &Run, resolved: &Resolved<'_>, text: &mut String) {
    match resolved {
        Resolved::Value(value) => write!(text, "{value};").unwrap(),
        Resolved::Stored(value) => write!(text, "{:x};", value.id).unwrap(),
        Resolved::List(members) => {
            text.push('[');
            for member in members {
                render(run, member, text);
            }
            text.push(']');
        }
        Resolved::Dict(members) => {
            text.push('{');
            for (name, member) in members {
                write!(text, "{name}:").unwrap();
                render(run, member, text);
            }
            text.push('}');
        }
        Resolved::Collection(collection) => {
            write!(text, "<{}-{} ", collection.len, collection.missing).unwrap();
            let mut next = Some(0);
            while let Some(from) = next {
                let page = run.page(collection, from, 2);
                for (key, member) in &page.items {
                    write!(text, "{key}:").unwrap();
                    match member {
                        Some(member) => render(run, member, text),
                        None => text.push('?'),
                    }
                }
                next = page.next;
            }
            text.push('>');
        }
    }
}

/// A run and the executions under way.
pub(crate) struct Simulation {
    pub(crate) run: Run,
    pub(crate) log: Vec<Event>,
    running: BTreeMap<StepId, Vec<Event>>,
    temper: Temper,
}

impl Simulation {
    pub(crate) fn new(plan: Arc<Plan>, temper: Temper) -> Self {
        Self { run: Run::new(plan), log: Vec::new(), running: BTreeMap::new(), temper }
    }

    /// Takes up the run that a log tells of: executions under way when it ended are lost.
    pub(crate) fn resume(plan: Arc<Plan>, temper: Temper, log: &[Event]) -> Self {
        let mut simulation = Self::new(plan, temper);
        for event in log {
            simulation.record(event.clone());
        }
        simulation.running.clear();
        simulation.record(Event::RunResumed);
        simulation
    }

    pub(crate) fn record(&mut self, event: Event) {
        let applied = self.run.apply(&event).unwrap_or_else(|illegal| panic!("{illegal}"));
        for step in applied.superseded {
            self.running.remove(&step);
        }
        self.log.push(event);
    }

    /// Lets one thing happen; `pick` chooses among that many. False when nothing can.
    pub(crate) fn advance(&mut self, pick: &mut impl FnMut(usize) -> usize) -> bool {
        let ready: Vec<StepId> = self.run.ready().collect();
        let choices = ready.len() + self.running.len();
        if choices == 0 {
            return false;
        }
        let choice = pick(choices);
        if let Some(step) = ready.get(choice).copied() {
            let events = behave(&self.run, step, self.temper);
            self.running.insert(step, events);
            self.record(Event::StepStarted { step });
            return true;
        }
        let step = *self.running.keys().nth(choice - ready.len()).unwrap();
        let events = self.running.get_mut(&step).unwrap();
        let event = events.pop().unwrap();
        if events.is_empty() {
            self.running.remove(&step);
        }
        self.record(event);
        true
    }

    pub(crate) fn finish(&mut self, mut pick: impl FnMut(usize) -> usize) -> Outcome {
        while self.advance(&mut pick) {}
        self.run.outcome().expect("nothing runs and nothing is ready")
    }
}

/// All that a run came to, in terms that do not depend on the order of events.
pub(crate) fn summary(run: &Run) -> String {
    let mut lines = Vec::new();
    for solid in run.plan().solids() {
        let mut counted = [0; StepState::COUNT];
        for step in run.steps(solid) {
            let state = run.state(step).unwrap();
            counted[state as usize] += 1;
            let mut line = format!("{} {state}", run.step_key(step));
            for output in 0..run.plan().definition(solid).outputs.len() as u32 {
                let items = run.items(step, output);
                let items: Vec<String> =
                    items.iter().map(|(key, value)| format!("{key}:{:x}", value.id)).collect();
                let is_dynamic = run.plan().definition(solid).outputs[output as usize].is_dynamic;
                if is_dynamic {
                    write!(line, " {output}={items:?}").unwrap();
                } else {
                    write!(line, " {output}={:x?}", run.output(step, output).map(|value| value.id)).unwrap();
                }
            }
            lines.push(line);
        }
        assert_eq!(&counted, run.counts(solid), "the counts are those of the steps");
    }
    lines.sort();
    let mut result = String::from("result ");
    if let Some(resolved) = run.result() {
        render(run, &resolved, &mut result);
    }
    lines.push(result);
    lines.push(format!("outcome {:?}", run.outcome()));
    lines.join("\n")
}
