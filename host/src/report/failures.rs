//! The steps that failed for good: how many, and the first of them in full.

use std::fmt;

use fanfold_graph::name::SolidRef;
use fanfold_graph::run::Run;
use fanfold_graph::step::{StepId, StepKey};
use serde::{Deserialize, Serialize};

use crate::diagnostic::printable;
use crate::sandbox::{FailureKind, StepFailure};

/// Failures that are kept in full. A run of a million clones that all fail must not fill memory with their words.
const MAX_KEPT: usize = 1000;

/// Steps that failed for good.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Failures {
    /// The first of them, in the order in which they failed.
    pub kept: Vec<FailedStep>,
    /// How many there are.
    pub count: u64,
}

/// A step that failed for good. Displays as one line: `process_file[a] (files:process_file)  timed-out: ...`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedStep {
    /// The step.
    pub step: StepKey,
    /// The plugin's solid that it is a step of.
    pub solid: SolidRef,
    /// Why: a stable name.
    pub kind: FailureKind,
    /// Why, in words.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The last lines that the step wrote to standard error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_words: Vec<String>,
}

impl Failures {
    /// Counts a failure, and keeps it if there is room.
    pub fn add(&mut self, run: &Run, step: StepId, failure: &StepFailure) {
        self.count += 1;
        if self.kept.len() < MAX_KEPT {
            self.kept.push(FailedStep {
                step: run.step_key(step),
                solid: run.plan().invocation(step.solid).solid.clone(),
                kind: failure.kind,
                message: failure.message.clone(),
                hint: failure.hint.clone(),
                last_words: failure.last_words.clone(),
            });
        }
    }
}

impl fmt::Display for FailedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, solid, kind, message, .. } = self;
        write!(f, "{step} ({solid})  {kind}: {}", printable(message))
    }
}
