//! Retries: steps that a parent gives end as they did there, the others as the script says.

use std::sync::Arc;

use fanfold_graph::event::Event;
use fanfold_graph::run::Run;
use fanfold_graph::selection::{Choice, Parent};
use fanfold_graph::step::{StepId, StepState};

use super::Simulation;
use super::script::Script;

/// A retry of a parent.
pub(crate) struct Retried {
    pub(crate) simulation: Simulation,
    /// The steps that were executed, in order.
    pub(crate) executed: Vec<String>,
    parent: Parent,
}

impl Retried {
    pub(crate) fn new(parent: Parent, script: Script) -> Self {
        let simulation = Simulation::new(Arc::clone(parent.run().plan()), script);
        Self { simulation, executed: Vec::new(), parent }
    }

    /// Lets one thing happen; false when nothing can.
    pub(crate) fn advance(&mut self, pick: &mut impl FnMut(usize) -> usize) -> bool {
        let ready: Vec<StepId> = self.simulation.run.ready().collect();
        let started = if ready.is_empty() { None } else { ready.get(pick(ready.len() + 1)).copied() };
        let Some(step) = started else { return self.simulation.advance(pick) };
        let events = match self.parent.choose(&self.simulation.run, step) {
            Choice::Execute => {
                self.executed.push(self.simulation.run.step_key(step).to_string());
                self.simulation.execution(step)
            }
            Choice::Take(twin) => copied(self.parent.run(), twin, step),
            Choice::LeaveOut => vec![Event::StepCanceled { step }],
        };
        self.simulation.running.insert(step, events);
        self.simulation.record(Event::StepStarted { step });
        true
    }
}

/// What a step of the parent did, the first event last.
fn copied(parent: &Run, twin: StepId, step: StepId) -> Vec<Event> {
    let mut events = match parent.state(twin).unwrap() {
        StepState::Succeeded => vec![Event::StepSucceeded { step }],
        _ => vec![Event::StepFailed { step, retry_after_ms: None }],
    };
    for output in 0..parent.plan().definition(twin.solid).outputs.len() as u32 {
        let items = parent.items(twin, output).into_iter().map(|(key, value)| (Some(key.clone()), value));
        let plain = parent.output(twin, output).map(|value| (None, value));
        let emitted = plain.into_iter().chain(items).collect::<Vec<_>>().into_iter().rev();
        events.extend(emitted.map(|(mapping_key, value)| Event::OutputEmitted {
            step,
            output,
            mapping_key,
            value,
        }));
    }
    events
}
