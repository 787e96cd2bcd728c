//! What follows from an event: verdicts of gates and collects, and what they start, skip or take back.
//!
//! [`Run::change`] is the one function that changes what a step offers to its readers. It compares what each reader
//! saw before and after; every difference becomes a task, and tasks are worked off in order until none is left. There
//! is no recursion from step to step: a chain may be of any length.

use std::sync::Arc;

use super::Run;
use super::cells::{Age, Verdict};
use crate::plan::{DynamicId, GateId, Leaf, LeafId, Owner, Plan, Read, Reader, ScopeId, Target};
use crate::step::{Point, StepId, StepState};

/// What a leaf's producer offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    Pending,
    /// With the digest of the value, where there is one.
    Available([u8; 16]),
    Skipped,
    Failed,
}

/// A difference that a leaf's readers have to hear of.
#[derive(Debug, Clone)]
pub(super) struct Task {
    leaf: LeafId,
    producer: Point,
    news: News,
}

#[derive(Debug, Clone, Copy)]
enum News {
    /// Pending no more.
    Resolved,
    /// Pending again.
    Reopened,
    /// Not pending, but not the same as before.
    Changed,
}

impl Run {
    /// Takes in new points: their rows first, then their waits, then what needs no waiting.
    pub(super) fn enter(&mut self, created: &[(ScopeId, Point)]) {
        let plan = Arc::clone(&self.plan);
        for (scope, _) in created {
            self.cells.add_point(&plan, *scope);
            for solid in &plan.scopes[scope.at()].solids {
                self.counts[solid.at()][StepState::Waiting as usize] += 1;
            }
        }
        for (scope, point) in created {
            for gate in &plan.scopes[scope.at()].gates {
                self.enter_gate(&plan, *gate, *point);
            }
        }
        for (scope, point) in created {
            for zip in &plan.scopes[scope.at()].zips {
                for closing in &plan.zips[zip.at()].closings {
                    self.wait(&plan, *closing, *point);
                }
                self.judge_zip(*zip, *point);
            }
            for gate in &plan.scopes[scope.at()].gates {
                self.judge(*gate, *point);
            }
            for collect in &plan.scopes[scope.at()].collects {
                self.wait(&plan, plan.collects[collect.at()].closing, *point);
                self.judge_collect(*collect, *point);
            }
        }
    }

    fn enter_gate(&mut self, plan: &Plan, gate: GateId, point: Point) {
        for leaf in &plan.gates[gate.at()].leaves {
            if self.wait(plan, *leaf, point) {
                self.cells.gates[gate.at()][point.0 as usize].waiting += 1;
            }
        }
        if let Owner::Element(collect) = plan.gates[gate.at()].owner {
            let parent = self.collected_at(plan, gate, collect, point);
            self.cells.collects[collect.at()][parent.0 as usize].open += 1;
        }
    }

    /// Registers a reader's point with a pending producer. False when there is nothing to wait for.
    fn wait(&mut self, plan: &Plan, leaf: LeafId, reader: Point) -> bool {
        let shape = &plan.leaves[leaf.at()];
        let producer = self.producer(plan, shape, reader);
        if self.offer(shape, producer) != Offer::Pending {
            return false;
        }
        if !shape.is_direct {
            self.waiters.entry((leaf, producer)).or_default().push(reader);
        }
        true
    }

    pub(super) fn producer(&self, plan: &Plan, leaf: &Leaf, reader: Point) -> Point {
        if leaf.is_direct {
            return reader;
        }
        self.points.project(plan, leaf.reader_scope, reader, leaf.target_scope, &leaf.at)
    }

    /// What a producer offers to a leaf.
    pub(super) fn offer(&self, leaf: &Leaf, producer: Point) -> Offer {
        let row = producer.0 as usize;
        match leaf.target {
            Target::Collect(collect) => Self::of_verdict(self.cells.collects[collect.at()][row].verdict),
            Target::Zip(zip) => Self::of_verdict(self.cells.zips[zip.at()][row]),
            Target::Success(solid) => match self.cells.steps[solid.at()][row].state {
                StepState::Succeeded => Offer::Available([0; 16]),
                state => Self::without_value(state),
            },
            Target::Output(solid, output) => {
                let emitted = self.cells.outputs[solid.at()][output as usize][row];
                match (self.cells.steps[solid.at()][row].state, emitted) {
                    (StepState::Succeeded, Some(cell)) => Offer::Available(cell.value.digest),
                    (StepState::Succeeded, None) => Offer::Skipped,
                    (_, Some(cell)) if leaf.is_early => Offer::Available(cell.value.digest),
                    (state, _) => Self::without_value(state),
                }
            }
        }
    }

