//! A simulated executor: solids do what the script says, in any order.

pub(crate) mod ending;
mod lanes;
pub(crate) mod pipelines;
pub(crate) mod read;
pub(crate) mod retried;
pub(crate) mod script;
pub(crate) mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use fanfold_graph::event::Event;
use fanfold_graph::plan::Plan;
use fanfold_graph::run::Run;
use fanfold_graph::step::StepId;

use ending::{Ending, inputs};
use script::{End, Script};
use values::value;

/// A run and the executions under way.
pub(crate) struct Simulation {
    pub(crate) run: Run,
    pub(crate) log: Vec<Event>,
    /// What each will still do, the next last.
    running: BTreeMap<StepId, Vec<Event>>,
    script: Script,
}

impl Simulation {
    pub(crate) fn new(plan: Arc<Plan>, script: Script) -> Self {
        Self { run: Run::new(plan), log: Vec::new(), running: BTreeMap::new(), script }
    }

    /// Takes up the run that a log tells of: executions under way when it ended are lost.
    pub(crate) fn resume(plan: Arc<Plan>, script: Script, log: &[Event]) -> Self {
        let mut simulation = Self::new(plan, script);
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
        lanes::assert_kept(&self.run);
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
            let events = self.execution(step);
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

    /// Goes on until nothing more can happen.
    pub(crate) fn finish(&mut self, mut pick: impl FnMut(usize) -> usize) -> Ending {
        while self.advance(&mut pick) {
            assert_eq!(self.run.outcome().is_some(), self.is_over(), "a run has an outcome when it is over");
        }
        Ending::of(&self.run)
    }

    fn is_over(&self) -> bool {
        self.running.is_empty() && self.run.ready().next().is_none()
    }

    /// What an execution will do, the first event last.
    fn execution(&self, step: StepId) -> Vec<Event> {
        let key = self.run.step_key(step).to_string();
        let solid = self.run.plan().definition(step.solid);
        let execution = self.script.execution(solid, &key, self.run.attempt(step), &inputs(&self.run, step));
        let end = match execution.end {
            End::Succeeds => Event::StepSucceeded { step },
            End::Fails => Event::StepFailed { step, retry_after_ms: None },
            End::Retries => Event::StepFailed { step, retry_after_ms: Some(0) },
        };
        let emissions = execution.emissions.into_iter().map(|it| Event::OutputEmitted {
            step,
            output: it.output,
            mapping_key: it.mapping_key,
            value: value(&it.content),
        });
        let mut events: Vec<Event> = emissions.chain([end]).collect();
        events.reverse();
        events
    }
}
