//! One event, applied: the table of what may happen in which state.

use std::sync::Arc;

use super::points::Arrival;
use super::{Run, StepState};
use crate::event::{Event, ValueRef};
use crate::name::MappingKey;
use crate::step::StepId;

use super::cells::{Age, OutputCell};

/// What an event came to, beyond the state of the run.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use = "superseded steps still run and must be interrupted"]
pub struct Applied {
    /// Steps that were running and whose work is no longer wanted: an input changed, or their item was dropped. Their
    /// executions must be interrupted, and nothing more of them recorded.
    pub superseded: Vec<StepId>,
}

/// An event that cannot follow the events before it. The run is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen: {reason}")]
pub struct IllegalEvent {
    /// The event.
    pub event: Event,
    /// Why not.
    pub reason: String,
}

impl Run {
    /// Changes the run by one event.
    pub fn apply(&mut self, event: &Event) -> Result<Applied, IllegalEvent> {
        self.take_in(event).map_err(|reason| IllegalEvent { event: event.clone(), reason })?;
        self.work_off();
        Ok(Applied { superseded: std::mem::take(&mut self.superseded) })
    }

    /// All but what follows from the event, unless there is a reason why it cannot happen now.
    fn take_in(&mut self, event: &Event) -> Result<(), String> {
        self.check(event)?;
        match event {
            Event::StepStarted { step } => self.start(*step),
            Event::OutputEmitted { step, output, mapping_key: None, value } => {
                self.emit(*step, *output, *value);
            }
            Event::OutputEmitted { step, output, mapping_key: Some(key), value } => {
                self.emit_item(*step, *output, key, *value)?;
            }
            Event::StepSucceeded { step } => self.settle(*step, StepState::Succeeded, Age::Fresh),
            Event::StepFailed { step, retry_after_ms: Some(_) } => {
                self.cell(*step).retries += 1;
                self.run_again(*step);
            }
            Event::StepFailed { step, retry_after_ms: None } => {
                self.settle(*step, StepState::Failed, Age::Earlier);
            }
            Event::StepCanceled { step } => self.settle(*step, StepState::Canceled, Age::Earlier),
            Event::RunCanceled => self.is_canceled = true,
            Event::RunResumed => self.resume(),
        }
        Ok(())
    }

    /// Why the event cannot happen now, if it cannot; but for a repeated mapping key, which is found on its way in.
    fn check(&self, event: &Event) -> Result<(), String> {
        match event {
            Event::StepStarted { .. } if self.is_canceled => Err("the run is canceled".to_owned()),
            Event::StepStarted { step } => self.expect(*step, StepState::Ready),
            Event::OutputEmitted { step, output, mapping_key, .. } => {
                self.expect(*step, StepState::Running)?;
                self.check_output(*step, *output, mapping_key.as_ref())
            }
            Event::StepSucceeded { step } => {
                self.expect(*step, StepState::Running)?;
                self.check_complete(*step)
            }
            Event::StepFailed { step, .. } | Event::StepCanceled { step } => {
                self.expect(*step, StepState::Running)
            }
            Event::RunCanceled if self.is_canceled => Err("the run is canceled already".to_owned()),
            Event::RunCanceled | Event::RunResumed => Ok(()),
        }
    }

    fn expect(&self, step: StepId, wanted: StepState) -> Result<(), String> {
        match self.state(step) {
            None => Err("there is no such step".to_owned()),
            Some(state) if state == wanted => Ok(()),
            Some(state) => Err(format!("step `{}` is {state}, not {wanted}", self.step_key(step))),
        }
    }

    fn check_output(&self, step: StepId, output: u32, key: Option<&MappingKey>) -> Result<(), String> {
        let solid = &self.plan.solids[step.solid.at()];
        let Some(dynamic) = solid.dynamics.get(output as usize) else {
            return Err(format!("step `{}` has no output number {output}", self.step_key(step)));
        };
        let name = &solid.definition.outputs[output as usize].name;
        match (dynamic, key) {
            (None, Some(_)) => Err(format!("output `{name}` is not dynamic")),
            (Some(_), None) => Err(format!("output `{name}` is dynamic")),
            (None, None) => {
                let cell = &self.cells.outputs[step.solid.at()][output as usize][step.point.0 as usize];
                let is_fresh = cell.is_some_and(|cell| cell.age == Age::Fresh);
                if is_fresh { Err(format!("output `{name}` was emitted before")) } else { Ok(()) }
            }
            (Some(_), Some(_)) => Ok(()),
        }
    }

    fn check_complete(&self, step: StepId) -> Result<(), String> {
        let solid = &self.plan.solids[step.solid.at()];
        for (output, described) in solid.definition.outputs.iter().enumerate() {
            if described.is_dynamic || !described.is_required {
                continue;
            }
            let cell = &self.cells.outputs[step.solid.at()][output][step.point.0 as usize];
            if !cell.is_some_and(|cell| cell.age == Age::Fresh) {
                return Err(format!("required output `{}` was not emitted", described.name));
            }
        }
        Ok(())
    }

    fn start(&mut self, step: StepId) {
        self.set_state(step, StepState::Running);
        // What stands first in the queue and is not ready any more is forgotten; the rest waits for its turn.
        while let Some(first) = self.ready.first(step.solid) {
            if self.state(first) == Some(StepState::Ready) {
                break;
            }
            self.ready.drop_first(&self.plan, step.solid);
            self.cell(first).is_queued = false;
        }
    }

    fn emit(&mut self, step: StepId, output: u32, value: ValueRef) {
        self.change(step, |run| {
            let cells = &mut run.cells.outputs[step.solid.at()][output as usize];
            cells[step.point.0 as usize] = Some(OutputCell { value, age: Age::Fresh });
        });
    }

    /// Takes in an item; the run is unchanged if there is a reason why it cannot be.
    fn emit_item(
        &mut self,
        step: StepId,
        output: u32,
        key: &MappingKey,
        value: ValueRef,
    ) -> Result<(), String> {
        let plan = Arc::clone(&self.plan);
        let Some(dynamic) = plan.solids[step.solid.at()].dynamics[output as usize] else { return Ok(()) };
        match self.points.emit(dynamic, step.point, key, value) {
            Arrival::Duplicate => return Err(format!("mapping key `{key}` was emitted before")),
            Arrival::Kept => {}
            Arrival::New(item) => {
                let created = self.points.create_for(&plan, dynamic, item);
                self.enter(&created);
            }
            Arrival::Changed(item) => self.item_changed(dynamic, item),
        }
        Ok(())
    }

    /// Puts a running step back: what it reads is still there.
    fn run_again(&mut self, step: StepId) {
        self.age(step, Age::Earlier);
        self.set_state(step, StepState::Waiting);
        self.make_ready(step);
    }

    fn resume(&mut self) {
        self.is_canceled = false;
        let steps: Vec<StepId> = self.plan.solids().flat_map(|solid| self.steps(solid)).collect();
        for step in steps {
            match self.state(step) {
                Some(StepState::Running) => self.run_again(step),
                Some(StepState::Canceled) => {
                    self.change(step, |run| {
                        run.age(step, Age::Earlier);
                        run.set_state(step, StepState::Waiting);
                    });
                    self.make_ready(step);
                }
                _ => {}
            }
        }
    }
}