    pub(super) fn of_verdict(verdict: Option<Verdict>) -> Offer {
        match verdict {
            None => Offer::Pending,
            Some(Verdict::Available) => Offer::Available([0; 16]),
            Some(Verdict::Skipped) => Offer::Skipped,
            Some(Verdict::Failed) => Offer::Failed,
        }
    }

    fn without_value(state: StepState) -> Offer {
        match state {
            StepState::Waiting | StepState::Ready | StepState::Running | StepState::Succeeded => {
                Offer::Pending
            }
            StepState::Skipped => Offer::Skipped,
            StepState::Failed | StepState::UpstreamFailed | StepState::Canceled => Offer::Failed,
        }
    }

    /// Changes a step, and sees to it that its readers hear of every difference that they can see.
    pub(super) fn change(&mut self, step: StepId, mutate: impl FnOnce(&mut Self)) {
        let plan = Arc::clone(&self.plan);
        let readers = &plan.solids[step.solid.at()].readers;
        let offer = |run: &Self, leaf: &LeafId| run.offer(&plan.leaves[leaf.at()], step.point);
        let mut before = std::mem::take(&mut self.offers);
        before.extend(readers.iter().map(|leaf| offer(self, leaf)));
        mutate(self);
        for (leaf, before) in readers.iter().zip(before.drain(..)) {
            let after = offer(self, leaf);
            self.announce(*leaf, step.point, before, after);
        }
        self.offers = before;
    }

    pub(super) fn announce(&mut self, leaf: LeafId, producer: Point, before: Offer, after: Offer) {
        let news = match (before, after) {
            (before, after) if before == after => return,
            (Offer::Pending, _) => News::Resolved,
            (_, Offer::Pending) => News::Reopened,
            _ => News::Changed,
        };
        self.agenda.push_back(Task { leaf, producer, news });
    }

    /// Works off what follows from the event at hand.
    pub(super) fn work_off(&mut self) {
        let plan = Arc::clone(&self.plan);
        while let Some(Task { leaf, producer, news }) = self.agenda.pop_front() {
            let shape = &plan.leaves[leaf.at()];
            if shape.is_direct {
                self.hear(shape, leaf, producer, producer, news);
                continue;
            }
            let points = match news {
                News::Resolved => self.waiters.remove(&(leaf, producer)).unwrap_or_default(),
                News::Reopened | News::Changed => self.readers(&plan, shape, producer),
            };
            for point in points {
                self.hear(shape, leaf, producer, point, news);
            }
        }
        self.hand_over_slots();
    }

    /// Tells a reader's point, if it is still there.
    fn hear(&mut self, shape: &Leaf, leaf: LeafId, producer: Point, point: Point, news: News) {
        if !self.points.is_live(shape.reader_scope, point) {
            return;
        }
        if matches!(news, News::Reopened) && !shape.is_direct {
            self.waiters.entry((leaf, producer)).or_default().push(point);
        }
        let gate = match shape.reader {
            Reader::Closing(collect) => return self.judge_collect(collect, point),
            Reader::Zip(zip) => return self.judge_zip(zip, point),
            Reader::Gate(gate) => gate,
        };
        let row = point.0 as usize;
        match news {
            News::Resolved => self.cells.gates[gate.at()][row].waiting -= 1,
            News::Reopened => {
                self.take_back(gate, point);
                self.cells.gates[gate.at()][row].waiting += 1;
            }
            News::Changed => self.take_back(gate, point),
        }
        self.judge(gate, point);
    }

    /// The points that read this producer's point through a leaf. Used where something is taken back, which is rare:
    /// it enumerates, so that nothing needs to be remembered for the usual way.
    pub(super) fn readers(&self, plan: &Plan, leaf: &Leaf, producer: Point) -> Vec<Point> {
        if leaf.is_direct {
            return vec![producer];
        }
        let scope = leaf.reader_scope;
        let candidates: Vec<Point> = match leaf.at.last() {
            None => (0..self.points.count(scope))
                .map(Point)
                .filter(|it| self.points.is_live(scope, *it))
                .collect(),
            Some(position) => {
                let item = self.points.last_item(leaf.target_scope, producer);
                self.points.with_item(plan, scope, *position, item)
            }
        };
        candidates.into_iter().filter(|reader| self.producer(plan, leaf, *reader) == producer).collect()
    }

