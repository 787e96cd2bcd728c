//! Where something is read.

use std::collections::BTreeSet;

use fanfold_graph::name::{MappingKey, OutputRef, SolidName};
use fanfold_graph::pipeline::{Collect, Dimension, Invocation, Source};
use fanfold_graph::step::StepKey;

/// A scope, and which item of each of its dimensions. None stands for a dimension that does not count.
#[derive(Clone, Default)]
pub(super) struct Place {
    pub(super) scope: Vec<Dimension>,
    pub(super) keys: Vec<Option<MappingKey>>,
}

impl Place {
    pub(super) fn with(&self, dimension: &Dimension, key: Option<&MappingKey>) -> Self {
        let mut place = self.clone();
        place.scope.push(dimension.clone());
        place.keys.push(key.cloned());
        place
    }

    /// The place with nothing but these positions.
    pub(super) fn narrowed(&self, positions: &BTreeSet<usize>) -> Self {
        let keys = self.keys.iter().enumerate();
        let keys = keys.map(|(position, key)| key.clone().filter(|_| positions.contains(&position)));
        Self { scope: self.scope.clone(), keys: keys.collect() }
    }

    /// The keys at these positions. What is joined has none of its own.
    pub(super) fn keys_at(&self, positions: impl Iterator<Item = usize>) -> Vec<MappingKey> {
        let own = positions.filter(|position| self.scope[*position].join.is_none());
        own.map(|position| self.keys[position].clone().unwrap()).collect()
    }

    /// The step whose output is read, given the positions of its own dimensions.
    pub(super) fn step(&self, of: &OutputRef, at: &[usize]) -> StepKey {
        let mapping_keys = self.keys_at(at.iter().copied());
        StepKey { solid: of.solid.clone(), mapping_keys }
    }

    /// True when one of the items here is of the same step as the output that is read.
    pub(super) fn streams_from(&self, of: &OutputRef, at: &[usize]) -> bool {
        let dimensions = self.scope.iter().zip(&self.keys).filter(|(_, key)| key.is_some());
        dimensions.into_iter().any(|(it, _)| it.over.solid == of.solid && it.at == at)
    }
}

/// The positions of a scope that a collect depends on: a collect is the same wherever the others are.
pub(super) fn spoken_of(scope: &[Dimension], collect: &Collect) -> BTreeSet<usize> {
    let mut positions = BTreeSet::new();
    positions_in(&Source::Collect(collect.clone()), &mut positions);
    for position in (0..scope.len()).rev() {
        if positions.contains(&position) {
            positions.extend(&scope[position].at);
            positions.extend(scope[position].join.map(|join| join.with));
        }
    }
    positions.retain(|position| *position < scope.len());
    positions
}

fn positions_in(source: &Source, positions: &mut BTreeSet<usize>) {
    match source {
        Source::Value(_) => {}
        Source::Item(position) => drop(positions.insert(*position)),
        Source::Output { at, .. } => positions.extend(at),
        Source::Collect(collect) => {
            collect.dimensions().for_each(|it| positions.extend(&it.at));
            positions_in(&collect.of, positions);
        }
        Source::List(members) => members.iter().for_each(|it| positions_in(it, positions)),
        Source::Dict(members) => members.values().for_each(|it| positions_in(it, positions)),
    }
}

/// The solids that an invocation speaks of.
pub(super) fn mentioned(invocation: &Invocation) -> BTreeSet<&SolidName> {
    let mut solids: BTreeSet<&SolidName> = invocation.scope.iter().map(|it| &it.over.solid).collect();
    let sources = invocation.inputs.values().chain(&invocation.after);
    sources.for_each(|source| solids_in(source, &mut solids));
    solids
}

fn solids_in<'p>(source: &'p Source, solids: &mut BTreeSet<&'p SolidName>) {
    match source {
        Source::Value(_) | Source::Item(_) => {}
        Source::Output { of, .. } => drop(solids.insert(&of.solid)),
        Source::Collect(collect) => {
            solids.extend(collect.dimensions().map(|it| &it.over.solid));
            solids_in(&collect.of, solids);
        }
        Source::List(members) => members.iter().for_each(|it| solids_in(it, solids)),
        Source::Dict(members) => members.values().for_each(|it| solids_in(it, solids)),
    }
}
