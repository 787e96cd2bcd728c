//! What a run comes to, said as plainly as possible: the specification that [`fanfold_graph::run::Run`] is held to.
//!
//! It reads the pipeline in its exchange form and a script of what every execution does. There are no events: a step
//! is looked at once, when all that it reads is known. Solids are taken each after those that it reads.

mod place;

use std::collections::{BTreeMap, BTreeSet};

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::{Identifier, MappingKey};
use fanfold_graph::pipeline::{Collect, Dimension, Expand, Into, Invocation, Pipeline, Source, Unmatched};
use fanfold_graph::run::Outcome;
use fanfold_graph::step::{StepKey, StepState};

use crate::simulation::ending::{Ending, Step};
use crate::simulation::read::Value;
use crate::simulation::script::{End, Script};
use crate::simulation::values::hash;
use place::{Place, mentioned, spoken_of};

/// What a read comes to.
enum Read<T = Value> {
    Value(T),
    Skipped,
    /// With the steps that are to blame: those that failed, or did not run because of others that did.
    Failed(BTreeSet<StepKey>),
}

struct Naive<'p> {
    pipeline: &'p Pipeline,
    script: &'p Script,
    evaluated: BTreeSet<&'p str>,
    steps: BTreeMap<StepKey, Step>,
    /// For each step that is to blame: who got no value because of it. None stands for the pipeline's result.
    suffered: BTreeMap<StepKey, BTreeSet<Option<StepKey>>>,
    /// The steps to blame for what is missing in a collect that has enough without it.
    forgiven: BTreeSet<StepKey>,
    /// True when some zip lacks a key that it must have.
    has_mismatch: bool,
}

/// How a run of the pipeline ends.
pub(crate) fn ending(pipeline: &Pipeline, script: &Script) -> Ending {
    let mut naive = Naive {
        pipeline,
        script,
        evaluated: BTreeSet::new(),
        steps: BTreeMap::new(),
        suffered: BTreeMap::new(),
        forgiven: BTreeSet::new(),
        has_mismatch: false,
    };
    pipeline.solids.iter().for_each(|invocation| naive.solid(invocation));
    let result = naive.result();
    let outcome = Some(naive.outcome());
    let steps = naive.steps.into_iter().map(|(key, step)| (key.to_string(), step)).collect();
    Ending { steps, result, outcome }
}

impl<'p> Naive<'p> {
    /// A solid has a step for each combination of items of its scope.
    fn solid(&mut self, invocation: &'p Invocation) {
        if !self.evaluated.insert(invocation.name.as_str()) {
            return;
        }
        let read = mentioned(invocation);
        let pipeline = self.pipeline;
        pipeline.solids.iter().filter(|it| read.contains(&it.name)).for_each(|it| self.solid(it));
        for place in self.places(&invocation.scope, |_| true) {
            let key =
                StepKey { solid: invocation.name.clone(), mapping_keys: place.keys_at(0..place.scope.len()) };
            let step = self.step(invocation, &place, &key);
            self.steps.insert(key, step);
        }
        let sources = invocation.inputs.values().chain(&invocation.after);
        sources.for_each(|source| self.collects(&invocation.scope, source));
        for (first, group) in groups(&invocation.scope) {
            self.zip(&invocation.scope[..first], &group);
        }
    }

    /// Looks at a zip, whether there are clones or not: it is the same wherever what it does not speak of is.
    fn zip(&mut self, scope: &[Dimension], collect: &Collect) {
        let zip = Collect { of: nothing(), ..collect.clone() };
        let spoken_of = spoken_of(scope, &zip);
        for place in self.places(scope, |position| spoken_of.contains(&position)) {
            let _ = self.unclosed(&place, &zip);
        }
    }

    /// Who is to blame that a collect cannot close, and whether that is only because something was skipped.
    fn unclosed(&mut self, place: &Place, collect: &Collect) -> Read<()> {
        let generators: Vec<StepKey> = collect.dimensions().map(|it| place.step(&it.over, &it.at)).collect();
        let with_state = |wanted: fn(StepState) -> bool| -> BTreeSet<StepKey> {
            generators.iter().filter(|it| wanted(self.steps[it].state)).cloned().collect()
        };
        let failed = with_state(|it| !matches!(it, StepState::Succeeded | StepState::Skipped));
        if !failed.is_empty() {
            return Read::Failed(failed);
        }
        if !with_state(|it| it == StepState::Skipped).is_empty() {
            return Read::Skipped;
        }
        let keys = |it: &Dimension| -> BTreeSet<MappingKey> {
            self.items(place, it).into_iter().map(|(key, _)| key).collect()
        };
        let strict = collect.joined.iter().filter(|it| it.join.unwrap().unmatched == Unmatched::Fail);
        if strict.map(keys).any(|it| it != keys(&collect.over)) {
            self.has_mismatch = true;
            // No step is to blame; this is the name of none.
            return Read::Failed(BTreeSet::from(["mismatch.in.a.zip".parse().unwrap()]));
        }
        Read::Value(())
    }

