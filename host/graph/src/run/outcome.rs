//! How a run ended.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Run;
use super::cells::Verdict;
use crate::plan::{Leaf, Owner, Reader, Target};
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
        let has_failed = self.mismatches().next().is_some() || failed.any(|step| !self.is_made_up_for(step));
        Some(if has_failed { Outcome::Failed } else { Outcome::Succeeded })
    }

    fn failed(&self, solid: SolidId) -> Vec<StepId> {
        let counts = self.counts(solid);
        let bad = [StepState::Failed, StepState::Canceled];
        if bad.iter().all(|state| counts[*state as usize] == 0) {
            return Vec::new();
        }
        self.steps(solid).filter(|step| self.state(*step).is_some_and(|it| bad.contains(&it))).collect()
    }

    /// True when somebody missed what a failed step did not give, and all who did can do without it: each way on
    /// ends in a collect that has enough.
    fn is_made_up_for(&self, step: StepId) -> bool {
        let mut open = vec![step];
        let mut seen = BTreeSet::from([step]);
        while let Some(step) = open.pop() {
            let Some(sufferers) = self.sufferers(step) else { return false };
            open.extend(sufferers.into_iter().filter(|sufferer| seen.insert(*sufferer)));
        }
        true
    }

    /// The steps that do not run because of this one. None when it is missed where nothing makes up for it, or missed
    /// by nobody.
    fn sufferers(&self, step: StepId) -> Option<Vec<StepId>> {
        let mut sufferers = Vec::new();
        let mut is_forgiven = false;
        let mut missing = vec![(Target::Success(step.solid), step.point)];
        while let Some((target, producer)) = missing.pop() {
            let readers = match target {
                Target::Output(solid, _) | Target::Success(solid) => &self.plan.solids[solid.at()].readers,
                Target::Collect(collect) => &self.plan.collects[collect.at()].readers,
                Target::Zip(zip) => &self.plan.zips[zip.at()].readers,
            };
            for leaf in readers.iter().map(|leaf| &self.plan.leaves[leaf.at()]) {
                for point in self.readers(&self.plan, leaf, producer) {
                    match self.missed(leaf, point) {
                        None => {}
                        Some(Missed::Result) => return None,
                        Some(Missed::Step(step)) => sufferers.push(step),
                        Some(Missed::By(reader, point)) => missing.push((reader, point)),
                        Some(Missed::Forgiven) => is_forgiven = true,
                    }
                }
            }
        }
        Some(sufferers).filter(|sufferers| is_forgiven || !sufferers.is_empty())
    }

    /// Who got no value through a leaf because of a failure.
    fn missed(&self, leaf: &Leaf, point: Point) -> Option<Missed> {
        let gate = match leaf.reader {
            Reader::Closing(collect) => return Some(Missed::By(Target::Collect(collect), point)),
            Reader::Zip(zip) => return Some(Missed::By(Target::Zip(zip), point)),
            Reader::Gate(gate) => gate,
        };
        let has_failed = self.cells.gates[gate.at()][point.0 as usize].verdict == Some(Verdict::Failed);
        has_failed.then(|| match self.plan.gates[gate.at()].owner {
            Owner::Result => Missed::Result,
            Owner::Solid(solid) => Missed::Step(StepId { solid, point }),
            Owner::Element(collect) => {
                let parent = self.collected_at(&self.plan, gate, collect, point);
                match self.cells.collects[collect.at()][parent.0 as usize].verdict {
                    Some(Verdict::Available) => Missed::Forgiven,
                    _ => Missed::By(Target::Collect(collect), parent),
                }
            }
        })
    }
}

/// Where a value is missed.
enum Missed {
    Result,
    Step(StepId),
    /// By a collect or a zip, which others read.
    By(Target, Point),
    /// In a collect that has enough.
    Forgiven,
}
