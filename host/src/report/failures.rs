//! The steps that failed for good: how many, and the first of them in full.

use fanfold_graph::step::StepKey;
use serde::{Deserialize, Serialize};

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

/// A step that failed for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedStep {
    /// The step.
    pub step: StepKey,
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
    pub fn add(&mut self, step: StepKey, failure: &StepFailure) {
        self.count += 1;
        if self.kept.len() < MAX_KEPT {
            self.kept.push(FailedStep {
                step,
                kind: failure.kind,
                message: failure.message.clone(),
                hint: failure.hint.clone(),
                last_words: failure.last_words.clone(),
            });
        }
    }
}
