//! Steps that a retry takes from the run that it retries: what they emitted and how they ended is copied from that run's
//! log, so that the retry's own log tells all of it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use fanfold_graph::retry::RetryRequest;
use fanfold_graph::run::Run;
use fanfold_graph::selection::{self, Choice, Rule};
use fanfold_graph::step::{StepId, StepState};

use super::step_line::StepLine;
use super::worker::Ended;
use crate::sandbox::{FailureKind, Interrupt, StepFailure, StepReport};
use crate::store::{Fact, RecordedLog, RunId};

/// What is taken for one step.
pub(super) enum Taken {
    /// What this step of the parent came to.
    Copy(Arc<Parent>, StepId),
    /// The parent has nothing: the step is left out.
    Nothing,
}

impl Taken {
    /// Sees the step through to its end.
    pub(super) fn end(self, line: &StepLine, interrupt: &Interrupt) -> Ended {
        match self {
            Self::Copy(parent, twin) => parent
                .copy(twin, line, interrupt)
                .map_or_else(|failure| Ended::Failed(Box::new(failure)), Ended::Succeeded),
            Self::Nothing => Ended::LeftOut,
        }
    }
}

/// The run that a retry takes work from.
#[derive(Debug)]
pub struct Parent {
    run_id: RunId,
    steps: selection::Parent,
    log: RecordedLog,
    /// The entry that tells why a step failed for good.
    failures: HashMap<StepId, u64>,
}

impl Parent {
    /// A run that has stopped: its state and the log that tells it, with the entries that tell why steps failed for good.
    pub fn new(
        run_id: RunId,
        run: Run,
        failures: HashMap<StepId, u64>,
        log: RecordedLog,
        rule: Rule,
    ) -> Self {
        Self { run_id, steps: selection::Parent::new(run, rule), log, failures }
    }

    /// What is taken for a step of the retry that may start; none if it is executed.
    pub(super) fn choose(self: &Arc<Self>, run: &Run, step: StepId) -> Option<Taken> {
        match self.steps.choose(run, step) {
            Choice::Execute => None,
            Choice::Take(twin) => Some(Taken::Copy(Arc::clone(self), twin)),
            Choice::LeaveOut => Some(Taken::Nothing),
        }
    }

    /// Hands over what a step of the parent emitted, and ends as it did.
    fn copy(&self, twin: StepId, line: &StepLine, interrupt: &Interrupt) -> Result<StepReport, StepFailure> {
        let unreadable = |error: io::Error| {
            let message = format!("cannot take the step from run `{}`: {error}", self.run_id);
            StepFailure::new(FailureKind::HostFailed, message)
        };
        for seq in self.emitted(twin) {
            if interrupt.is_canceled() {
                let message = "the run was canceled while the step was copied";
                return Err(StepFailure::new(FailureKind::Canceled, message));
            }
            match self.log.entry(seq).map_err(unreadable)?.fact {
                Fact::OutputEmitted { output, mapping_key, value, metadata, .. } => {
                    line.emit_logged(output, mapping_key, value, metadata);
                }
                _ => {
                    return Err(unreadable(io::Error::other(format!("entry {seq} of its log is no output"))));
                }
            }
        }
        if self.steps.run().state(twin) == Some(StepState::Succeeded) {
            return Ok(StepReport::default());
        }
        let failed = self.failures.get(&twin).map(|seq| self.log.entry(*seq)).transpose();
        match failed.map_err(unreadable)?.map(|entry| entry.fact) {
            // Its retries were spent there.
            Some(Fact::StepFailed { failure, .. }) => {
                Err(StepFailure { retry: RetryRequest::Never, ..*failure })
            }
            _ => Err(unreadable(io::Error::other("its log does not tell how the step failed"))),
        }
    }

    /// The entries of what a step emitted and did not take back, in order.
    fn emitted(&self, twin: StepId) -> Vec<u64> {
        let run = self.steps.run();
        let outputs = 0..run.plan().definition(twin.solid).outputs.len() as u32;
        let values = outputs.flat_map(|output| {
            let items = run.items(twin, output).into_iter().map(|(_, value)| value);
            run.output(twin, output).into_iter().chain(items)
        });
        let mut entries: Vec<u64> = values.map(|value| value.id).collect();
        entries.sort_unstable();
        entries
    }
}
