//! Maps whose clones go a few at a time.
//!
//! A clone takes one of its map's slots when its first step may start, and gives it back when none of its steps is
//! ready or running: the clones of a map with one slot go one after another, each as a whole. Nobody keeps a slot while
//! it waits, so that clones can wait for anything without being in each other's way for ever.
//!
//! A step that its lane holds back is waiting, like one that reads what is not there yet. Clones go in the order in
//! which the first of their steps had all that it reads.

use std::collections::{BTreeMap, VecDeque};

use super::cells::Verdict;
use super::{Run, StepState};
use crate::plan::{Lane, LaneId};
use crate::step::{Point, StepId};

/// One clone of a lane, by its point.
type LaneClone = (LaneId, Point);

/// Who has a slot, and who waits for one.
#[derive(Debug, Default, Clone)]
pub(super) struct Lanes {
    /// The clones that have a slot, with how many of their steps are ready or running.
    at_work: BTreeMap<LaneClone, u32>,
    /// By lane and point around it.
    queues: BTreeMap<(LaneId, Point), Queue>,
    /// The steps of each clone that waits for a slot.
    held: BTreeMap<LaneClone, Vec<StepId>>,
    /// Clones that had nothing to do at some moment of the event at hand; empty between events.
    idle: Vec<LaneClone>,
}

/// The clones that share slots.
#[derive(Debug, Default, Clone)]
struct Queue {
    taken: u32,
    waiting: VecDeque<Point>,
}

impl Run {
    /// Holds a step back if one of its lanes is full. It hears of a free slot then.
    pub(super) fn is_held(&mut self, step: StepId) -> bool {
        for place in 0..self.plan.solids[step.solid.at()].lanes.len() {
            let lane = self.plan.solids[step.solid.at()].lanes[place];
            let clone = self.clone_of(lane, step);
            if self.has_slot(clone) {
                continue;
            }
            let queue = self.queue_of(clone);
            let steps = self.lanes.held.entry(clone).or_default();
            if steps.is_empty() {
                self.lanes.queues.entry(queue).or_default().waiting.push_back(clone.1);
            }
            steps.push(step);
            return true;
        }
        false
    }

    /// Tells the lanes of a step that it changes its state.
    pub(super) fn moved_in_lanes(&mut self, step: StepId, before: StepState, after: StepState) {
        let at_work = |state| matches!(state, StepState::Ready | StepState::Running);
        if at_work(before) == at_work(after) {
            return;
        }
        for place in 0..self.plan.solids[step.solid.at()].lanes.len() {
            let clone = self.clone_of(self.plan.solids[step.solid.at()].lanes[place], step);
            if at_work(after) {
                self.take_slot(clone);
            } else if let Some(steps) = self.lanes.at_work.get_mut(&clone) {
                *steps -= 1;
                self.lanes.idle.extend((*steps == 0).then_some(clone));
            }
        }
    }

    /// At the end of an event: clones with nothing to do give their slots back, and others go on.
    pub(super) fn hand_over_slots(&mut self) {
        while let Some(clone) = self.lanes.idle.pop() {
            if self.lanes.at_work.get(&clone) != Some(&0) {
                continue;
            }
            self.lanes.at_work.remove(&clone);
            let key = self.queue_of(clone);
            self.queue(key).taken -= 1;
            while self.queue(key).taken < self.lane(clone.0).max_concurrent {
                let Some(next) = self.queue(key).waiting.pop_front() else { break };
                for step in self.lanes.held.remove(&(clone.0, next)).unwrap_or_default() {
                    if self.may_start(step) {
                        self.make_ready(step);
                    }
                }
            }
            if self.queue(key).taken == 0 {
                self.lanes.queues.remove(&key);
            }
        }
    }

    fn has_slot(&self, clone: LaneClone) -> bool {
        let taken = || self.lanes.queues.get(&self.queue_of(clone)).map_or(0, |queue| queue.taken);
        self.lanes.at_work.contains_key(&clone) || taken() < self.lane(clone.0).max_concurrent
    }

    fn take_slot(&mut self, clone: LaneClone) {
        if let Some(steps) = self.lanes.at_work.get_mut(&clone) {
            *steps += 1;
            return;
        }
        self.lanes.at_work.insert(clone, 1);
        let queue = self.queue_of(clone);
        self.queue(queue).taken += 1;
    }

    /// Whether a step that was held back still has all that it reads.
    fn may_start(&self, step: StepId) -> bool {
        let gate = self.plan.solids[step.solid.at()].gate;
        self.state(step) == Some(StepState::Waiting)
            && self.cells.gates[gate.at()][step.point.0 as usize].verdict == Some(Verdict::Available)
    }

    fn lane(&self, lane: LaneId) -> &Lane {
        &self.plan.lanes[lane.at()]
    }

    fn clone_of(&self, lane: LaneId, step: StepId) -> LaneClone {
        let scope = self.plan.solids[step.solid.at()].scope;
        (lane, self.points.ancestor(&self.plan, scope, step.point, self.lane(lane).scope))
    }

    fn queue_of(&self, (lane, clone): LaneClone) -> (LaneId, Point) {
        let Lane { scope, around, .. } = *self.lane(lane);
        (lane, self.points.ancestor(&self.plan, scope, clone, around))
    }

    fn queue(&mut self, key: (LaneId, Point)) -> &mut Queue {
        self.lanes.queues.entry(key).or_default()
    }
}
