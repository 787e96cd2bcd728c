//! Cases as text: a pipeline, then events, and beneath each event all that changed. `BLESS=1 cargo test -p
//! fanfold-graph --test cases` writes the answers anew.
//!
//! ```text
//! solid emit() -> items*             a definition; * dynamic, ? optional
//! use echo[emit.items] x=#0          an invocation, its scope, its inputs: #0 an item, a.result@0 an output,
//!                                    collect(over@0, source) a collect, else JSON; ~0.5 after a collect its ratio,
//!                                    ! after a dimension a barrier, %0:2 after that the map's number and how
//!                                    many of its clones go at once; =0 after all of that: joined with the items at
//!                                    position 0, =0? with keys left out that one of them lacks
//! collect(over;joined=0, source)     a collect over a zip
//! start emit                         events: start, emit STEP OUTPUT[:KEY]=VALUE, ok, fail, retry, cancel-step,
//!                                    cancel, resume; inputs STEP and result show values
//! ```

#[path = "simulation/values.rs"]
mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use fanfold_graph::event::Event;
use fanfold_graph::name::{Identifier, MappingKey};
use fanfold_graph::pipeline::{
    Collect, Dimension, Expand, Into, Invocation, Join, Lane, Pipeline, Source, Unmatched,
};
use fanfold_graph::plan::Plan;
use fanfold_graph::run::{Resolved, Run};
use fanfold_graph::step::{StepId, StepKey};
use serde_json::json;
use values::value;

#[expect(clippy::disallowed_methods, reason = "a test reads its cases; the core under test does not")]
#[test]
fn every_case_answers_as_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = Vec::new();
    for file in files {
        let written = std::fs::read_to_string(&file).unwrap();
        let answered = Case::default().answer(&written);
        if written == answered {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, &answered).unwrap();
        } else {
            wrong.push(format!("{}:\n{}", file.display(), difference(&written, &answered)));
        }
    }
    assert!(wrong.is_empty(), "{}\nBLESS=1 accepts the answers", wrong.join("\n"));
}

fn difference(written: &str, answered: &str) -> String {
    let same =
        written.lines().zip(answered.lines()).take_while(|(written, answered)| written == answered).count();
    let rest = |text: &str| text.lines().skip(same.saturating_sub(3)).take(12).collect::<Vec<_>>().join("\n");
    format!("written:\n{}\nanswered:\n{}", rest(written), rest(answered))
}

#[derive(Default)]
struct Case {
    definitions: BTreeMap<String, serde_json::Value>,
    solids: Vec<Invocation>,
    result: Option<Source>,
    run: Option<Run>,
    /// The texts of values, by reference.
    texts: BTreeMap<u64, String>,
}

