//! Random pipelines: nested, crossed, with collects of every kind. Valid by construction.

use std::collections::BTreeMap;

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::{Identifier, OutputRef, SolidName};
use fanfold_graph::pipeline::{Collect, Dimension, Expand, Into, Invocation, Pipeline, Source};
use serde_json::json;

/// One output that later solids may read, with the scope of its solid.
struct Known {
    output: OutputRef,
    scope: Vec<Dimension>,
    is_dynamic: bool,
}

/// A number source: the bytes that the test framework shrinks, then zeros.
pub(crate) struct Dice<'a>(std::slice::Iter<'a, u8>);

impl<'a> Dice<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    fn below(&mut self, sides: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte)) % sides
    }
}

/// What an input will read, before the reader's whole scope is known.
enum Draft {
    Value(usize),
    Item(usize),
    Output(OutputRef, Vec<usize>),
    Collect {
        over: OutputRef,
        at: Vec<usize>,
        of: Option<(OutputRef, Vec<usize>)>,
        ratio: Option<f64>,
        into: Into,
    },
    List(Vec<Draft>),
}

pub(crate) fn pipeline(dice: &mut Dice<'_>) -> Pipeline {
    let mut known: Vec<Known> = Vec::new();
    let mut definitions = BTreeMap::new();
    let mut solids = Vec::new();
    for number in 0..2 + dice.below(7) {
        let (definition, invocation) = solid(dice, number, &known);
        for output in &definition.outputs {
            let of = OutputRef { solid: invocation.name.clone(), output: output.name.clone() };
            known.push(Known { output: of, scope: invocation.scope.clone(), is_dynamic: output.is_dynamic });
        }
        definitions.insert(invocation.solid.clone(), definition);
        solids.push(invocation);
    }
    let mut scope = Vec::new();
    let result = draft(dice, &known, &mut scope, 0);
    let result = if scope.is_empty() { source(result, 0) } else { Source::Value(json!(null)) };
    Pipeline {
        name: Identifier::new("random").unwrap(),
        description: String::new(),
        definitions,
        solids,
        result,
    }
}

fn solid(dice: &mut Dice<'_>, number: usize, known: &[Known]) -> (SolidDefinition, Invocation) {
    let name = format!("s{number}");
    let mut scope = Vec::new();
    let drafts: Vec<Draft> = (0..dice.below(4)).map(|_| draft(dice, known, &mut scope, 0)).collect();
    let inputs: Vec<_> = (0..drafts.len()).map(|input| json!({ "name": format!("in{input}") })).collect();
    let output = |output| {
        let kind = dice.below(5);
        json!({ "name": format!("out{output}"), "is_dynamic": kind < 2, "is_required": kind.is_multiple_of(2) })
    };
    let outputs: Vec<_> = (0..=number % 2).map(output).collect();
    let definition = json!({ "name": name, "inputs": inputs, "outputs": outputs });
    let depth = scope.len();
    let sources = drafts.into_iter().enumerate();
    let invocation = Invocation {
        name: SolidName::new(&name).unwrap(),
        solid: format!("p:{name}").parse().unwrap(),
        scope,
        inputs: sources
            .map(|(input, draft)| (Identifier::new(&format!("in{input}")).unwrap(), source(draft, depth)))
            .collect(),
        config: None,
        tags: BTreeMap::new(),
        retry_policy: None,
    };
    (serde_json::from_value(definition).unwrap(), invocation)
}

fn draft(dice: &mut Dice<'_>, known: &[Known], scope: &mut Vec<Dimension>, depth: usize) -> Draft {
    if known.is_empty() {
        return Draft::Value(dice.below(3));
    }
    if depth == 0 && dice.below(8) == 0 {
        return Draft::List((0..2).map(|_| draft(dice, known, scope, 1)).collect());
    }
    let Known { output, scope: from, is_dynamic } = &known[known.len() - 1 - dice.below(known.len())];
    let collects = dice.below(3) == 0;
    let ratio = [None, None, Some(0.5)][dice.below(3)];
    let into = [Into::List, Into::Dict][dice.below(2)];
    let is_crossed_with_itself = dice.below(8) == 0;
    let expand = [Expand::OnEmit, Expand::OnEmit, Expand::OnSuccess][dice.below(3)];
    if scope.len() + from.len() + usize::from(*is_dynamic) > 4 {
        return Draft::Value(7);
    }
    match (is_dynamic, collects, from.split_last()) {
        (true, true, _) => {
            let at = merge(scope, from, is_crossed_with_itself);
            Draft::Collect { over: output.clone(), at, of: None, ratio, into }
        }
        (true, false, _) => {
            let item = Dimension { over: output.clone(), at: (0..from.len()).collect(), expand };
            let dims: Vec<Dimension> = from.iter().cloned().chain([item]).collect();
            Draft::Item(*merge(scope, &dims, is_crossed_with_itself).last().unwrap())
        }
        (false, true, Some((over, free))) => {
            let at = merge(scope, free, is_crossed_with_itself);
            let over_at = over.at.iter().map(|position| at[*position]).collect();
            Draft::Collect {
                over: over.over.clone(),
                at: over_at,
                of: Some((output.clone(), at)),
                ratio,
                into,
            }
        }
        (false, _, _) => Draft::Output(output.clone(), merge(scope, from, is_crossed_with_itself)),
    }
}

/// Adds dimensions to a scope, where it does not have them yet, and returns their positions.
fn merge(scope: &mut Vec<Dimension>, dims: &[Dimension], always_add: bool) -> Vec<usize> {
    let mut positions: Vec<usize> = Vec::new();
    for dim in dims {
        let at: Vec<usize> = dim.at.iter().map(|position| positions[*position]).collect();
        let known = scope.iter().position(|it| it.over == dim.over && it.at == at).filter(|_| !always_add);
        positions.push(known.unwrap_or(scope.len()));
        if known.is_none() {
            scope.push(Dimension { at, ..dim.clone() });
        }
    }
    positions
}

fn source(draft: Draft, depth: usize) -> Source {
    match draft {
        Draft::Value(value) => Source::Value(json!(value)),
        Draft::Item(position) => Source::Item(position),
        Draft::Output(of, at) => Source::Output { of, at },
        Draft::Collect { over, at, of, ratio, into } => {
            let of = match of {
                None => Source::Item(depth),
                Some((of, at)) => Source::Output { of, at: at.into_iter().chain([depth]).collect() },
            };
            let over = Dimension { over, at, expand: Expand::OnEmit };
            Source::Collect(Collect { over, of: Box::new(of), into, min_success_ratio: ratio })
        }
        Draft::List(members) => {
            Source::List(members.into_iter().map(|member| source(member, depth)).collect())
        }
    }
}
