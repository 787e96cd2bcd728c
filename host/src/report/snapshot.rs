//! How far a run is, on one page: what a program or a person wants to know of it without reading its log.

use std::collections::BTreeMap;

use fanfold_graph::name::SolidName;
use fanfold_graph::run::{Mismatch, Run};
use fanfold_graph::step::{StateCounts, StepState};
use serde::{Deserialize, Serialize};

use super::{Failures, TakenSteps};

/// Keys of a zip that one side lacks are told up to this number.
const MAX_MISMATCHES: usize = 1000;

/// How many steps are in each state, where there are any.
pub type StepCounts = BTreeMap<StepState, u64>;

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Solid by solid, in the plan's order.
    pub solids: Vec<SolidSnapshot>,
    /// Steps that ended as in the run that this one is a retry of, and did not run.
    pub taken: u64,
    /// Steps that did not run although they could have: they were not selected.
    pub left_out: u64,
    /// What failed for good.
    pub failures: Failures,
    /// Mapping keys that one side of a zip lacks, the first of them.
    pub mismatches: Vec<Mismatch>,
}

/// How far one solid's steps are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SolidSnapshot {
    /// Its name in the pipeline.
    pub solid: SolidName,
    /// Its steps as people name them: `process_file[*]`.
    pub pattern: String,
    /// How many of them are in each state.
    pub steps: StepCounts,
}

impl Snapshot {
    /// Takes one of a run, with what was noted of it besides.
    pub fn of(run: &Run, failures: &Failures, taken: &TakenSteps) -> Self {
        let plan = run.plan();
        let solids = plan.solids().map(|solid| SolidSnapshot {
            solid: plan.invocation(solid).name.clone(),
            pattern: plan.step_pattern(solid),
            steps: counts(run.counts(solid)),
        });
        Self {
            solids: solids.collect(),
            taken: taken.taken(run),
            left_out: taken.left_out(run),
            failures: failures.clone(),
            mismatches: run.mismatches().take(MAX_MISMATCHES).collect(),
        }
    }

    /// The steps of all solids.
    pub fn totals(&self) -> StepCounts {
        let mut totals = StepCounts::new();
        for (state, count) in self.solids.iter().flat_map(|solid| &solid.steps) {
            *totals.entry(*state).or_default() += count;
        }
        totals
    }
}

fn counts(counts: &StateCounts) -> StepCounts {
    let states = StepState::ALL.into_iter().zip(*counts);
    states.filter(|(_, count)| *count > 0).collect()
}
