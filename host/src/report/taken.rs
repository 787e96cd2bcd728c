//! Which steps of a retry were taken from its parent, and which were left out.

use std::collections::HashMap;

use fanfold_graph::run::Run;
use fanfold_graph::step::{StepId, StepState};

use crate::store::Fact;

/// Steps of a retry that did not run in it.
#[derive(Debug, Default)]
pub struct TakenSteps(HashMap<StepId, End>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    AsInParent,
    /// The parent has no end of it.
    LeftOut,
}

impl TakenSteps {
    /// Takes note of what happened.
    pub fn note(&mut self, fact: &Fact) {
        match fact {
            Fact::StepTaken { step } => _ = self.0.insert(*step, End::AsInParent),
            // It runs after all: what it reads is not what it was.
            Fact::StepStarted { step } => _ = self.0.remove(step),
            Fact::StepCanceled { step } => {
                self.0.entry(*step).and_modify(|end| *end = End::LeftOut);
            }
            _ => {}
        }
    }

    /// How many ended as in the parent.
    pub fn taken(&self, run: &Run) -> u64 {
        let has_ended = |step| matches!(run.state(step), Some(StepState::Succeeded | StepState::Failed));
        self.count(End::AsInParent, has_ended)
    }

    /// How many did not run, although they could have.
    pub fn left_out(&self, run: &Run) -> u64 {
        self.count(End::LeftOut, |step| run.state(step) == Some(StepState::Canceled))
    }

    fn count(&self, end: End, counts: impl Fn(StepId) -> bool) -> u64 {
        self.0.iter().filter(|(step, found)| **found == end && counts(**step)).count() as u64
    }
}