    /// Gives a gate its verdict, once nothing that it waits for is pending.
    fn judge(&mut self, gate: GateId, point: Point) {
        let cell = self.cells.gates[gate.at()][point.0 as usize];
        if cell.waiting > 0 || cell.verdict.is_some() {
            return;
        }
        let plan = Arc::clone(&self.plan);
        let Some(verdict) = self.verdict(&plan, gate, point) else { return };
        self.cells.gates[gate.at()][point.0 as usize].verdict = Some(verdict);
        match plan.gates[gate.at()].owner {
            Owner::Result => {}
            Owner::Solid(solid) => {
                let step = StepId { solid, point };
                match verdict {
                    Verdict::Available => self.make_ready(step),
                    Verdict::Skipped => self.settle(step, StepState::Skipped, Age::Fresh),
                    Verdict::Failed => self.settle(step, StepState::UpstreamFailed, Age::Fresh),
                }
            }
            Owner::Element(collect) => {
                let parent = self.collected_at(&plan, gate, collect, point);
                let cell = &mut self.cells.collects[collect.at()][parent.0 as usize];
                cell.open -= 1;
                *cell.count(verdict) += 1;
                self.judge_collect(collect, parent);
            }
        }
    }

    /// Takes a gate's verdict back, and what came of it.
    fn take_back(&mut self, gate: GateId, point: Point) {
        let Some(verdict) = self.cells.gates[gate.at()][point.0 as usize].verdict.take() else { return };
        let plan = Arc::clone(&self.plan);
        match plan.gates[gate.at()].owner {
            Owner::Result => {}
            Owner::Solid(solid) => self.reopen(StepId { solid, point }),
            Owner::Element(collect) => {
                let parent = self.collected_at(&plan, gate, collect, point);
                let cell = &mut self.cells.collects[collect.at()][parent.0 as usize];
                cell.open += 1;
                *cell.count(verdict) -= 1;
                self.judge_collect(collect, parent);
            }
        }
    }

    /// Failure outweighs a skip. None while a producer is pending.
    fn verdict(&self, plan: &Plan, gate: GateId, point: Point) -> Option<Verdict> {
        let gate = &plan.gates[gate.at()];
        let mut verdict = Verdict::Available;
        for leaf in &gate.leaves {
            let leaf = &plan.leaves[leaf.at()];
            match self.offer(leaf, self.producer(plan, leaf, point)) {
                Offer::Pending => return None,
                Offer::Failed => verdict = Verdict::Failed,
                Offer::Available(_) | Offer::Skipped => {}
            }
        }
        let is_skipped = || gate.reads.iter().any(|(_, read)| self.is_skipped(plan, read, point));
        if verdict == Verdict::Available && is_skipped() {
            verdict = Verdict::Skipped;
        }
        Some(verdict)
    }

    /// True when a read has no value because of a skip: a list or dict only when all of its members are skipped.
    pub(super) fn is_skipped(&self, plan: &Plan, read: &Read, point: Point) -> bool {
        match read {
            Read::Value(_) | Read::Item(_) => false,
            Read::Leaf(leaf) => {
                let leaf = &plan.leaves[leaf.at()];
                self.offer(leaf, self.producer(plan, leaf, point)) == Offer::Skipped
            }
            Read::List(members) => {
                !members.is_empty() && members.iter().all(|member| self.is_skipped(plan, member, point))
            }
            Read::Dict(members) => {
                !members.is_empty() && members.iter().all(|(_, member)| self.is_skipped(plan, member, point))
            }
        }
    }

    /// Lets a step start, if it need not wait for its lanes.
    pub(super) fn make_ready(&mut self, step: StepId) {
        if self.is_held(step) {
            return;
        }
        self.set_state(step, StepState::Ready);
        let cell = self.cell(step);
        if !std::mem::replace(&mut cell.is_queued, true) {
            self.ready.push(&self.plan, step);
        }
    }

    /// Ends a step. What it emitted goes if it is older than `oldest`.
    pub(super) fn settle(&mut self, step: StepId, state: StepState, oldest: Age) {
        self.drop_items(step, oldest);
        self.change(step, |run| {
            for output in &mut run.cells.outputs[step.solid.at()] {
                if let Some(cell) = output.get_mut(step.point.0 as usize) {
                    *cell = cell.filter(|cell| cell.age <= oldest);
                }
            }
            run.set_state(step, state);
        });
    }

