//! What can happen in a run: past-tense facts, the whole truth about it when read in order.
//!
//! Deliberately absent: what follows from them. That a step became ready, was skipped or came into being by
//! expansion is derived and never logged.

use serde::{Deserialize, Serialize};

use crate::name::MappingKey;
use crate::step::StepId;

/// A fact about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An execution of a step began.
    StepStarted {
        /// The step.
        step: StepId,
    },
    /// A running step handed over an output, and its value was kept.
    OutputEmitted {
        /// The step.
        step: StepId,
        /// Which of its solid's outputs, by place in the definition.
        output: u32,
        /// The key, exactly where the output is dynamic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mapping_key: Option<MappingKey>,
        /// The value.
        value: ValueRef,
    },
    /// A step ended well.
    StepSucceeded {
        /// The step.
        step: StepId,
    },
    /// A step ended badly.
    StepFailed {
        /// The step.
        step: StepId,
        /// The pause in milliseconds after which it runs again; none: it does not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u32>,
    },
    /// A running step was interrupted on request.
    StepCanceled {
        /// The step.
        step: StepId,
    },
    /// Somebody asked the run to end early: nothing more starts.
    RunCanceled,
    /// A run that had stopped, by request or by a crash, was taken up again.
    RunResumed,
}

/// A value, wherever it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueRef {
    /// Where the store finds it.
    pub id: u64,
    /// Tells equal values from others, wherever they are kept: what the store makes of kind and content.
    pub digest: [u8; 16],
}

impl ValueRef {
    /// True when both are the same value, wherever they are kept.
    pub fn same_value(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}
