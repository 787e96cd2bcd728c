//! Random pipelines: nested, crossed, with collects of every kind. Valid by construction.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::{Identifier, OutputRef, SolidName};
use fanfold_graph::pipeline::{
    Collect, Dimension, Expand, Into, Invocation, Join, Lane, Pipeline, Source, Unmatched,
};
use serde_json::json;

/// The most dimensions that a scope has here, with those that collects add.
const DEEPEST: usize = 4;

/// A number source: the bytes that the test framework shrinks, then zeros.
pub(crate) struct Dice<'a>(std::slice::Iter<'a, u8>);

impl<'a> Dice<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    fn below(&mut self, sides: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte)) % sides
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == sides - 1
    }
}

/// One output that later solids may read, with the scope of its solid.
struct Known {
    output: OutputRef,
    scope: Vec<Dimension>,
    is_dynamic: bool,
}

/// A position, before the length of the reader's scope is known.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Position {
    Own(usize),
    /// Of a dimension that a collect adds.
    Added(usize),
}

#[derive(Debug, Clone, PartialEq)]
struct Drafted {
    over: OutputRef,
    at: Vec<Position>,
    expand: Expand,
    lane: Option<Lane>,
    join: Option<(Position, Unmatched)>,
}

/// What an input will read.
enum Draft {
    Value(usize),
    Item(Position),
    Output(OutputRef, Vec<Position>),
    Collect { over: Vec<Drafted>, of: Box<Draft>, into: Into, ratio: Option<f64> },
    List(Vec<Draft>),
    Dict(Vec<Draft>),
}

pub(crate) fn pipeline(dice: &mut Dice<'_>) -> Pipeline {
    let mut known: Vec<Known> = Vec::new();
    let mut definitions = BTreeMap::new();
    let mut solids: Vec<Invocation> = Vec::new();
    for number in 0..2 + dice.below(7) {
        let (definition, invocation) = solid(dice, number, &known);
        for output in &definition.outputs {
            let of = OutputRef { solid: invocation.name.clone(), output: output.name.clone() };
            known.push(Known { output: of, scope: invocation.scope.clone(), is_dynamic: output.is_dynamic });
        }
        definitions.insert(invocation.solid.clone(), definition);
        // What is composed first need not come first.
        let place = if dice.one_in(3) { 0 } else { solids.len() };
        solids.insert(place, invocation);
    }
    let mut reader = Reader { dice, known: &known, scope: Vec::new(), added: Vec::new() };
    let result = reader.draft(0);
    let is_root = reader.scope.is_empty();
    let result = if is_root { source(result, 0) } else { Source::Value(json!(null)) };
    let (name, description) = (Identifier::new("random").unwrap(), String::new());
    Pipeline { name, description, definitions, solids, result }
}

fn solid(dice: &mut Dice<'_>, number: usize, known: &[Known]) -> (SolidDefinition, Invocation) {
    let name = format!("s{number}");
    let reads = dice.below(4);
    let mut reader = Reader { dice, known, scope: Vec::new(), added: Vec::new() };
    let drafts: Vec<Draft> = (0..reads).map(|_| reader.draft(0)).collect();
    let after: Vec<Draft> = (0..reader.dice.below(4) / 3).map(|_| reader.draft(0)).collect();
    let scope: Vec<Dimension> = reader.scope.iter().map(|it| dimension(it.clone(), 0)).collect();
    let input = |place| json!({ "name": format!("in{place}"), "default_value": place });
    // One more than are connected.
    let inputs: Vec<_> = (0..=drafts.len()).map(input).collect();
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
        after: after.into_iter().map(|draft| source(draft, depth)).collect(),
        config: None,
        tags: BTreeMap::new(),
        retry_policy: None,
        timeout_ms: None,
    };
    (serde_json::from_value(definition).unwrap(), invocation)
}

/// Somebody who reads, and whose scope grows with what is read.
struct Reader<'d, 'b, 'k> {
    dice: &'d mut Dice<'b>,
    known: &'k [Known],
    scope: Vec<Drafted>,
    /// The dimensions that the collects around add.
    added: Vec<Drafted>,
}