impl Case {
    /// The case's text with fresh answers.
    fn answer(&mut self, text: &str) -> String {
        let mut answered = String::new();
        for line in text.lines().filter(|line| !line.starts_with("    ")) {
            writeln!(answered, "{line}").unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [] | ["#", ..] => {}
                ["solid", rest @ ..] => self.define(&rest.join(" ")),
                ["use", rest @ ..] => self.invoke(rest),
                ["return", source] => self.result = Some(parse_source(source)),
                _ => self.act(&words).iter().for_each(|change| writeln!(answered, "    {change}").unwrap()),
            }
        }
        answered
    }

    fn define(&mut self, text: &str) {
        let (name, rest) = text.split_once('(').unwrap();
        let (inputs, outputs) = rest.split_once(')').unwrap();
        let names = |text: &str| -> Vec<String> {
            let words = text.split([',', ' ']).filter(|word| !word.is_empty() && *word != "->");
            words.map(str::to_owned).collect()
        };
        let inputs: Vec<_> = names(inputs).into_iter().map(|name| json!({ "name": name })).collect();
        let output = |word: String| {
            let name = word.trim_end_matches(['*', '?']);
            json!({ "name": name, "is_dynamic": word.contains('*'), "is_required": !word.contains('?') })
        };
        let outputs: Vec<_> = names(outputs).into_iter().map(output).collect();
        self.definitions
            .insert(name.to_owned(), json!({ "name": name, "inputs": inputs, "outputs": outputs }));
    }

    fn invoke(&mut self, words: &[&str]) {
        let (name, scope) = words[0].split_once('[').map_or((words[0], ""), |(name, scope)| (name, scope));
        let scope: Vec<Dimension> =
            scope.trim_end_matches(']').split(';').filter(|it| !it.is_empty()).map(parse_dimension).collect();
        let inputs = words[1..].iter().map(|word| {
            let (input, source) = word.split_once('=').unwrap();
            (Identifier::new(input).unwrap(), parse_source(source))
        });
        self.solids.push(Invocation {
            name: name.parse().unwrap(),
            solid: format!("p:{name}").parse().unwrap(),
            inputs: inputs.collect(),
            scope,
            config: None,
            tags: BTreeMap::new(),
            retry_policy: None,
            timeout_ms: None,
            after: Vec::new(),
        });
    }

    fn act(&mut self, words: &[&str]) -> Vec<String> {
        if self.run.is_none() {
            let definitions = self.definitions.iter();
            let pipeline = Pipeline {
                name: Identifier::new("case").unwrap(),
                description: String::new(),
                definitions: definitions
                    .map(|(name, it)| {
                        (format!("p:{name}").parse().unwrap(), serde_json::from_value(it.clone()).unwrap())
                    })
                    .collect(),
                solids: self.solids.clone(),
                result: self.result.clone().unwrap_or(Source::Value(json!(null))),
            };
            match Plan::new(pipeline) {
                Ok(plan) => self.run = Some(Run::new(Arc::new(plan))),
                Err(errors) => return errors.iter().map(ToString::to_string).collect(),
            }
        }
        match words {
            ["plan"] => states(self.run.as_ref().unwrap())
                .into_iter()
                .map(|(key, it)| format!("{key} {it}"))
                .collect(),
            ["inputs", step] => self.inputs(step),
            ["result"] => {
                let run = self.run.as_ref().unwrap();
                vec![run.result().map_or("none".to_owned(), |result| self.show(run, &result))]
            }
            _ => self.apply(words),
        }
    }

    fn apply(&mut self, words: &[&str]) -> Vec<String> {
        let event = self.event(words);
        let run = self.run.as_mut().unwrap();
        let (before, outcome) = (states(run), run.outcome());
        let keys: BTreeMap<StepId, String> = step_keys(run);
        let applied = match run.apply(&event) {
            Ok(applied) => applied,
            Err(illegal) => return vec![format!("illegal: {}", illegal.reason)],
        };
        let after = states(run);
        let mut changes = Vec::new();
        for (key, state) in &after {
            if before.get(key) != Some(state) {
                changes.push(format!("{key} {state}"));
            }
        }
        changes.extend(
            before.keys().filter(|key| !after.contains_key(*key)).map(|key| format!("{key} dropped")),
        );
        changes.extend(applied.superseded.iter().map(|step| format!("{} superseded", keys[step])));
        if run.outcome() != outcome {
            changes.extend(run.outcome().map(|outcome| format!("the run {outcome:?}").to_lowercase()));
            changes.extend(run.mismatches().map(|mismatch| mismatch.to_string()));
        }
        changes
    }

    fn event(&mut self, words: &[&str]) -> Event {
        let step = |word: &str| {
            let key: StepKey = word.parse().unwrap();
            let found =
                step_keys(self.run.as_ref().unwrap()).into_iter().find(|(_, it)| *it == key.to_string());
            found.unwrap_or_else(|| panic!("no step {word}")).0
        };
        match words {
            ["start", it] => Event::StepStarted { step: step(it) },
            ["ok", it] => Event::StepSucceeded { step: step(it) },
            ["fail", it] => Event::StepFailed { step: step(it), retry_after_ms: None },
            ["retry", it] => Event::StepFailed { step: step(it), retry_after_ms: Some(0) },
            ["cancel-step", it] => Event::StepCanceled { step: step(it) },
            ["cancel"] => Event::RunCanceled,
            ["resume"] => Event::RunResumed,
            ["emit", it, emitted] => {
                let step = step(it);
                let (output, content) = emitted.split_once('=').unwrap();
                let (output, key) =
                    output.split_once(':').map_or((output, None), |(output, key)| (output, Some(key)));
                let plan = self.run.as_ref().unwrap().plan();
                let outputs = &plan.definition(step.solid).outputs;
                let output = outputs.iter().position(|known| known.name.as_str() == output).unwrap() as u32;
                let value = value(content);
                self.texts.insert(value.id, content.to_owned());
                Event::OutputEmitted {
                    step,
                    output,
                    mapping_key: key.map(|key| MappingKey::new(key).unwrap()),
                    value,
                }
            }
            other => panic!("what is {other:?}?"),
        }
    }

    fn inputs(&self, step: &str) -> Vec<String> {
        let run = self.run.as_ref().unwrap();
        let step = step_keys(run).into_iter().find(|(_, key)| key == step).unwrap().0;
        run.inputs(step).iter().map(|(name, it)| format!("{name} = {}", self.show(run, it))).collect()
    }

    fn show(&self, run: &Run, resolved: &Resolved<'_>) -> String {
        match resolved {
            Resolved::Value(value) => value.to_string(),
            Resolved::Stored(value) => self.texts[&value.id].clone(),
            Resolved::List(members) => {
                let members: Vec<String> = members.iter().map(|it| self.show(run, it)).collect();
                format!("[{}]", members.join(", "))
            }
            Resolved::Dict(members) => {
                let members: Vec<String> =
                    members.iter().map(|(name, it)| format!("{name}: {}", self.show(run, it))).collect();
                format!("{{{}}}", members.join(", "))
            }
            Resolved::Collection(collection) => {
                let page = run.page(collection, 0, u32::MAX);
                let show = |it: &Option<Resolved<'_>>| {
                    it.as_ref().map_or("missing".to_owned(), |it| self.show(run, it))
                };
                let items: Vec<String> =
                    page.items.iter().map(|(key, it)| format!("{key}: {}", show(it))).collect();
                format!("<{}>", items.join(", "))
            }
        }
    }
}

