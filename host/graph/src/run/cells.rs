//! The mutable progress of a run, in dense tables: one row for a point of the thing's scope.

use super::rows::Rows;
use crate::event::ValueRef;
use crate::plan::{Plan, ScopeId, Solid};
use crate::step::StepState;

/// What a gate, or a collect, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Available,
    Skipped,
    Failed,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct StepCell {
    pub(super) state: StepState,
    /// True while the ready queue has an entry for the step, ready or not.
    pub(super) is_queued: bool,
    pub(super) retries: u32,
}

/// Which execution of a step emitted something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Age {
    /// The present or last one.
    Fresh,
    /// An earlier one of the same inputs.
    Earlier,
    /// One of other inputs.
    Outdated,
}

/// A value on a plain output.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputCell {
    pub(super) value: ValueRef,
    pub(super) age: Age,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GateCell {
    /// Leaves that are pending.
    pub(super) waiting: u32,
    pub(super) verdict: Option<Verdict>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CollectCell {
    /// Elements without a verdict.
    pub(super) open: u32,
    pub(super) available: u32,
    pub(super) skipped: u32,
    pub(super) failed: u32,
    pub(super) verdict: Option<Verdict>,
}

impl CollectCell {
    /// The count of elements that came to this verdict.
    pub(super) fn count(&mut self, verdict: Verdict) -> &mut u32 {
        match verdict {
            Verdict::Available => &mut self.available,
            Verdict::Skipped => &mut self.skipped,
            Verdict::Failed => &mut self.failed,
        }
    }
}

/// All progress. Tables are indexed by the plan's ids, then by point.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    pub(super) steps: Vec<Rows<StepCell>>,
    /// By solid, then by output.
    pub(super) outputs: Vec<Vec<Rows<Option<OutputCell>>>>,
    pub(super) gates: Vec<Rows<GateCell>>,
    pub(super) collects: Vec<Rows<CollectCell>>,
    pub(super) zips: Vec<Rows<Option<Verdict>>>,
}

impl Cells {
    pub(super) fn new(plan: &Plan) -> Self {
        let no_outputs = |solid: &Solid| vec![Rows::default(); solid.definition.outputs.len()];
        Self {
            steps: vec![Rows::default(); plan.solids.len()],
            outputs: plan.solids.iter().map(no_outputs).collect(),
            gates: vec![Rows::default(); plan.gates.len()],
            collects: vec![Rows::default(); plan.collects.len()],
            zips: vec![Rows::default(); plan.zips.len()],
        }
    }

    /// Adds the rows of one more point of a scope.
    pub(super) fn add_point(&mut self, plan: &Plan, scope: ScopeId) {
        let shape = &plan.scopes[scope.at()];
        let new = StepCell { state: StepState::Waiting, is_queued: false, retries: 0 };
        for solid in &shape.solids {
            self.steps[solid.at()].push(new);
            for (output, dynamic) in
                self.outputs[solid.at()].iter_mut().zip(&plan.solids[solid.at()].dynamics)
            {
                if dynamic.is_none() {
                    output.push(None);
                }
            }
        }
        shape.gates.iter().for_each(|gate| self.gates[gate.at()].push(GateCell::default()));
        shape.collects.iter().for_each(|collect| self.collects[collect.at()].push(CollectCell::default()));
        shape.zips.iter().for_each(|zip| self.zips[zip.at()].push(None));
    }
}
