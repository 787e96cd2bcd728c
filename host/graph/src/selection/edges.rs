//! Who reads whom, step by step: what a pattern of one solid's steps means for its neighbours.
//!
//! An edge goes from solid to solid; collects on the way are no steps and cost no level. A solid that is cloned over a
//! dynamic output without reading its items, or clones of them, reads the generator all the same: it decides how many
//! there are.

use std::collections::BTreeSet;

use super::pattern::Reach;
use super::{Keys, Steps};
use crate::plan::{Gate, GateId, Plan, ScopeId, Target};
use crate::step::SolidId;

/// All edges of a plan.
#[derive(Debug)]
pub(super) struct Edges {
    /// By the solid that reads.
    into: Vec<Vec<Edge>>,
    /// By the solid that is read.
    out_of: Vec<Vec<Edge>>,
    /// By solid: how many mapping keys its steps have.
    depths: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: SolidId,
    to: SolidId,
    /// For each mapping key of `from`: its place among those of `to`; none where clones are gathered.
    at: Vec<Option<usize>>,
}

/// Which way to follow edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    WhatItReads,
    WhatReadsIt,
}

impl Edges {
    pub(super) fn of(plan: &Plan) -> Self {
        let none = || vec![Vec::new(); plan.solids().len()];
        let depths = plan.solids().map(|solid| plan.depth(solid)).collect();
        let mut edges = Self { into: none(), out_of: none(), depths };
        for to in plan.solids() {
            for edge in edges_into(plan, to) {
                edges.out_of[edge.from.at()].push(edge.clone());
                edges.into[to.at()].push(edge);
            }
        }
        edges
    }

    /// The steps that are reached from some, themselves included; none when they are more than `most` patterns.
    pub(super) fn reached(
        &self,
        start: &Steps,
        reach: Reach,
        towards: Towards,
        most: usize,
    ) -> Option<BTreeSet<Steps>> {
        let mut levels = match reach {
            Reach::Levels(levels) => levels,
            Reach::All => usize::MAX,
        };
        let mut reached = BTreeSet::from([start.clone()]);
        let mut frontier = vec![start.clone()];
        while levels > 0 && !frontier.is_empty() {
            levels -= 1;
            let mut next = Vec::new();
            for steps in frontier.iter().flat_map(|steps| self.neighbours(steps, towards)) {
                if reached.insert(steps.clone()) {
                    next.push(steps);
                }
                if reached.len() > most {
                    return None;
                }
            }
            frontier = next;
        }
        Some(reached)
    }

    fn neighbours<'a>(&'a self, steps: &'a Steps, towards: Towards) -> Box<dyn Iterator<Item = Steps> + 'a> {
        match towards {
            Towards::WhatItReads => Box::new(self.into[steps.solid.at()].iter().map(|edge| Steps {
                solid: edge.from,
                keys: edge.at.iter().map(|at| at.and_then(|at| steps.keys[at].clone())).collect(),
            })),
            Towards::WhatReadsIt => Box::new(self.out_of[steps.solid.at()].iter().filter_map(|edge| {
                let keys = edge.readers(&steps.keys, self.depths[edge.to.at()])?;
                Some(Steps { solid: edge.to, keys })
            })),
        }
    }
}

impl Edge {
    /// The keys of those who read steps with these keys; none when nobody can: a pair of an item with itself does not
    /// read clones of two items.
    fn readers(&self, keys: &Keys, depth: usize) -> Option<Keys> {
        let mut readers: Keys = vec![None; depth];
        for (key, at) in keys.iter().zip(&self.at) {
            let (Some(key), Some(at)) = (key, at) else { continue };
            if readers[*at].as_ref().is_some_and(|other| other != key) {
                return None;
            }
            readers[*at] = Some(key.clone());
        }
        Some(readers)
    }
}

/// The edges into one solid.
fn edges_into(plan: &Plan, to: SolidId) -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    // Gates that the solid reads through. For each dimension of a gate's scope: its place among the solid's keys.
    let solid = &plan.solids[to.at()];
    let mut open: Vec<(GateId, Vec<Option<usize>>)> = vec![(solid.gate, key_places(plan, solid.scope))];
    while let Some((gate, places)) = open.pop() {
        let gate = &plan.gates[gate.at()];
        let seen_from_solid = |at: &[usize]| at.iter().map(|at| places[*at]).collect::<Vec<_>>();
        let edge = |from: SolidId, at: &[usize]| {
            let own = key_places(plan, plan.solids[from.at()].scope);
            let first = |place: usize| own.iter().position(|it| *it == Some(place));
            let firsts = (0..plan.depth(from)).filter_map(first);
            let seen = seen_from_solid(at);
            Edge { from, to, at: firsts.map(|position| seen[position]).collect() }
        };
        for leaf in gate.leaves.iter().map(|leaf| &plan.leaves[leaf.at()]) {
            match leaf.target {
                Target::Output(from, _) => {
                    edges.insert(edge(from, &leaf.at));
                }
                Target::Collect(collect) => {
                    let element = plan.collects[collect.at()].element;
                    let mut gathered = seen_from_solid(&leaf.at);
                    gathered.resize(plan.scopes[plan.gates[element.at()].scope.at()].depth, None);
                    open.push((element, gathered));
                }
                // A barrier: it waits and reads nothing.
                Target::Success(_) | Target::Zip(_) => {}
            }
        }
        for (from, at) in generators_read(plan, gate) {
            edges.insert(edge(from, at));
        }
    }
    edges
}

/// For each dimension of a scope: its place among the mapping keys of those who are cloned over it. One that is joined
/// with another has that one's.
fn key_places(plan: &Plan, scope: ScopeId) -> Vec<Option<usize>> {
    let mut places: Vec<Option<usize>> = Vec::new();
    let mut keys = 0..;
    for dim in plan.dims(scope) {
        places.push(match dim.joined_with {
            Some(first) => places[first],
            None => keys.next(),
        });
    }
    places
}

/// The generators that a gate reads: those of its items, and those of dimensions that nothing else brings in. Each with
/// the positions of its own dimensions.
fn generators_read<'p>(plan: &'p Plan, gate: &Gate) -> Vec<(SolidId, &'p [usize])> {
    let leaves = gate.leaves.iter().map(|leaf| &plan.leaves[leaf.at()]);
    let producers = leaves.filter(|leaf| !matches!(leaf.target, Target::Success(_) | Target::Zip(_)));
    let mut brought: BTreeSet<usize> = producers.flat_map(|leaf| leaf.at.iter().copied()).collect();
    let mut read = Vec::new();
    let mut scope = &plan.scopes[gate.scope.at()];
    while let Some((prefix, dim)) = &scope.last {
        let position = scope.depth - 1;
        if gate.items.contains(&position) || !brought.contains(&position) {
            read.push((plan.dynamics[dim.dynamic.at()].solid, dim.at.as_slice()));
            brought.extend(&dim.at);
        }
        scope = &plan.scopes[prefix.at()];
    }
    read
}
