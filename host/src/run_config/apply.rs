//! A run config against a pipeline: everything is checked before anything starts.

use std::collections::{BTreeMap, BTreeSet};

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::pipeline::{Collect, Into, Invocation, Pipeline, Source};
use serde_json::{Value as Json, json};

use super::RunConfig;
use super::known_keys::each_unknown;
use super::tree::{Content, Entry, Node, Origin};
use crate::diagnostic::Diagnostic;
use crate::findings::{Findings, keys_hint};
use crate::sandbox::{Gathered, Mismatch, PathSegment, Schema};

type Entries = BTreeMap<String, Entry>;

/// The pipeline with what the run config gives its solids, or all that is wrong with either.
///
/// Configs and constants that the pipeline itself gives are checked too. A problem of theirs has no place, but names the
/// solid and the way to the value. What a plan finds (unknown solids and outputs, scopes) is left to it.
pub fn apply(config: &RunConfig, pipeline: &Pipeline) -> Result<Pipeline, Vec<Diagnostic>> {
    let names: BTreeSet<&str> = pipeline.solids.iter().map(|solid| solid.name.as_str()).collect();
    let mut check = Check { config, findings: Findings::default() };
    let mut given = check.solids(config.tree(&names), &names);
    let mut applied = pipeline.clone();
    for invocation in &mut applied.solids {
        if let Some(definition) = pipeline.definitions.get(&invocation.solid) {
            let given = given.remove(invocation.name.as_str()).unwrap_or_default();
            check.solid_config(invocation, definition, given.config);
            check.inputs(invocation, definition, given.inputs);
        }
    }
    check.findings.into_result(applied)
}

/// What is given for one solid.
#[derive(Default)]
struct Given {
    config: Option<Entry>,
    inputs: Entries,
}

struct Check<'a> {
    config: &'a RunConfig,
    findings: Findings,
}

