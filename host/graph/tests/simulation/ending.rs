//! All that a run came to, in terms that do not depend on the order of events.

use std::collections::BTreeMap;

use fanfold_graph::name::{Identifier, MappingKey};
use fanfold_graph::run::{Collection, Outcome, Resolved, Run};
use fanfold_graph::step::{StepId, StepState};

use super::read::Value;

#[derive(Debug, PartialEq)]
pub(crate) struct Ending {
    /// By step key.
    pub(crate) steps: BTreeMap<String, Step>,
    pub(crate) result: Option<Value>,
    pub(crate) outcome: Option<Outcome>,
}

/// One step, with what of its work is still there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) state: StepState,
    /// What it read, if it ran.
    pub(crate) inputs: BTreeMap<Identifier, Value>,
    pub(crate) outputs: BTreeMap<Identifier, u64>,
    pub(crate) items: BTreeMap<Identifier, Vec<(MappingKey, u64)>>,
}

impl Ending {
    pub(crate) fn of(run: &Run) -> Self {
        let mut steps = BTreeMap::new();
        for solid in run.plan().solids() {
            let mut counted = [0; StepState::COUNT];
            for id in run.steps(solid) {
                let step = Step::of(run, id);
                counted[step.state as usize] += 1;
                let twin = steps.insert(run.step_key(id).to_string(), step);
                assert_eq!(twin, None, "two steps with the key {}", run.step_key(id));
            }
            assert_eq!(&counted, run.counts(solid), "the counts are those of the steps");
        }
        Self { steps, result: run.result().map(|it| whole(run, &it)), outcome: run.outcome() }
    }
}

impl Step {
    fn of(run: &Run, id: StepId) -> Self {
        let state = run.state(id).unwrap();
        let described = || run.plan().definition(id.solid).outputs.iter().zip(0..);
        let plain =
            described().filter_map(|(it, output)| Some((it.name.clone(), run.output(id, output)?.id)));
        let items = described().filter(|(it, _)| it.is_dynamic).map(|(it, output)| {
            let items = run.items(id, output).into_iter();
            (it.name.clone(), items.map(|(key, value)| (key.clone(), value.id)).collect())
        });
        let has_run = matches!(state, StepState::Succeeded | StepState::Failed);
        let inputs = if has_run { inputs(run, id) } else { BTreeMap::new() };
        Self { state, inputs, outputs: plain.collect(), items: items.collect() }
    }
}

/// What a step reads, collections to their end.
pub(crate) fn inputs(run: &Run, step: StepId) -> BTreeMap<Identifier, Value> {
    run.inputs(step).into_iter().map(|(name, it)| (name.clone(), whole(run, &it))).collect()
}

fn whole(run: &Run, resolved: &Resolved<'_>) -> Value {
    match resolved {
        Resolved::Value(value) => Value::Json((*value).clone()),
        Resolved::Stored(value) => Value::Emitted(value.id),
        Resolved::List(members) => Value::List(members.iter().map(|it| whole(run, it)).collect()),
        Resolved::Dict(members) => {
            Value::Dict(members.iter().map(|(name, it)| ((*name).to_owned(), whole(run, it))).collect())
        }
        Resolved::Collection(collection) => Value::Collection(collection.into, members(run, collection)),
    }
}

/// Reads a collection in pages of two.
fn members(run: &Run, collection: &Collection) -> Vec<(MappingKey, Option<Value>)> {
    let mut members = Vec::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let page = run.page(collection, from, 2);
        assert!(page.items.len() == 2 || page.next.is_none(), "only the last page is short");
        members.extend(
            page.items.iter().map(|(key, it)| ((*key).clone(), it.as_ref().map(|it| whole(run, it)))),
        );
        next = page.next;
    }
    let there = members.iter().filter(|(_, value)| value.is_some()).count();
    assert_eq!((collection.len as usize, collection.missing as usize), (there, members.len() - there));
    members
}
