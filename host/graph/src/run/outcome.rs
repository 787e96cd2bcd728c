//! How a run ended.

use serde::{Deserialize, Serialize};

use super::Run;
use super::cells::Verdict;
use crate::plan::{Owner, Reader, Target};
use crate::step::{Point, SolidId, StepId, StepState};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// No step failed, or only such as a collect with `min_success_ratio` made up for.
    Succeeded,
    /// Some step failed.
    Failed,
    /// The run was ended on request.
    Canceled,
}

impl Run {
    /// How the run ended; none while something runs or may start.
    pub fn outcome(&self) -> Option<Outcome> {
        if self.running > 0 || (!self.is_canceled && self.ready().next().is_some()) {
            return None;
        }
        if self.is_canceled {
            return Some(Outcome::Canceled);
        }
        let mut failed = self.plan.solids().flat_map(|solid| self.failed(solid));
        Some(if failed.any(|step| !self.is_made_up_for(step)) { Outcome::Failed } else { Outcome::Succeeded })
    }

    fn failed(&self, solid: SolidId) -> Vec<StepId> {
        let counts = self.counts(solid);
        let bad = [StepState::Failed, StepState::Canceled];
        if bad.iter().all(|state| counts[*state as usize] == 0) {
            return Vec::new();
        }
        self.steps(solid).filter(|step| self.state(*step).is_some_and(|it| bad.contains(&it))).collect()
    }

    /// True when every way on from a failed step ends in a collect that has enough without it.
    fn is_made_up_for(&self, step: StepId) -> bool {
        let mut unchecked: Vec<(Target, Point)> = vec![(Target::Success(step.solid), step.point)];
        while let Some((target, producer)) = unchecked.pop() {
            let readers = match target {
                Target::Output(solid, _) | Target::Success(solid) => &self.plan.solids[solid.at()].readers,
                Target::Collect(collect) => &self.plan.collects[collect.at()].readers,
            };
            if readers.is_empty() {
                return false;
            }
            for leaf in readers {
                let leaf = &self.plan.leaves[leaf.at()];
                let Reader::Gate(gate) = leaf.reader else { return false };
                for point in self.readers(&self.plan, leaf, producer) {
                    match self.plan.gates[gate.at()].owner {
                        Owner::Result => return false,
                        Owner::Solid(solid) => unchecked.push((Target::Success(solid), point)),
                        Owner::Element(collect) => {
                            let parent = self.points.parent(leaf.reader_scope, point);
                            let cell = self.cells.collects[collect.at()][parent.0 as usize];
                            if cell.verdict != Some(Verdict::Available) {
                                unchecked.push((Target::Collect(collect), parent));
                            }
                        }
                    }
                }
            }
        }
        true
    }
}