    /// A step runs when it has all that it reads.
    fn step(&mut self, invocation: &Invocation, place: &Place, key: &StepKey) -> Step {
        match self.inputs(invocation, place) {
            Read::Value(inputs) => self.run(self.definition(invocation), key, inputs),
            Read::Skipped => passed_over(StepState::Skipped, self.definition(invocation)),
            Read::Failed(culprits) => {
                self.blame(culprits, Some(key));
                passed_over(StepState::UpstreamFailed, self.definition(invocation))
            }
        }
    }

    /// It runs until an execution succeeds, or fails for good.
    fn run(&self, solid: &SolidDefinition, key: &StepKey, inputs: BTreeMap<Identifier, Value>) -> Step {
        let mut step = Step { inputs, ..passed_over(StepState::Running, solid) };
        for attempt in 0.. {
            let execution = self.script.execution(solid, &key.to_string(), attempt, &step.inputs);
            let before = step.clone();
            step.outputs.clear();
            step.items.values_mut().for_each(Vec::clear);
            for emission in execution.emissions {
                let name = solid.outputs[emission.output as usize].name.clone();
                let value = hash(&emission.content);
                match emission.mapping_key {
                    Some(key) => step.items.get_mut(&name).unwrap().push((key, value)),
                    None => drop(step.outputs.insert(name, value)),
                }
            }
            match execution.end {
                End::Succeeds => return Step { state: StepState::Succeeded, ..step },
                // What an execution emitted before it failed stays, unless the next one emits it again.
                End::Fails => return Step { state: StepState::Failed, ..with_earlier(step, before) },
                End::Retries => step = with_earlier(step, before),
            }
        }
        unreachable!("a script retries a few times only")
    }

    fn inputs(&mut self, invocation: &Invocation, place: &Place) -> Read<BTreeMap<Identifier, Value>> {
        let mut unfinished = BTreeSet::new();
        for (_, barrier) in groups(&invocation.scope).filter(|(_, it)| it.over.expand == Expand::OnSuccess) {
            match self.unclosed(place, &barrier) {
                Read::Value(()) => {}
                // A generator that was skipped has no items.
                Read::Skipped => unreachable!("a clone of nothing"),
                Read::Failed(culprits) => unfinished.extend(culprits),
            }
        }
        for source in &invocation.after {
            if let Read::Failed(culprits) = self.read(place, source) {
                unfinished.extend(culprits);
            }
        }
        let mut reads = Vec::new();
        for input in &self.definition(invocation).inputs {
            let read = match invocation.inputs.get(&input.name) {
                Some(source) => self.read(place, source),
                None => Read::Value(Value::Json(input.default_value.clone().unwrap())),
            };
            reads.push((input.name.clone(), read));
        }
        match together(reads, |skipped, _| skipped > 0) {
            Read::Failed(culprits) => Read::Failed(culprits.into_iter().chain(unfinished).collect()),
            _ if !unfinished.is_empty() => Read::Failed(unfinished),
            read => read,
        }
    }

    fn read(&mut self, place: &Place, source: &Source) -> Read {
        match source {
            Source::Value(value) => Read::Value(Value::Json(value.clone())),
            Source::Item(position) => {
                let items = self.items(place, &place.scope[*position]);
                let item = items.into_iter().find(|(key, _)| Some(key) == place.keys[*position].as_ref());
                Read::Value(Value::Emitted(item.unwrap().1))
            }
            Source::Output { of, at } => {
                let key = place.step(of, at);
                let step = &self.steps[&key];
                match (step.state, step.outputs.get(&of.output)) {
                    (StepState::Succeeded, Some(value)) => Read::Value(Value::Emitted(*value)),
                    (StepState::Succeeded | StepState::Skipped, _) => Read::Skipped,
                    (StepState::Failed, Some(value)) if place.streams_from(of, at) => {
                        Read::Value(Value::Emitted(*value))
                    }
                    _ => Read::Failed(BTreeSet::from([key])),
                }
            }
            Source::Collect(collect) => self.collect(place, collect),
            Source::List(members) => {
                let reads = members.iter().map(|it| self.read(place, it)).enumerate().collect();
                together(reads, all_are_skipped).map(|members| Value::List(members.into_values().collect()))
            }
            Source::Dict(members) => {
                let reads = members.iter().map(|(name, it)| (name.clone(), self.read(place, it))).collect();
                together(reads, all_are_skipped).map(Value::Dict)
            }
        }
    }

