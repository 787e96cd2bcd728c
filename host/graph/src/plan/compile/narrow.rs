//! What a collect depends on of its reader's scope, and how it looks from there.

use std::collections::BTreeSet;

use crate::pipeline::{Collect, Dimension, Join, Source};
use crate::plan::PlanError;
use crate::plan::scope::Dim;

/// The positions of the reader's scope that a collect speaks of, with those that their dimensions depend on.
pub(super) fn spoken_of(collect: &Collect, dims: &[Dim], reader: &str) -> Result<Vec<usize>, PlanError> {
    let mut positions = BTreeSet::new();
    positions_in_collect(collect, &mut positions);
    // Positions from `dims.len()` on are the dimensions that this collect and those inside it add.
    let bound = dims.len() + dimensions_in_collect(collect);
    if let Some(&position) = positions.iter().find(|position| **position >= bound) {
        return Err(PlanError::Position { reader: reader.to_owned(), position, depth: bound });
    }
    positions.retain(|position| *position < dims.len());
    Ok(closed(dims, positions))
}

/// These positions, with those that their dimensions depend on.
pub(super) fn closed(dims: &[Dim], mut positions: BTreeSet<usize>) -> Vec<usize> {
    for position in (0..dims.len()).rev() {
        if positions.contains(&position) {
            positions.extend(&dims[position].at);
            positions.extend(dims[position].joined_with);
        }
    }
    positions.into_iter().collect()
}

fn positions_in(source: &Source, positions: &mut BTreeSet<usize>) {
    match source {
        Source::Value(_) => {}
        Source::Item(position) => {
            positions.insert(*position);
        }
        Source::Output { at, .. } => positions.extend(at),
        Source::Collect(collect) => positions_in_collect(collect, positions),
        Source::List(members) => members.iter().for_each(|member| positions_in(member, positions)),
        Source::Dict(members) => members.values().for_each(|member| positions_in(member, positions)),
    }
}

fn positions_in_collect(collect: &Collect, positions: &mut BTreeSet<usize>) {
    collect.dimensions().for_each(|dimension| positions.extend(&dimension.at));
    positions_in(&collect.of, positions);
}

/// How many dimensions collects that stand one inside the other add.
fn dimensions_in(source: &Source) -> usize {
    match source {
        Source::Value(_) | Source::Item(_) | Source::Output { .. } => 0,
        Source::Collect(collect) => dimensions_in_collect(collect),
        Source::List(members) => members.iter().map(dimensions_in).max().unwrap_or(0),
        Source::Dict(members) => members.values().map(dimensions_in).max().unwrap_or(0),
    }
}

fn dimensions_in_collect(collect: &Collect) -> usize {
    collect.dimensions().count() + dimensions_in(&collect.of)
}

/// A collect seen from the scope of the kept positions alone.
pub(super) fn narrowed(
    dims: &[Dim],
    kept: &[usize],
    added: &[Dim],
    of: &Source,
) -> (Vec<Dim>, Vec<Dim>, Source) {
    let moved = |position| moved(position, kept, dims.len());
    let kept_dims = kept.iter().map(|position| moved_dim(&dims[*position], &moved)).collect();
    (kept_dims, added.iter().map(|dim| moved_dim(dim, &moved)).collect(), moved_source(of, &moved))
}

/// Where a position of a scope of this depth is among the kept ones. A dimension that a collect adds, past the scope's
/// end, moves with the end.
pub(super) fn moved(position: usize, kept: &[usize], depth: usize) -> usize {
    kept.binary_search(&position).unwrap_or_else(|_| position + kept.len() - depth)
}

pub(super) fn moved_dim(dim: &Dim, moved: &impl Fn(usize) -> usize) -> Dim {
    let at = dim.at.iter().copied().map(moved).collect();
    Dim { dynamic: dim.dynamic, at, joined_with: dim.joined_with.map(moved) }
}

fn moved_source(source: &Source, moved: &impl Fn(usize) -> usize) -> Source {
    let all = |at: &[usize]| at.iter().copied().map(moved).collect();
    match source {
        Source::Value(value) => Source::Value(value.clone()),
        Source::Item(position) => Source::Item(moved(*position)),
        Source::Output { of, at } => Source::Output { of: of.clone(), at: all(at) },
        Source::Collect(collect) => {
            let dimension = |it: &Dimension| Dimension {
                at: all(&it.at),
                join: it.join.map(|join| Join { with: moved(join.with), ..join }),
                ..it.clone()
            };
            let joined = collect.joined.iter().map(dimension).collect();
            let of = Box::new(moved_source(&collect.of, moved));
            Source::Collect(Collect { over: dimension(&collect.over), joined, of, ..collect.clone() })
        }
        Source::List(members) => Source::List(members.iter().map(|it| moved_source(it, moved)).collect()),
        Source::Dict(members) => {
            Source::Dict(members.iter().map(|(name, it)| (name.clone(), moved_source(it, moved))).collect())
        }
    }
}
