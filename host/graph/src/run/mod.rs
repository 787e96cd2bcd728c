//! A run: the fold of its events over a plan.
//!
//! [`Run::apply`] is the only way to change a run, and replaying a log gives the same run, ids included. What is ready,
//! blocked, skipped or expanded follows from the events and is never logged.
//!
//! Rules that are not obvious:
//! - An item of a dynamic output is available once it is emitted. A plain output is available once its step has
//!   succeeded; to a reader that streams from the same step's items, once it is emitted.
//! - A step that runs again keeps what it emitted as *stale*. Its next execution confirms, changes or drops each
//!   output; only a changed or dropped one reaches the clones that already ran.
//! - An item that was emitted is worked on even if its generator fails for good afterwards, so that the outcome does
//!   not depend on the order in which steps happen to run.
//!
//! Cost: an event costs time in proportion to what it changes; a clone costs its cells in a few dense tables.

mod apply;
mod cells;
mod collect;
mod derive;
mod inputs;
mod lanes;
mod mismatch;
mod outcome;
mod points;
mod ready;
mod rows;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::event::ValueRef;
use crate::name::MappingKey;
use crate::plan::{LeafId, Plan};
use crate::step::{Point, SolidId, StateCounts, StepId, StepKey, StepState};

pub use apply::{Applied, IllegalEvent};
pub use inputs::{Collection, Page, Resolved};
pub use mismatch::{Emitter, Mismatch};
pub use outcome::Outcome;

use cells::Cells;
use derive::{Offer, Task};
use lanes::Lanes;
use points::Points;
use ready::ReadyQueues;

/// The state of a run.
#[derive(Debug, Clone)]
pub struct Run {
    plan: Arc<Plan>,
    points: Points,
    cells: Cells,
    /// By leaf and producer's point: the readers' points that wait, where they are not the same point.
    waiters: BTreeMap<(LeafId, Point), Vec<Point>>,
    ready: ReadyQueues,
    lanes: Lanes,
    counts: Vec<StateCounts>,
    running: u64,
    is_canceled: bool,
    /// What follows from the event at hand and is yet to be done; empty between events.
    agenda: VecDeque<Task>,
    /// Room for what a step's readers see; empty between changes.
    offers: Vec<Offer>,
    superseded: Vec<StepId>,
}

impl Run {
    /// A run that has not begun: what reads nothing is ready.
    pub fn new(plan: Arc<Plan>) -> Self {
        let points = Points::new(&plan);
        let mut run = Self {
            cells: Cells::new(&plan),
            ready: ReadyQueues::new(&plan),
            lanes: Lanes::default(),
            counts: vec![StateCounts::default(); plan.solids.len()],
            points,
            plan,
            waiters: BTreeMap::new(),
            running: 0,
            is_canceled: false,
            agenda: VecDeque::new(),
            offers: Vec::new(),
            superseded: Vec::new(),
        };
        let plan = Arc::clone(&run.plan);
        let created = run.points.create_root(&plan);
        run.enter(&created);
        run.work_off();
        run
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// What may start: solid by solid, those of the highest priority first, else in the plan's order; of one solid
    /// first come first. Empty once the run is canceled.
    pub fn ready(&self) -> impl Iterator<Item = StepId> + '_ {
        self.solids_with_ready().flat_map(|solid| self.ready_of(solid))
    }