    /// A collect waits for its generator's success and has a member for each item, skipped ones left out.
    fn collect(&mut self, place: &Place, collect: &Collect) -> Read {
        let place = place.narrowed(&spoken_of(&place.scope, collect));
        let closed = self.unclosed(&place, collect);
        let (mut members, mut skipped, mut culprits) = (Vec::new(), 0, BTreeSet::new());
        for (key, _) in self.items(&place, &collect.over) {
            let Some(element) = self.element(&place, collect, &key) else { continue };
            match self.read(&element, &collect.of) {
                Read::Value(value) => members.push((key, Some(value))),
                Read::Skipped => skipped += 1,
                Read::Failed(those) => {
                    members.push((key, None));
                    culprits.extend(those);
                }
            }
        }
        match closed {
            Read::Value(()) => {}
            Read::Skipped => return Read::Skipped,
            Read::Failed(those) => return Read::Failed(culprits.into_iter().chain(those).collect()),
        }
        let present = members.iter().filter(|(_, value)| value.is_some()).count();
        let count = |members: usize| f64::from(u32::try_from(members).unwrap());
        let is_enough =
            collect.min_success_ratio.is_some_and(|it| count(present) >= it * count(members.len()));
        match (members.len(), present) {
            (0, _) if skipped > 0 || collect.dimensions().any(|it| !self.output(it).is_required) => {
                Read::Skipped
            }
            (all, present) if all == present || is_enough => {
                self.forgiven.extend(culprits);
                Read::Value(Value::Collection(collect.into, members))
            }
            _ => Read::Failed(culprits),
        }
    }

    /// Where the element with a key is read; none where something is not joined with it.
    fn element(&self, place: &Place, collect: &Collect, key: &MappingKey) -> Option<Place> {
        let mut element = place.with(&collect.over, Some(key));
        for joined in &collect.joined {
            self.items(place, joined).iter().find(|(it, _)| it == key)?;
            element = element.with(joined, Some(key));
        }
        Some(element)
    }

    /// What the pipeline returns.
    fn result(&mut self) -> Option<Value> {
        let source = &self.pipeline.result;
        self.collects(&[], source);
        match self.read(&Place::default(), source) {
            Read::Value(value) => Some(value),
            Read::Skipped => None,
            Read::Failed(culprits) => {
                self.blame(culprits, None);
                None
            }
        }
    }

    /// Looks at every collect of a source, whether anybody reads it or not.
    fn collects(&mut self, scope: &[Dimension], source: &Source) {
        match source {
            Source::Value(_) | Source::Item(_) | Source::Output { .. } => {}
            Source::List(members) => members.iter().for_each(|it| self.collects(scope, it)),
            Source::Dict(members) => members.values().for_each(|it| self.collects(scope, it)),
            Source::Collect(collect) => {
                self.zip(scope, collect);
                let spoken_of = spoken_of(scope, collect);
                for place in self.places(scope, |position| spoken_of.contains(&position)) {
                    let _ = self.collect(&place, collect);
                }
                let inner: Vec<Dimension> = scope.iter().chain(collect.dimensions()).cloned().collect();
                self.collects(&inner, &collect.of);
            }
        }
    }

    /// A run succeeds when no step failed, or only such as were made up for.
    fn outcome(&self) -> Outcome {
        let mut failed = self.steps.iter().filter(|(_, step)| step.state == StepState::Failed);
        let is_made_up_for = failed.all(|(key, _)| self.is_made_up_for(key));
        if is_made_up_for && !self.has_mismatch { Outcome::Succeeded } else { Outcome::Failed }
    }

    /// True when somebody missed what the step did not give, and all who did can do without it.
    fn is_made_up_for(&self, step: &StepKey) -> bool {
        let suffered = self.suffered.get(step);
        (suffered.is_some() || self.forgiven.contains(step))
            && suffered.into_iter().flatten().all(|it| it.as_ref().is_some_and(|it| self.is_made_up_for(it)))
    }

