//! What a step reads: a tree of values for each input, collections page by page.

use serde_json::Value as Json;

use super::Run;
use super::cells::Verdict;
use super::derive::Offer;
use crate::event::ValueRef;
use crate::name::{Identifier, MappingKey};
use crate::pipeline::Into;
use crate::plan::{CollectId, GateId, Read, Target};
use crate::step::{Point, StepId};

/// What an input receives.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved<'r> {
    /// The author's own value.
    Value(&'r Json),
    /// A value that a step emitted.
    Stored(ValueRef),
    /// A list; members that were skipped are left out.
    List(Vec<Resolved<'r>>),
    /// Values by name; members that were skipped are left out.
    Dict(Vec<(&'r str, Resolved<'r>)>),
    /// The values of clones: see [`Run::page`].
    Collection(Collection),
}

/// One collect, as one step reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    collect: CollectId,
    point: Point,
    /// How many values there are.
    pub len: u32,
    /// How many clones failed, where the pipeline collects in spite of failures.
    pub missing: u32,
    /// What it becomes.
    pub into: Into,
}

/// Some members of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<'r> {
    /// The members, in emission order. One without a value is missing: its clone failed.
    pub items: Vec<(&'r MappingKey, Option<Resolved<'r>>)>,
    /// Where the next page begins; none at the end.
    pub next: Option<u32>,
}

impl Run {
    /// What a step reads, input by input. Meant for steps that are ready or running: of others it may be incomplete.
    pub fn inputs(&self, step: StepId) -> Vec<(&Identifier, Resolved<'_>)> {
        let gate = self.plan.solids[step.solid.at()].gate;
        let reads = self.plan.gates[gate.at()].reads.iter();
        let resolved =
            reads.filter_map(|(place, read)| Some((*place, self.resolve(gate, read, step.point)?)));
        resolved.map(|(place, value)| (self.plan.input_name(step.solid, place), value)).collect()
    }

    /// What the pipeline returns; none when it was skipped, failed, or is not there yet.
    pub fn result(&self) -> Option<Resolved<'_>> {
        let verdict = self.cells.gates[self.plan.result.at()][Point::ROOT.0 as usize].verdict;
        let (_, read) = self.plan.gates[self.plan.result.at()].reads.first()?;
        verdict
            .filter(|it| *it == Verdict::Available)
            .and_then(|_| self.resolve(self.plan.result, read, Point::ROOT))
    }

    /// At most `max` members of a collection, from a place that an earlier page named, or 0.
    pub fn page(&self, collection: &Collection, from: u32, max: u32) -> Page<'_> {
        let node = &self.plan.collects[collection.collect.at()];
        let gate = &self.plan.gates[node.element.at()];
        let mut page = Page { items: Vec::new(), next: None };
        let mut place = from;
        let outer = (node.scope, collection.point);
        while let Some((item, point)) = self.points.element_at(&self.plan, outer, gate.scope, place as usize)
        {
            if page.items.len() as u32 == max {
                page.next = Some(place);
                break;
            }
            place += 1;
            let Some(point) = point else { continue };
            let key = self.points.key(node.over, item);
            match self.cells.gates[node.element.at()][point.0 as usize].verdict {
                Some(Verdict::Available) => {
                    let value =
                        gate.reads.first().and_then(|(_, read)| self.resolve(node.element, read, point));
                    page.items.push((key, value));
                }
                Some(Verdict::Failed) => page.items.push((key, None)),
                Some(Verdict::Skipped) | None => {}
            }
        }
        page
    }

    fn resolve<'r>(&'r self, gate: GateId, read: &'r Read, point: Point) -> Option<Resolved<'r>> {
        match read {
            Read::Value(value) => Some(Resolved::Value(value)),
            Read::Item(position) => {
                let (dynamic, item) =
                    self.points.item_at(&self.plan, self.plan.gates[gate.at()].scope, point, *position)?;
                Some(Resolved::Stored(self.points.dynamics[dynamic.at()].items[item as usize].value))
            }
            Read::Leaf(leaf) => {
                let leaf = &self.plan.leaves[leaf.at()];
                let producer = self.producer(&self.plan, leaf, point);
                match (self.offer(leaf, producer), leaf.target) {
                    (Offer::Available(_), Target::Output(solid, output)) => {
                        self.output(StepId { solid, point: producer }, output).map(Resolved::Stored)
                    }
                    (Offer::Available(_), Target::Collect(collect)) => {
                        Some(Resolved::Collection(self.collection(collect, producer)))
                    }
                    _ => None,
                }
            }
            Read::List(members) => {
                let resolved = members.iter().filter_map(|member| self.resolve(gate, member, point));
                Some(Resolved::List(resolved.collect())).filter(|_| !self.is_skipped(&self.plan, read, point))
            }
            Read::Dict(members) => {
                let resolved = members
                    .iter()
                    .filter_map(|(name, it)| Some((name.as_str(), self.resolve(gate, it, point)?)));
                Some(Resolved::Dict(resolved.collect())).filter(|_| !self.is_skipped(&self.plan, read, point))
            }
        }
    }

    fn collection(&self, collect: CollectId, point: Point) -> Collection {
        let cell = self.cells.collects[collect.at()][point.0 as usize];
        let into = self.plan.collects[collect.at()].into;
        Collection { collect, point, len: cell.available, missing: cell.failed, into }
    }
}
