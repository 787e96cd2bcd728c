//! What may start, solid by solid: those of the highest priority first, else in the plan's order.
//!
//! Solids that have nothing are not looked at, however many there are.

use std::collections::{BTreeSet, VecDeque};

use crate::plan::Plan;
use crate::step::{Point, SolidId, StepId};

/// Steps in the order in which they became ready. Entries that are no longer ready are passed over.
#[derive(Debug, Clone)]
pub(super) struct ReadyQueues {
    /// By solid.
    queues: Vec<VecDeque<Point>>,
    /// The ranks of the solids whose queues have entries.
    occupied: BTreeSet<u32>,
}

impl ReadyQueues {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { queues: vec![VecDeque::new(); plan.solids.len()], occupied: BTreeSet::new() }
    }

    pub(super) fn push(&mut self, plan: &Plan, step: StepId) {
        self.queues[step.solid.at()].push_back(step.point);
        self.occupied.insert(plan.solids[step.solid.at()].rank);
    }

    pub(super) fn first(&self, solid: SolidId) -> Option<StepId> {
        self.of(solid).next()
    }

    pub(super) fn drop_first(&mut self, plan: &Plan, solid: SolidId) {
        self.queues[solid.at()].pop_front();
        if self.queues[solid.at()].is_empty() {
            self.occupied.remove(&plan.solids[solid.at()].rank);
        }
    }

    /// The entries of one solid, first come first.
    pub(super) fn of(&self, solid: SolidId) -> impl Iterator<Item = StepId> + '_ {
        self.queues[solid.at()].iter().map(move |point| StepId { solid, point: *point })
    }

    /// The solids that have entries, those of the highest priority first.
    pub(super) fn solids<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = SolidId> + 'a {
        self.occupied.iter().map(|rank| plan.by_priority[*rank as usize])
    }
}