    fn blame(&mut self, culprits: BTreeSet<StepKey>, sufferer: Option<&StepKey>) {
        for culprit in culprits {
            self.suffered.entry(culprit).or_default().insert(sufferer.cloned());
        }
    }

    /// Every combination of items of a scope; where a position does not count, no item in particular.
    fn places(&self, scope: &[Dimension], counts: impl Fn(usize) -> bool) -> Vec<Place> {
        let mut places = vec![Place::default()];
        for (position, dimension) in scope.iter().enumerate() {
            places = if counts(position) {
                let longer = |place: Place| {
                    let keys = self.items(&place, dimension).into_iter().map(|(key, _)| key);
                    let joined = dimension.join.and_then(|join| place.keys[join.with].clone());
                    let keys = keys.filter(|key| joined.as_ref().is_none_or(|joined| joined == key));
                    keys.map(|key| place.with(dimension, Some(&key))).collect::<Vec<_>>()
                };
                places.into_iter().flat_map(longer).collect()
            } else {
                places.into_iter().map(|place| place.with(dimension, None)).collect()
            };
        }
        places
    }

    /// The items of a dimension, in emission order.
    fn items(&self, place: &Place, dimension: &Dimension) -> Vec<(MappingKey, u64)> {
        self.steps[&place.step(&dimension.over, &dimension.at)].items[&dimension.over.output].clone()
    }

    fn definition(&self, invocation: &Invocation) -> &'p SolidDefinition {
        &self.pipeline.definitions[&invocation.solid]
    }

    fn output(&self, dimension: &Dimension) -> &'p fanfold_graph::definition::OutputDefinition {
        let solid = self.pipeline.solids.iter().find(|it| it.name == dimension.over.solid).unwrap();
        self.definition(solid).outputs.iter().find(|it| it.name == dimension.over.output).unwrap()
    }
}

/// Every dimension of a scope with those that are joined with it, as a collect over them.
fn groups(scope: &[Dimension]) -> impl Iterator<Item = (usize, Collect)> + '_ {
    let firsts = scope.iter().enumerate().filter(|(_, it)| it.join.is_none());
    firsts.map(|(first, over)| {
        let joined = scope.iter().filter(|it| it.join.is_some_and(|join| join.with == first));
        let (over, joined) = (over.clone(), joined.cloned().collect());
        (first, Collect { over, joined, of: nothing(), into: Into::default(), min_success_ratio: None })
    })
}

fn nothing() -> Box<Source> {
    Box::new(Source::Value(serde_json::Value::Null))
}

impl<T> Read<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Read<U> {
        match self {
            Self::Value(value) => Read::Value(change(value)),
            Self::Skipped => Read::Skipped,
            Self::Failed(culprits) => Read::Failed(culprits),
        }
    }
}

/// Several reads as one. A failure outweighs a skip; skipped ones are left out, unless all of it is skipped.
fn together<K: Ord>(reads: Vec<(K, Read)>, is_skipped: fn(usize, usize) -> bool) -> Read<BTreeMap<K, Value>> {
    let all = reads.len();
    let (mut values, mut skipped, mut culprits) = (BTreeMap::new(), 0, BTreeSet::new());
    for (name, read) in reads {
        match read {
            Read::Value(value) => drop(values.insert(name, value)),
            Read::Skipped => skipped += 1,
            Read::Failed(those) => culprits.extend(those),
        }
    }
    match (culprits.is_empty(), is_skipped(skipped, all)) {
        (false, _) => Read::Failed(culprits),
        (true, true) => Read::Skipped,
        (true, false) => Read::Value(values),
    }
}

fn all_are_skipped(skipped: usize, all: usize) -> bool {
    all > 0 && skipped == all
}

/// A step that did not run.
fn passed_over(state: StepState, solid: &SolidDefinition) -> Step {
    let dynamic = solid.outputs.iter().filter(|it| it.is_dynamic);
    let items = dynamic.map(|it| (it.name.clone(), Vec::new())).collect();
    Step { state, inputs: BTreeMap::new(), outputs: BTreeMap::new(), items }
}

/// A step with what earlier executions emitted and the last one did not.
fn with_earlier(mut step: Step, before: Step) -> Step {
    for (name, value) in before.outputs {
        step.outputs.entry(name).or_insert(value);
    }
    for (name, earlier) in before.items {
        let items = step.items.get_mut(&name).unwrap();
        let is_again = |key: &MappingKey| items.iter().any(|(it, _)| it == key);
        let others: Vec<_> = earlier.into_iter().filter(|(key, _)| !is_again(key)).collect();
        items.extend(others);
    }
    step
}
