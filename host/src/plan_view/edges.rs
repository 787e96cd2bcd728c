//! What flows into a solid, flattened: one edge for each output that one of its inputs reads.

use fanfold_graph::name::{Identifier, OutputRef};
use fanfold_graph::pipeline::{Dimension, Into, Source};

/// One output that is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    /// The output.
    pub(super) from: OutputRef,
    /// The input that reads it; none where it is waited for only.
    pub(super) input: Option<Identifier>,
    /// True where the values of clones are gathered on the way.
    pub(super) is_collected: bool,
}

/// The edges of one source, in the order in which they are written.
pub(super) fn edges(source: &Source, scope: &[Dimension], input: Option<&Identifier>) -> Vec<Edge> {
    let mut found = Vec::new();
    add(source, &mut scope.to_vec(), false, &mut |from, is_collected| {
        let edge = Edge { from: from.clone(), input: input.cloned(), is_collected };
        if !found.contains(&edge) {
            found.push(edge);
        }
    });
    found
}

fn add(
    source: &Source,
    scope: &mut Vec<Dimension>,
    is_collected: bool,
    found: &mut impl FnMut(&OutputRef, bool),
) {
    match source {
        Source::Value(_) => {}
        Source::Item(position) => {
            if let Some(dimension) = scope.get(*position) {
                found(&dimension.over, is_collected);
            }
        }
        Source::Output { of, .. } => found(of, is_collected),
        Source::Collect(collect) => {
            let depth = scope.len();
            scope.extend(collect.dimensions().cloned());
            add(&collect.of, scope, true, found);
            scope.truncate(depth);
        }
        Source::List(members) => members.iter().for_each(|member| add(member, scope, is_collected, found)),
        Source::Dict(members) => members.values().for_each(|member| add(member, scope, is_collected, found)),
    }
}

/// A source in words: `[emit.result, 3]`, `collect(echo.result)`.
pub(super) fn words(source: &Source, scope: &mut Vec<Dimension>) -> String {
    match source {
        Source::Value(value) => value.to_string(),
        Source::Item(position) => {
            scope.get(*position).map_or_else(|| format!("item {position}"), |it| format!("each {}", it.over))
        }
        Source::Output { of, .. } => of.to_string(),
        Source::Collect(collect) => {
            let depth = scope.len();
            scope.extend(collect.dimensions().cloned());
            let of = words(&collect.of, scope);
            scope.truncate(depth);
            let verb = if collect.into == Into::Dict { "collect_dict" } else { "collect" };
            let enough = collect
                .min_success_ratio
                .map_or(String::new(), |ratio| format!(", min_success_ratio = {ratio}"));
            format!("{verb}({of}{enough})")
        }
        Source::List(members) => {
            let members: Vec<_> = members.iter().map(|member| words(member, scope)).collect();
            format!("[{}]", members.join(", "))
        }
        Source::Dict(members) => {
            let members: Vec<_> =
                members.iter().map(|(name, member)| format!("{name}: {}", words(member, scope))).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}