    /// Takes a step back to where it waits: something that it read is pending again or not what it was.
    fn reopen(&mut self, step: StepId) {
        if self.state(step) == Some(StepState::Running) {
            self.superseded.push(step);
        }
        self.change(step, |run| {
            run.age(step, Age::Outdated);
            run.set_state(step, StepState::Waiting);
            run.cell(step).retries = 0;
        });
    }

    /// What a step emitted is at least this old from now on.
    pub(super) fn age(&mut self, step: StepId, age: Age) {
        for output in &mut self.cells.outputs[step.solid.at()] {
            if let Some(Some(cell)) = output.get_mut(step.point.0 as usize) {
                cell.age = cell.age.max(age);
            }
        }
        let plan = Arc::clone(&self.plan);
        for dynamic in plan.solids[step.solid.at()].dynamics.iter().flatten() {
            self.points.age(*dynamic, step.point, age);
        }
    }

    /// Drops the items of a generator that are older than `oldest`, with their clones.
    fn drop_items(&mut self, step: StepId, oldest: Age) {
        let plan = Arc::clone(&self.plan);
        for dynamic in plan.solids[step.solid.at()].dynamics.iter().flatten() {
            for item in self.points.drop_items(*dynamic, step.point, oldest) {
                // All of them before any is dead: a point is found by way of its prefix.
                let appears = plan.dynamics[dynamic.at()].appears.iter();
                let points: Vec<(ScopeId, Point)> = appears
                    .flat_map(|(scope, position)| {
                        let points = self.points.with_item(&plan, *scope, *position, item);
                        points.into_iter().map(|point| (*scope, point))
                    })
                    .collect();
                for (scope, point) in points {
                    // A scope that is crossed with itself shows a point once for each position.
                    if self.points.is_live(scope, point) {
                        self.kill(&plan, scope, point);
                    }
                }
            }
        }
    }

    fn kill(&mut self, plan: &Plan, scope: ScopeId, point: Point) {
        let shape = &plan.scopes[scope.at()];
        for solid in &shape.solids {
            let state = self.cells.steps[solid.at()][point.0 as usize].state;
            self.counts[solid.at()][state as usize] -= 1;
            let step = StepId { solid: *solid, point };
            self.moved_in_lanes(step, state, StepState::Waiting);
            if state == StepState::Running {
                self.running -= 1;
                self.superseded.push(step);
            }
        }
        self.points.kill(scope, point);
        for gate in &shape.gates {
            let Owner::Element(collect) = plan.gates[gate.at()].owner else { continue };
            let parent = self.collected_at(plan, *gate, collect, point);
            let verdict = self.cells.gates[gate.at()][point.0 as usize].verdict;
            let cell = &mut self.cells.collects[collect.at()][parent.0 as usize];
            match verdict {
                None => cell.open -= 1,
                Some(verdict) => *cell.count(verdict) -= 1,
            }
            if self.points.is_live(plan.collects[collect.at()].scope, parent) {
                self.judge_collect(collect, parent);
            }
        }
    }

    /// An item came again with another value: what read it starts over.
    pub(super) fn item_changed(&mut self, dynamic: DynamicId, item: u32) {
        let plan = Arc::clone(&self.plan);
        for (scope, position) in &plan.dynamics[dynamic.at()].appears {
            for gate in &plan.scopes[scope.at()].gates {
                if !plan.gates[gate.at()].items.contains(position) {
                    continue;
                }
                for point in self.points.with_item(&plan, *scope, *position, item) {
                    self.take_back(*gate, point);
                    self.judge(*gate, point);
                }
            }
        }
    }

    pub(super) fn set_state(&mut self, step: StepId, state: StepState) {
        let cell = self.cell(step);
        let before = std::mem::replace(&mut cell.state, state);
        self.running -= u64::from(before == StepState::Running);
        self.running += u64::from(state == StepState::Running);
        let counts = &mut self.counts[step.solid.at()];
        counts[before as usize] -= 1;
        counts[state as usize] += 1;
        self.moved_in_lanes(step, before, state);
    }

    pub(super) fn cell(&mut self, step: StepId) -> &mut super::cells::StepCell {
        &mut self.cells.steps[step.solid.at()][step.point.0 as usize]
    }
}