impl Reader<'_, '_, '_> {
    fn draft(&mut self, depth: usize) -> Draft {
        if depth < 2 && self.dice.one_in(6) {
            let members = (0..self.dice.below(3)).map(|_| self.draft(depth + 1)).collect();
            return if self.dice.one_in(2) { Draft::Dict(members) } else { Draft::List(members) };
        }
        // Recent ones first: a chain says more than a heap.
        let recent = self.dice.below(self.known.len().max(1));
        let known = self.known;
        let found = known.len().checked_sub(1 + recent).and_then(|place| self.known(&known[place], depth));
        found.unwrap_or_else(|| Draft::Value(self.dice.below(3)))
    }

    /// Some read of a known output; none when it would make the scope too long.
    fn known(&mut self, known: &Known, depth: usize) -> Option<Draft> {
        let collects = depth < 3 && self.dice.below(5) < 2;
        let last = known.scope.iter().rposition(|it| it.join.is_none());
        match (known.is_dynamic, last.map(|last| known.scope.split_at(last))) {
            (true, _) if collects => self.collect(known, &[item(known)], &known.scope, depth),
            (true, _) => {
                let expand = [Expand::OnEmit, Expand::OnEmit, Expand::OnSuccess][self.dice.below(3)];
                let dims: Vec<Dimension> =
                    known.scope.iter().cloned().chain([Dimension { expand, ..item(known) }]).collect();
                let zips = self.dice.one_in(4);
                let beside = if zips { self.beside() } else { None };
                let first = self.merge(&dims)?.last().copied()?;
                let joined = beside.and_then(|(over, at)| self.join(over, at, first, expand));
                let position = joined.filter(|_| self.dice.one_in(2)).unwrap_or(first);
                Some(Draft::Item(position))
            }
            (false, Some((outer, last))) if collects && last.iter().all(|it| is_zip(it, outer.len())) => {
                self.collect(known, last, outer, depth)
            }
            (false, _) => Some(Draft::Output(known.output.clone(), self.merge(&known.scope)?)),
        }
    }

    fn collect(
        &mut self,
        known: &Known,
        over: &[Dimension],
        outer: &[Dimension],
        depth: usize,
    ) -> Option<Draft> {
        let positions = self.merge(outer)?;
        if self.scope.len() + self.added.len() + over.len() > DEEPEST {
            return None;
        }
        let before = self.added.len();
        let first = Position::Added(before);
        let add = |it: &Dimension| Drafted {
            over: it.over.clone(),
            at: it.at.iter().map(|position| positions[*position]).collect(),
            expand: Expand::OnEmit,
            lane: None,
            join: it.join.map(|join| (first, join.unmatched)),
        };
        self.added.extend(over.iter().map(add));
        if over.len() == 1 && self.dice.one_in(4) && !self.is_full() {
            // Beside what is collected over, another one of the same scope or of none.
            let beside = self.known.iter().rev().find(|it| it.is_dynamic && it.scope.is_empty());
            let unmatched = self.unmatched();
            self.added.extend(beside.map(|it| Drafted {
                over: it.output.clone(),
                at: Vec::new(),
                expand: Expand::OnEmit,
                lane: None,
                join: Some((first, unmatched)),
            }));
        }
        let over: Vec<Drafted> = self.added[before..].to_vec();
        let into = [Into::List, Into::Dict][self.dice.below(2)];
        let ratio = [None, None, Some(0.5), Some(0.0), Some(1.0)][self.dice.below(5)];
        let levels = (before..self.added.len()).map(Position::Added);
        let of = match (self.dice.below(3), known.is_dynamic) {
            (0, _) => self.draft(depth + 1),
            (_, true) => Draft::Item(Position::Added(before + self.dice.below(over.len()))),
            (_, false) => {
                let own = known.scope.len() - positions.len();
                Draft::Output(known.output.clone(), positions.into_iter().chain(levels.take(own)).collect())
            }
        };
        self.added.truncate(before);
        Some(Draft::Collect { over, of: Box::new(of), into, ratio })
    }

    /// A dynamic output to put beside another one, with where its generator is.
    fn beside(&mut self) -> Option<(OutputRef, Vec<Position>)> {
        let recent = self.dice.below(self.known.len());
        let known = self.known;
        let known = known.iter().rev().cycle().skip(recent).take(known.len()).find(|it| it.is_dynamic)?;
        Some((known.output.clone(), self.merge(&known.scope)?))
    }

    /// Joins its items with those of the reader's own dimension `first`, where that can be.
    fn join(
        &mut self,
        over: OutputRef,
        at: Vec<Position>,
        first: Position,
        expand: Expand,
    ) -> Option<Position> {
        let Position::Own(place) = first else { return None };
        let is_beside = at.iter().all(|it| is_before(*it, first));
        if self.is_full() || self.scope[place].join.is_some() || !is_beside {
            return None;
        }
        let join = Some((first, self.unmatched()));
        let lane = self.scope[place].lane;
        self.scope.push(Drafted { over, at, expand, lane, join });
        Some(Position::Own(self.scope.len() - 1))
    }

    fn unmatched(&mut self) -> Unmatched {
        [Unmatched::Skip, Unmatched::Fail][self.dice.below(2)]
    }

    /// Where these dimensions are, the missing ones added to the scope. Now and then all of them are, which crosses a
    /// dynamic output with itself.
    fn merge(&mut self, dims: &[Dimension]) -> Option<Vec<Position>> {
        let always_adds = self.dice.one_in(8);
        let mut positions: Vec<Position> = Vec::new();
        for dim in dims {
            let at: Vec<Position> = dim.at.iter().map(|position| positions[*position]).collect();
            let join = dim.join.map(|join| (positions[join.with], join.unmatched));
            let with = join.map(|(with, _)| with);
            // A joined one is where its first one is, or nowhere.
            let is_same = |it: &Drafted| {
                let is_joined = it.join.map(|(with, _)| with) == with;
                it.over == dim.over && it.at == at && is_joined && (!always_adds || with.is_some())
            };
            let own = self.scope.iter().position(is_same).map(Position::Own);
            let added = self.added.iter().position(is_same).map(Position::Added);
            let can_add = !self.is_full()
                && at.iter().chain(&with).all(|it| matches!(it, Position::Own(_)))
                && with.is_none_or(|with| at.iter().all(|it| is_before(*it, with)));
            positions.push(match own.or(added) {
                Some(position) => position,
                None if can_add => {
                    let lane = self.lane();
                    let over = dim.over.clone();
                    self.scope.push(Drafted { over, at, expand: dim.expand, lane, join });
                    Position::Own(self.scope.len() - 1)
                }
                None => return None,
            });
        }
        Some(positions)
    }

    /// Few maps, so that solids share them, also where no author could have written it.
    fn lane(&mut self) -> Option<Lane> {
        let max_concurrent = NonZeroU32::new(self.dice.below(6) as u32).filter(|max| max.get() < 3)?;
        Some(Lane { map: self.dice.below(2) as u32, max_concurrent })
    }

    fn is_full(&self) -> bool {
        self.scope.len() + self.added.len() >= DEEPEST
    }
}