fn step_keys(run: &Run) -> BTreeMap<StepId, String> {
    let steps = run.plan().solids().flat_map(|solid| run.steps(solid));
    steps.map(|step| (step, run.step_key(step).to_string())).collect()
}

fn states(run: &Run) -> BTreeMap<String, String> {
    let keys = step_keys(run).into_iter();
    keys.map(|(step, key)| (key, run.state(step).unwrap().to_string())).collect()
}

fn parse_positions(text: &str) -> (&str, Vec<usize>) {
    let (name, at) = text.split_once('@').unwrap_or((text, ""));
    (name, at.split(',').filter(|it| !it.is_empty()).map(|it| it.parse().unwrap()).collect())
}

fn parse_dimension(text: &str) -> Dimension {
    let (text, join) = text.split_once('=').map_or((text, None), |(text, join)| (text, Some(join)));
    let join = join.map(|join| {
        let with = join.strip_suffix('?');
        let unmatched = if with.is_some() { Unmatched::Skip } else { Unmatched::Fail };
        Join { with: with.unwrap_or(join).parse().unwrap(), unmatched }
    });
    let (text, lane) = text.split_once('%').map_or((text, None), |(text, lane)| (text, Some(lane)));
    let lane = lane.map(|lane| {
        let (map, max_concurrent) = lane.split_once(':').unwrap();
        Lane { map: map.parse().unwrap(), max_concurrent: max_concurrent.parse().unwrap() }
    });
    let (text, expand) =
        text.strip_suffix('!').map_or((text, Expand::OnEmit), |text| (text, Expand::OnSuccess));
    let (over, at) = parse_positions(text);
    Dimension { expand, lane, join, ..Dimension::new(over.parse().unwrap(), at) }
}

fn parse_source(text: &str) -> Source {
    if let Some(position) = text.strip_prefix('#') {
        return Source::Item(position.parse().unwrap());
    }
    if let Some(rest) = text.strip_prefix("collect(") {
        let (rest, ratio) = rest.rsplit_once(')').unwrap();
        let (over, mut of) = rest.split_once(';').unwrap();
        let mut joined = Vec::new();
        while let Some((dimension, rest)) = of.split_once(';').filter(|(it, _)| it.contains('=')) {
            joined.push(parse_dimension(dimension));
            of = rest;
        }
        return Source::Collect(Collect {
            over: parse_dimension(over),
            joined,
            of: Box::new(parse_source(of)),
            into: Into::List,
            min_success_ratio: ratio.strip_prefix('~').map(|ratio| ratio.parse().unwrap()),
        });
    }
    if let Some(members) = text.strip_prefix("list(").and_then(|rest| rest.strip_suffix(')')) {
        return Source::List(members.split('+').map(parse_source).collect());
    }
    if let Ok(value) = serde_json::from_str(text) {
        return Source::Value(value);
    }
    let (of, at) = parse_positions(text);
    Source::Output { of: of.parse().unwrap(), at }
}
