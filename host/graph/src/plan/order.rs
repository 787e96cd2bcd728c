//! The order of a pipeline's solids: each after those that it reads. Ties keep the order of composition.

use std::collections::BTreeMap;

use super::PlanError;
use crate::name::OutputRef;
use crate::pipeline::{Invocation, Source};

/// Places of the invocations, in order.
pub(super) fn order(solids: &[Invocation]) -> Result<Vec<usize>, PlanError> {
    let places: BTreeMap<&str, usize> =
        solids.iter().enumerate().map(|(place, solid)| (solid.name.as_str(), place)).collect();
    let reads: Vec<Vec<usize>> = solids
        .iter()
        .map(|solid| {
            let mut reads = Vec::new();
            visit(solid, &mut |output| reads.extend(places.get(output.solid.as_str())));
            reads
        })
        .collect();
    depth_first(solids, &reads)
}

/// Depth-first without recursion: a pipeline from a stranger may be one chain of any length.
fn depth_first(solids: &[Invocation], reads: &[Vec<usize>]) -> Result<Vec<usize>, PlanError> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; solids.len()];
    let mut ordered = Vec::with_capacity(solids.len());
    for start in 0..solids.len() {
        let mut path = if marks[start] == Mark::New { vec![(start, 0)] } else { Vec::new() };
        marks[start] = if path.is_empty() { marks[start] } else { Mark::Open };
        while let Some((place, next)) = path.last_mut() {
            let Some(&read) = reads[*place].get(*next) else {
                marks[*place] = Mark::Done;
                ordered.push(*place);
                path.pop();
                continue;
            };
            *next += 1;
            match marks[read] {
                Mark::Done => {}
                Mark::New => {
                    marks[read] = Mark::Open;
                    path.push((read, 0));
                }
                Mark::Open => {
                    let first = path.iter().position(|(place, _)| *place == read).unwrap_or(0);
                    let cycle = path[first..].iter().map(|(place, _)| *place).chain([read]);
                    return Err(PlanError::Cycle(cycle.map(|place| solids[place].name.clone()).collect()));
                }
            }
        }
    }
    Ok(ordered)
}

/// Shows every output that an invocation reads, its dimensions' included.
fn visit<'a>(solid: &'a Invocation, seen: &mut impl FnMut(&'a OutputRef)) {
    solid.scope.iter().for_each(|dimension| seen(&dimension.over));
    let mut sources: Vec<&Source> = solid.inputs.values().chain(&solid.after).collect();
    while let Some(source) = sources.pop() {
        match source {
            Source::Value(_) | Source::Item(_) => {}
            Source::Output { of, .. } => seen(of),
            Source::Collect(collect) => {
                collect.dimensions().for_each(|dimension| seen(&dimension.over));
                sources.push(&collect.of);
            }
            Source::List(members) => sources.extend(members),
            Source::Dict(members) => sources.extend(members.values()),
        }
    }
}