    /// The solids of which steps may start, those of the highest [priority](crate::plan::PRIORITY_TAG) first, else in
    /// the plan's order. Of some of them none may, after all: [`ready_of`](Self::ready_of) tells.
    pub fn solids_with_ready(&self) -> impl Iterator<Item = SolidId> + '_ {
        self.ready.solids(&self.plan)
    }

    /// What may start of one solid, first come first.
    pub fn ready_of(&self, solid: SolidId) -> impl Iterator<Item = StepId> + '_ {
        let steps = self.ready.of(solid).filter(|step| self.state(*step) == Some(StepState::Ready));
        steps.take(if self.is_canceled { 0 } else { usize::MAX })
    }

    /// Where a step stands; none when there is no such step, or its item was dropped.
    pub fn state(&self, step: StepId) -> Option<StepState> {
        let scope = self.plan.solids.get(step.solid.at())?.scope;
        let cell = self.cells.steps[step.solid.at()].get(step.point.0 as usize)?;
        self.points.is_live(scope, step.point).then_some(cell.state)
    }

    /// Whether there is such a step, or was one until its item was dropped. What is asked of any other panics.
    pub fn knows(&self, step: StepId) -> bool {
        self.cells.steps.get(step.solid.at()).is_some_and(|cells| (step.point.0 as usize) < cells.len())
    }

    /// How often a step was retried: the number of the attempt that is running or comes next.
    pub fn attempt(&self, step: StepId) -> u32 {
        self.cells.steps[step.solid.at()][step.point.0 as usize].retries
    }

    /// How many steps of a solid are in each state, in the order of [`StepState::ALL`].
    pub fn counts(&self, solid: SolidId) -> &StateCounts {
        &self.counts[solid.at()]
    }

    /// The steps of a solid that exist, in the order in which they came into being.
    pub fn steps(&self, solid: SolidId) -> impl Iterator<Item = StepId> + '_ {
        let points = 0..self.cells.steps[solid.at()].len() as u32;
        let steps = points.map(move |point| StepId { solid, point: Point(point) });
        steps.filter(|step| self.state(*step).is_some())
    }

    /// The mapping keys of a step, outermost first.
    pub fn mapping_keys(&self, step: StepId) -> Vec<&MappingKey> {
        let mut scope = self.plan.solids[step.solid.at()].scope;
        let mut point = step.point;
        let mut keys = Vec::new();
        while let Some((parent, dim)) = &self.plan.scopes[scope.at()].last {
            // What is joined has the key of what it is joined with.
            if dim.joined_with.is_none() {
                keys.push(self.points.key(dim.dynamic, self.points.last_item(scope, point)));
            }
            point = self.points.parent(scope, point);
            scope = *parent;
        }
        keys.reverse();
        keys
    }

    /// The step that people name so, if there is one.
    pub fn find(&self, key: &StepKey) -> Option<StepId> {
        let solid = self.plan.find(key.solid.as_str())?;
        let point = self.points.find(&self.plan, self.plan.solids[solid.at()].scope, &key.mapping_keys)?;
        Some(StepId { solid, point }).filter(|step| self.state(*step).is_some())
    }

    /// How people name a step.
    pub fn step_key(&self, step: StepId) -> StepKey {
        let mapping_keys = self.mapping_keys(step).into_iter().cloned().collect();
        StepKey { solid: self.plan.invocation(step.solid).name.clone(), mapping_keys }
    }

    /// The value that a step emitted on a plain output, if it did; none for a dynamic one.
    pub fn output(&self, step: StepId, output: u32) -> Option<ValueRef> {
        let cells = &self.cells.outputs[step.solid.at()][output as usize];
        cells.get(step.point.0 as usize).copied().flatten().map(|cell| cell.value)
    }

    /// What a step emitted on a dynamic output, in emission order; nothing for a plain one.
    pub fn items(&self, step: StepId, output: u32) -> Vec<(&MappingKey, ValueRef)> {
        let Some(dynamic) = self.plan.solids[step.solid.at()].dynamics[output as usize] else {
            return Vec::new();
        };
        let items = &self.points.dynamics[dynamic.at()].items;
        let live = self.points.live_items(dynamic, step.point).into_iter();
        live.map(|item| &items[item as usize]).map(|item| (&item.mapping_key, item.value)).collect()
    }

    /// True once somebody asked the run to end early, until it is resumed.
    pub fn is_canceled(&self) -> bool {
        self.is_canceled
    }
}
