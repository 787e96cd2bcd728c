//! How far a solid is, in words: the same ones on a terminal and in a pipe.

use std::fmt::Write;

use fanfold_graph::run::Run;
use fanfold_graph::step::{SolidId, StateCounts, StepState};

/// How far one solid of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) counts: StateCounts,
    /// More steps may come into being.
    pub(super) is_expanding: bool,
}

impl Progress {
    pub(super) fn of(run: &Run, solid: SolidId) -> Self {
        let plan = run.plan();
        let mut generators =
            plan.invocation(solid).scope.iter().filter_map(|it| plan.find(it.over.solid.as_str()));
        let is_expanding = generators.any(|generator| Self::of(run, generator).is_unfinished());
        Self { counts: *run.counts(solid), is_expanding }
    }

    fn is_unfinished(&self) -> bool {
        self.is_expanding || self.ended() < self.total()
    }

    pub(super) fn count(&self, state: StepState) -> u64 {
        self.counts[state as usize]
    }

    /// Steps that came into being.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Steps that will not run any more.
    pub(super) fn ended(&self) -> u64 {
        let unfinished = [StepState::Waiting, StepState::Ready, StepState::Running];
        self.total() - unfinished.iter().map(|state| self.count(*state)).sum::<u64>()
    }

    /// True once there is anything to tell.
    pub(super) fn has_begun(&self) -> bool {
        self.ended() + self.count(StepState::Running) > 0
    }

    /// The state that all steps are in, if it is one.
    fn only_state(&self) -> Option<StepState> {
        StepState::ALL.into_iter().find(|state| self.count(*state) == self.total())
    }

    /// `1873/2041+ done`, and what went other than well.
    pub(super) fn text(&self) -> String {
        if let (1, false, Some(state)) = (self.total(), self.is_unfinished(), self.only_state()) {
            return if state == StepState::Succeeded { "done".to_owned() } else { words(state) };
        }
        let more = if self.is_expanding { "+" } else { "" };
        let mut text = match (self.ended(), self.total(), self.is_unfinished()) {
            (0, 0, false) => "no steps".to_owned(),
            (ended, total, _) => format!("{ended}/{total}{more} done"),
        };
        let troubles =
            [StepState::Failed, StepState::Skipped, StepState::UpstreamFailed, StepState::Canceled];
        for state in troubles.into_iter().filter(|state| self.count(*state) > 0) {
            _ = write!(text, ", {} {}", self.count(state), words(state));
        }
        text
    }
}

fn words(state: StepState) -> String {
    state.as_str().replace('-', " ")
}
