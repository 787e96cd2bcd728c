//! The outputs of a run, as `fanfold outputs` prints them: `{"solid": {"output": value}}`, with one nesting for each
//! mapping key of a clone and one more for the items of a dynamic output.

use std::collections::BTreeMap;
use std::io::{self, Write};

use fanfold_graph::event::ValueRef;
use fanfold_graph::name::MappingKey;
use fanfold_graph::run::Run;
use fanfold_graph::step::{SolidId, StepId, StepState};
use indexmap::IndexMap;

use crate::value_json::write_dict;

/// Values by mapping key, outermost first.
enum Tree {
    Value(ValueRef),
    Keys(IndexMap<MappingKey, Tree>),
}

/// Writes the outputs of all solids, or of one, as JSON. `write_value` writes one value.
pub fn write_json(
    run: &Run,
    only: Option<SolidId>,
    mut write_value: impl FnMut(&mut dyn Write, ValueRef) -> io::Result<()>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let solids = run.plan().solids().filter(|solid| only.is_none_or(|only| only == *solid));
    let named = solids.map(|solid| Ok((run.plan().invocation(solid).name.as_str().to_owned(), solid)));
    let named = named.filter(|it| it.as_ref().is_ok_and(|(_, solid)| has_outputs(run, *solid)));
    write_dict(out, named, |out, solid| {
        let outputs = outputs_of(run, solid).into_iter().map(Ok);
        write_dict(out, outputs, |out, tree| write_tree(out, &tree, &mut write_value))
    })
}

/// Writes the outputs of one step as JSON: `{"output": value}`.
pub fn write_step_json(
    run: &Run,
    step: StepId,
    mut write_value: impl FnMut(&mut dyn Write, ValueRef) -> io::Result<()>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let outputs = run.plan().definition(step.solid).outputs.iter().enumerate();
    let trees = outputs.filter_map(|(place, described)| {
        Some(Ok((described.name.clone(), emitted(run, step, place as u32, described.is_dynamic)?)))
    });
    write_dict(out, trees, |out, tree| write_tree(out, &tree, &mut write_value))
}

fn has_outputs(run: &Run, solid: SolidId) -> bool {
    !outputs_of(run, solid).is_empty()
}

/// What a solid's steps emitted, by output.
fn outputs_of(run: &Run, solid: SolidId) -> BTreeMap<String, Tree> {
    let mut outputs = BTreeMap::new();
    for (place, described) in run.plan().definition(solid).outputs.iter().enumerate() {
        let mut tree = Tree::Keys(IndexMap::new());
        let mut is_empty = true;
        for step in run.steps(solid) {
            let Some(value) = emitted(run, step, place as u32, described.is_dynamic) else { continue };
            is_empty = false;
            tree.insert(&run.mapping_keys(step), value);
        }
        if !is_empty {
            outputs.insert(described.name.as_str().to_owned(), tree);
        }
    }
    outputs
}

/// What one step emitted on one output, if it did.
fn emitted(run: &Run, step: StepId, output: u32, is_dynamic: bool) -> Option<Tree> {
    if !is_dynamic {
        return run.output(step, output).map(Tree::Value);
    }
    let has_begun = [StepState::Running, StepState::Succeeded, StepState::Failed, StepState::Canceled];
    run.state(step).filter(|state| has_begun.contains(state))?;
    let items = run.items(step, output).into_iter();
    Some(Tree::Keys(items.map(|(key, value)| (key.clone(), Tree::Value(value))).collect()))
}

impl Tree {
    /// Adds a value under these keys.
    fn insert(&mut self, keys: &[&MappingKey], value: Self) {
        match (keys.split_first(), self) {
            (Some((first, rest)), Self::Keys(members)) => {
                let inner = members.entry((*first).clone()).or_insert_with(|| Self::Keys(IndexMap::new()));
                inner.insert(rest, value);
            }
            (_, leaf) => *leaf = value,
        }
    }
}

fn write_tree(
    out: &mut dyn Write,
    tree: &Tree,
    write_value: &mut impl FnMut(&mut dyn Write, ValueRef) -> io::Result<()>,
) -> io::Result<()> {
    match tree {
        Tree::Value(value) => write_value(out, *value),
        Tree::Keys(members) => {
            let members = members.iter().map(|(key, tree)| Ok((key, tree)));
            write_dict(out, members, |out, tree| write_tree(out, tree, write_value))
        }
    }
}