impl Check<'_> {
    /// What the tree gives for each solid. Whatever is not where it belongs is noted.
    fn solids(&mut self, tree: Option<Node>, names: &BTreeSet<&str>) -> BTreeMap<String, Given> {
        let Some(root) = tree else { return BTreeMap::new() };
        let root = Entry { key: root.origin.clone(), node: root };
        let mut root = self.map("the run config", root);
        let solids = root.remove("solids").map(|solids| self.map("solids", solids)).unwrap_or_default();
        self.unknown("the run config", root, &["solids"]);
        let (known, unknown): (Entries, Entries) =
            solids.into_iter().partition(|(name, _)| names.contains(name.as_str()));
        for (name, entry) in &unknown {
            self.add(entry.key.as_ref(), || {
                Diagnostic::new(format!("the pipeline has no solid `{name}`"))
                    .did_you_mean(name, names.iter().copied())
            });
        }
        known.into_iter().map(|(name, entry)| (name.clone(), self.given(&name, entry))).collect()
    }

    fn given(&mut self, name: &str, entry: Entry) -> Given {
        let path = format!("solids.{name}");
        let mut parts = self.map(&path, entry);
        let config = parts.remove("config").filter(|config| !config.node.is_null());
        let inputs = parts.remove("inputs");
        let inputs = inputs.map(|inputs| self.map(&format!("{path}.inputs"), inputs)).unwrap_or_default();
        self.unknown(&path, parts, &["config", "inputs"]);
        Given { config, inputs }
    }

    /// The entries of a mapping. A key without a value has none.
    fn map(&mut self, path: &str, entry: Entry) -> Entries {
        if entry.node.is_null() {
            return Entries::new();
        }
        let (kind, shown) = (entry.node.kind(), entry.origin_at(&[]).cloned());
        let Content::Map(entries) = entry.node.content else {
            self.add(shown.as_ref(), || Diagnostic::new(format!("{path}: expected a mapping, found {kind}")));
            return Entries::new();
        };
        entries
    }

    fn unknown(&mut self, path: &str, entries: Entries, known: &[&str]) {
        for (key, entry) in entries {
            self.add(entry.key.as_ref(), || {
                let problem = Diagnostic::new(format!("{path}: unknown key `{key}`"));
                problem.hint(keys_hint(&key, known))
            });
        }
    }

    fn solid_config(
        &mut self,
        invocation: &mut Invocation,
        definition: &SolidDefinition,
        given: Option<Entry>,
    ) {
        let path = format!("solids.{}.config", invocation.name);
        let base = invocation.config.as_ref().filter(|config| !config.is_null()).map(Node::without_origin);
        let entry = match (base, given) {
            (Some(base), Some(Entry { key, node })) => Some(Entry { key, node: base.overlaid(node) }),
            (Some(node), None) => Some(Entry { key: None, node }),
            (None, given) => given,
        };
        let Some(schema) = &definition.config_schema else {
            return self.no_config(&path, invocation, entry.as_ref());
        };
        let Some(checker) = self.schema(&path, schema) else { return };
        let config = match &entry {
            Some(entry) => entry.node.to_json(),
            // What was not configured is null, or an object without keys where null does not fit.
            None if fits(&checker, &Json::Null) => return,
            None => json!({}),
        };
        if let Some(entry) = &entry
            && self.unknown_keys(&path, schema, entry)
        {
            return;
        }
        if let Err(mismatch) = checker.check(&config, config.to_string().len()) {
            let hint = missing_hint(&path, schema, &config, &mismatch);
            if entry.is_none() && hint.is_none() {
                return self.add(None, || {
                    Diagnostic::new(format!("{path} is missing"))
                        .hint(format!("give it in the run config, or with `--set {path}=VALUE`"))
                });
            }
            return self.mismatch(&path, entry.as_ref(), &mismatch, hint);
        }
        invocation.config = Some(config);
    }

    /// A solid without config schema takes at most an object without keys.
    fn no_config(&mut self, path: &str, invocation: &mut Invocation, entry: Option<&Entry>) {
        invocation.config = None;
        if let Some(entry) = entry.filter(|entry| entry.node.to_json() != json!({})) {
            let message = format!("{path}: `{}` takes no config", invocation.solid);
            self.add(entry.key.as_ref(), || Diagnostic::new(message));
        }
    }

    /// Notes every key that the schema does not know; true if there is one.
    fn unknown_keys(&mut self, path: &str, schema: &Json, entry: &Entry) -> bool {
        let mut is_found = false;
        each_unknown(schema, &entry.node, &mut |unknown| {
            is_found = true;
            self.add(unknown.entry.key.as_ref(), || {
                let (path, key) = (path_text(path, unknown.path), unknown.key);
                Diagnostic::new(format!("{path}: unknown key `{key}`")).hint(keys_hint(key, unknown.known))
            });
        });
        is_found
    }

    fn inputs(&mut self, invocation: &mut Invocation, definition: &SolidDefinition, given: Entries) {
        let path = format!("solids.{}.inputs", invocation.name);
        let mut given = given;
        for input in &definition.inputs {
            let path = format!("{path}.{}", input.name);
            let entry = given.remove(input.name.as_str());
            match (invocation.inputs.get(&input.name), entry) {
                (Some(_), Some(entry)) => self.add(entry.key.as_ref(), || {
                    Diagnostic::new(format!("{path}: the pipeline gives this input its value already"))
                        .hint("leave it out here, or leave its argument out in the pipeline".to_owned())
                }),
                (Some(Source::Value(value)), None) => {
                    let entry = Entry { key: None, node: Node::without_origin(value) };
                    self.input(&path, input.schema.as_ref(), &entry);
                }
                (Some(source), None) => self.form(&path, input.schema.as_ref(), source),
                (None, Some(entry)) => {
                    self.input(&path, input.schema.as_ref(), &entry);
                    invocation.inputs.insert(input.name.clone(), Source::Value(entry.node.to_json()));
                }
                (None, None) if input.default_value.is_some() => {}
                (None, None) => self.add(None, || {
                    let (solid, input) = (&invocation.name, &input.name);
                    Diagnostic::new(format!("solid `{solid}`: input `{input}` is not connected"))
                        .hint(format!("connect it in the pipeline, or give `{path}` in the run config"))
                }),
            }
        }
        let known = definition.inputs.iter().map(|input| input.name.as_str());
        for (input, entry) in given {
            self.add(entry.key.as_ref(), || {
                let problem =
                    Diagnostic::new(format!("{path}: `{}` has no input `{input}`", invocation.name));
                problem.did_you_mean(&input, known.clone())
            });
        }
    }

    fn input(&mut self, path: &str, schema: Option<&Json>, entry: &Entry) {
        let Some(checker) = schema.and_then(|schema| self.schema(path, schema)) else { return };
        let value = entry.node.to_json();
        if let Err(mismatch) = checker.check(&value, value.to_string().len()) {
            self.mismatch(path, Some(entry), &mismatch, None);
        }
    }

    /// Whether the input takes a list or dict, where it is to receive one. What is in it is seen when the run has it.
    fn form(&mut self, path: &str, schema: Option<&Json>, source: &Source) {
        let gathered = match source {
            Source::List(_) | Source::Collect(Collect { into: Into::List, .. }) => Gathered::Items,
            Source::Dict(_) | Source::Collect(Collect { into: Into::Dict, .. }) => Gathered::Entries,
            Source::Value(_) | Source::Item(_) | Source::Output { .. } => return,
        };
        let Some(checker) = schema.and_then(|schema| self.schema(path, schema)) else { return };
        if let Err(mismatch) = checker.check_form(gathered) {
            let hint = "the pipeline gathers many values here";
            self.mismatch(path, None, &mismatch, Some(hint.to_owned()));
        }
    }

    fn schema(&mut self, path: &str, schema: &Json) -> Option<Schema> {
        match Schema::new(schema.clone()) {
            Ok(schema) => Some(schema),
            Err(error) => {
                self.add(None, || {
                    Diagnostic::caused_by(format!("{path}: its schema in the plugin is of no use"), &error)
                });
                None
            }
        }
    }

    fn mismatch(&mut self, path: &str, entry: Option<&Entry>, mismatch: &Mismatch, hint: Option<String>) {
        let path = path_text(path, &mismatch.path);
        let origin = entry.and_then(|entry| entry.origin_at(&mismatch.path));
        let by_pipeline = || "the pipeline gives this value".to_owned();
        let hint = hint.or_else(|| (entry.is_some() && origin.is_none()).then(by_pipeline));
        self.add(origin, || Diagnostic::new(format!("{path}: {}", mismatch.problem)).hint(hint));
    }

    fn add(&mut self, origin: Option<&Origin>, problem: impl FnOnce() -> Diagnostic) {
        let config = self.config;
        self.findings.add(|| config.at(problem(), origin));
    }
}

fn path_text(start: &str, path: &[PathSegment]) -> String {
    path.iter().fold(start.to_owned(), |text, segment| match segment {
        PathSegment::Key(key) => format!("{text}.{key}"),
        PathSegment::Index(index) => format!("{text}[{index}]"),
    })
}

fn fits(schema: &Schema, value: &Json) -> bool {
    schema.check(value, value.to_string().len()).is_ok()
}

/// How to give a config what it must have and has not.
fn missing_hint(path: &str, schema: &Json, config: &Json, mismatch: &Mismatch) -> Option<String> {
    if !mismatch.path.is_empty() {
        return None;
    }
    let required = schema.get("required")?.as_array()?.iter().filter_map(Json::as_str);
    let missing = required.into_iter().find(|key| config.is_object() && config.get(key).is_none())?;
    Some(format!("give it in the run config, or with `--set {path}.{missing}=VALUE`"))
}