fn is_before(one: Position, other: Position) -> bool {
    matches!((one, other), (Position::Own(one), Position::Own(other)) if one < other)
}

/// True for the first dimension of a zip at this position, and for what is joined with it.
fn is_zip(dimension: &Dimension, first: usize) -> bool {
    dimension.join.is_none_or(|join| join.with == first)
}

/// The items of a known dynamic output, seen from its solid's scope.
fn item(known: &Known) -> Dimension {
    Dimension::new(known.output.clone(), (0..known.scope.len()).collect())
}

fn source(draft: Draft, depth: usize) -> Source {
    match draft {
        Draft::Value(value) => Source::Value(json!(value)),
        Draft::Item(position) => Source::Item(settled(position, depth)),
        Draft::Output(of, at) => Source::Output { of, at: all_settled(at, depth) },
        Draft::Collect { over, of, into, ratio } => Source::Collect(Collect {
            over: dimension(over[0].clone(), depth),
            joined: over[1..].iter().map(|it| dimension(it.clone(), depth)).collect(),
            of: Box::new(source(*of, depth)),
            into,
            min_success_ratio: ratio,
        }),
        Draft::List(members) => Source::List(members.into_iter().map(|it| source(it, depth)).collect()),
        Draft::Dict(members) => {
            let members = members.into_iter().enumerate();
            Source::Dict(members.map(|(name, it)| (format!("m{name}"), source(it, depth))).collect())
        }
    }
}

fn dimension(drafted: Drafted, depth: usize) -> Dimension {
    let Drafted { over, at, expand, lane, join } = drafted;
    let join = join.map(|(with, unmatched)| Join { with: settled(with, depth), unmatched });
    Dimension { expand, lane, join, ..Dimension::new(over, all_settled(at, depth)) }
}

fn all_settled(at: Vec<Position>, depth: usize) -> Vec<usize> {
    at.into_iter().map(|position| settled(position, depth)).collect()
}

fn settled(position: Position, depth: usize) -> usize {
    match position {
        Position::Own(position) => position,
        Position::Added(level) => depth + level,
    }
}
