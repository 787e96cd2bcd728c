//! Which outputs a running step has emitted and may still emit.
//!
//! Invariant: what [`OutputLedger::accept`] lets pass fits the solid's definition and the step's limits, and nothing
//! passes twice. Once an output was refused nothing passes any more: the step fails with that first reason.

use std::sync::Arc;

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::{MappingKey, nearest};

use super::emitted_keys::EmittedKeys;
use super::failure::{FailureKind, StepFailure};
use super::json_text;
use super::limits::Limits;
use super::schema::{Schema, SchemaError};
use super::value::Value;
use crate::diagnostic::bytes_text;

/// What a solid may emit, compiled once per plugin.
#[derive(Debug)]
pub(super) struct OutputShapes(Vec<OutputShape>);

#[derive(Debug)]
struct OutputShape {
    name: String,
    is_required: bool,
    is_dynamic: bool,
    schema: Option<Schema>,
}

impl OutputShapes {
    /// No outputs at all.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn of(solid: &SolidDefinition) -> Result<Self, SchemaError> {
        let shapes = solid.outputs.iter().map(|output| {
            Ok(OutputShape {
                name: output.name.as_str().to_owned(),
                is_required: output.is_required,
                is_dynamic: output.is_dynamic,
                schema: output.schema.clone().map(Schema::new).transpose()?,
            })
        });
        shapes.collect::<Result<_, _>>().map(Self)
    }
}

/// The outputs of one step.
#[derive(Debug)]
pub(super) struct OutputLedger {
    shapes: Arc<OutputShapes>,
    /// In the order of `shapes`.
    emitted: Vec<Emitted>,
    value_bytes: u64,
    output_bytes: u64,
    bytes: u64,
    max_keys: u64,
    keys: u64,
    refused: Option<Box<StepFailure>>,
}

#[derive(Debug, Default)]
struct Emitted {
    is_emitted: bool,
    keys: EmittedKeys,
}

impl OutputLedger {
    pub(super) fn new(shapes: Arc<OutputShapes>, limits: &Limits) -> Self {
        Self {
            emitted: shapes.0.iter().map(|_| Emitted::default()).collect(),
            shapes,
            value_bytes: limits.value_bytes,
            output_bytes: limits.output_bytes,
            bytes: 0,
            max_keys: limits.keys,
            keys: 0,
            refused: None,
        }
    }

    /// Takes note of an output, or says why it is refused. Returns the checked mapping key.
    pub(super) fn accept(
        &mut self,
        output: &str,
        key: Option<&str>,
        value: &Value,
    ) -> Result<Option<MappingKey>, StepFailure> {
        if let Some(first) = &self.refused {
            return Err(*first.clone());
        }
        self.check(output, key, value).inspect_err(|failure| self.refuse(failure))
    }

    /// Whether further facts about an output can be taken: it must have been emitted. Returns the checked mapping key.
    pub(super) fn accept_annotation(
        &mut self,
        output: &str,
        key: Option<&str>,
    ) -> Result<Option<MappingKey>, StepFailure> {
        if let Some(first) = &self.refused {
            return Err(*first.clone());
        }
        self.find_emitted(output, key).inspect_err(|failure| self.refuse(failure))
    }

    /// Refuses everything from now on, for a reason that was found elsewhere.
    pub(super) fn refuse(&mut self, failure: &StepFailure) {
        self.refused.get_or_insert_with(|| Box::new(failure.clone()));
    }

    /// Why the step fails whatever the guest did since, if it does.
    pub(super) fn take_refused(&mut self) -> Option<StepFailure> {
        self.refused.take().map(|refused| *refused)
    }

    /// How many values were emitted, and their bytes.
    pub(super) fn totals(&self) -> (u64, u64) {
        let plain = self.emitted.iter().filter(|emitted| emitted.is_emitted).count();
        (plain as u64 + self.keys, self.bytes)
    }

    /// A required plain output that the step has not emitted. A dynamic one may stay without keys.
    pub(super) fn missing(&self) -> Option<StepFailure> {
        let mut outputs = self.shapes.0.iter().zip(&self.emitted);
        let (shape, _) =
            outputs.find(|(shape, emitted)| shape.is_required && !shape.is_dynamic && !emitted.is_emitted)?;
        let message = format!("the solid finished without its required output `{}`", shape.name);
        Some(StepFailure::new(FailureKind::MissingOutput, message))
    }

    fn check(
        &mut self,
        output: &str,
        key: Option<&str>,
        value: &Value,
    ) -> Result<Option<MappingKey>, StepFailure> {
        let index = self.find(output)?;
        let key = check_kind(&self.shapes.0[index], key)?;
        // Kept even if the output is refused below: nothing passes after that.
        self.remember(index, key.as_ref())?;
        let bytes = value.inline_bytes();
        self.check_sizes(output, bytes, key.is_some())?;
        check_value(&self.shapes.0[index], value)?;
        self.keys += u64::from(key.is_some());
        self.bytes += bytes;
        Ok(key)
    }

    fn find(&self, output: &str) -> Result<usize, StepFailure> {
        if let Some(index) = self.shapes.0.iter().position(|shape| shape.name == output) {
            return Ok(index);
        }
        let names = || self.shapes.0.iter().map(|shape| shape.name.as_str());
        let shown = shown(output);
        let mut failure =
            StepFailure::new(FailureKind::UnknownOutput, format!("the solid has no output {shown}"));
        failure.hint = Some(match nearest(output, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.shapes.0.is_empty() => "it has no outputs".to_owned(),
            None => format!("its outputs: {}", names().collect::<Vec<_>>().join(", ")),
        });
        Err(failure)
    }

    fn find_emitted(&self, output: &str, key: Option<&str>) -> Result<Option<MappingKey>, StepFailure> {
        let index = self.find(output)?;
        let key = check_kind(&self.shapes.0[index], key)?;
        let emitted = &self.emitted[index];
        let message = match &key {
            Some(key) if !emitted.keys.contains(key) => {
                format!("facts about item `{key}` of output `{output}`, which was not emitted")
            }
            None if !emitted.is_emitted => format!("facts about output `{output}`, which was not emitted"),
            _ => return Ok(key),
        };
        let near = key.and_then(|key| emitted.keys.nearest(&key).map(str::to_owned));
        let mut failure = StepFailure::new(FailureKind::NotEmitted, message);
        failure.hint = near.map(|near| format!("did you mean `{near}`?"));
        Err(failure)
    }

    /// Notes that an output, or an item of one, is emitted: once.
    fn remember(&mut self, index: usize, key: Option<&MappingKey>) -> Result<(), StepFailure> {
        let (name, emitted) = (&self.shapes.0[index].name, &mut self.emitted[index]);
        let is_new = match key {
            Some(key) => emitted.keys.insert(key),
            None => !std::mem::replace(&mut emitted.is_emitted, true),
        };
        if is_new {
            return Ok(());
        }
        let message = match key {
            Some(key) => format!("mapping key `{key}` was emitted twice on output `{name}`"),
            None => format!("output `{name}` was emitted twice"),
        };
        Err(StepFailure::new(FailureKind::DuplicateOutput, message))
    }

    fn check_sizes(&self, output: &str, bytes: u64, has_key: bool) -> Result<(), StepFailure> {
        if bytes > self.value_bytes {
            let (bytes, limit) = (bytes_text(bytes), bytes_text(self.value_bytes));
            let message = format!("a value of output `{output}` has {bytes}, limit {limit}");
            let mut failure = StepFailure::limit(FailureKind::ValueTooLarge, message, "value");
            failure.hint = Some("write it as a blob, or raise `limits.value`".to_owned());
            return Err(failure);
        }
        if self.bytes + bytes > self.output_bytes {
            let message = format!("the step's outputs exceed {} in all", bytes_text(self.output_bytes));
            return Err(StepFailure::limit(FailureKind::OutputsTooLarge, message, "outputs"));
        }
        if has_key && self.keys == self.max_keys {
            let message = format!("the step emitted more than {} mapping keys", self.max_keys);
            return Err(StepFailure::limit(FailureKind::TooManyKeys, message, "keys"));
        }
        Ok(())
    }
}

/// Whether a mapping key is there exactly if the output is dynamic, and in its alphabet.
fn check_kind(shape: &OutputShape, key: Option<&str>) -> Result<Option<MappingKey>, StepFailure> {
    let name = &shape.name;
    match key {
        Some(_) if !shape.is_dynamic => {
            let message = format!("output `{name}` is not dynamic, so it takes no mapping key");
            Err(StepFailure::new(FailureKind::NotDynamic, message))
        }
        None if shape.is_dynamic => {
            let message = format!("output `{name}` is dynamic, so each value needs a mapping key");
            Err(StepFailure::new(FailureKind::MappingKeyMissing, message))
        }
        Some(key) => MappingKey::new(key).map(Some).map_err(|error| {
            let message = match error {
                fanfold_graph::name::NameError::BadCharacter { allowed, .. } => {
                    format!("{} is no mapping key: {allowed}", shown(key))
                }
                other => other.to_string(),
            };
            StepFailure::new(FailureKind::InvalidMappingKey, message)
        }),
        None => Ok(None),
    }
}

fn check_value(shape: &OutputShape, value: &Value) -> Result<(), StepFailure> {
    let mismatch = |problem: String| {
        let message = format!("a value of output `{}` does not fit: {problem}", shape.name);
        StepFailure::new(FailureKind::TypeMismatch, message)
    };
    match (value, &shape.schema) {
        (Value::Json(text), None) => json_text::check(text).map_err(mismatch),
        (Value::Json(text), Some(schema)) => schema.check_text(text).map_err(mismatch),
        (Value::Bytes(_), Some(_)) => Err(mismatch("it is bytes, the output's schema speaks of JSON".into())),
        (Value::Blob(_), Some(_)) => Err(mismatch("it is a blob, the output's schema speaks of JSON".into())),
        (Value::Bytes(_) | Value::Blob(_), None) => Ok(()),
    }
}

/// A text from a guest, in backticks, harmless and of bounded length.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        short.push_str("...");
    }
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ledger(limits: &Limits) -> OutputLedger {
        let solid: SolidDefinition = serde_json::from_value(json!({
            "name": "s",
            "outputs": [
                {"name": "result", "schema": {"type": "integer"}},
                {"name": "maybe", "is_required": false},
                {"name": "files", "is_dynamic": true},
            ],
        }))
        .unwrap();
        OutputLedger::new(Arc::new(OutputShapes::of(&solid).unwrap()), limits)
    }

    fn json_value(text: &str) -> Value {
        Value::Json(text.into())
    }

    #[test]
    fn a_good_step_passes() {
        let mut ledger = ledger(&Limits::default());
        assert!(ledger.missing().is_some());
        assert_eq!(ledger.accept("result", None, &json_value("1")), Ok(None));
        for key in ["a", "b"] {
            assert_eq!(ledger.accept("files", Some(key), &json_value("{}")).unwrap().unwrap().as_str(), key);
        }
        assert_eq!(ledger.missing(), None);
        assert_eq!(ledger.take_refused(), None);
        assert_eq!(ledger.totals(), (3, 5));
    }

    #[test]
    fn facts_are_added_to_what_was_emitted() {
        let emitted = || {
            let mut ledger = ledger(&Limits::default());
            ledger.accept("result", None, &json_value("1")).unwrap();
            ledger.accept("files", Some("abc"), &json_value("1")).unwrap();
            ledger
        };
        assert_eq!(emitted().accept_annotation("result", None), Ok(None));
        assert_eq!(emitted().accept_annotation("files", Some("abc")).unwrap().unwrap().as_str(), "abc");
        for (output, key, kind, hint) in [
            ("files", Some("abd"), FailureKind::NotEmitted, Some("did you mean `abc`?")),
            ("maybe", None, FailureKind::NotEmitted, None),
            ("files", None, FailureKind::MappingKeyMissing, None),
            ("result", Some("abc"), FailureKind::NotDynamic, None),
            ("reslt", None, FailureKind::UnknownOutput, Some("did you mean `result`?")),
        ] {
            let mut ledger = emitted();
            let refused = ledger.accept_annotation(output, key).unwrap_err();
            assert_eq!((refused.kind, refused.hint.as_deref()), (kind, hint));
            assert_eq!(ledger.accept_annotation("result", None), Err(refused));
        }
    }

    #[test]
    fn each_wrong_emit_has_its_kind_and_the_first_one_stays() {
        let small = Limits { value_bytes: 8, output_bytes: 10, keys: 2, ..Limits::default() };
        let deep = "[".repeat(200);
        let long = "k".repeat(201);
        let cases: &[(&str, Option<&str>, &str, FailureKind)] = &[
            ("reslt", None, "1", FailureKind::UnknownOutput),
            ("result", Some("a"), "1", FailureKind::NotDynamic),
            ("files", None, "1", FailureKind::MappingKeyMissing),
            ("files", Some(""), "1", FailureKind::InvalidMappingKey),
            ("files", Some("a/b"), "1", FailureKind::InvalidMappingKey),
            ("files", Some(&long), "1", FailureKind::InvalidMappingKey),
            ("result", None, "\"x\"", FailureKind::TypeMismatch),
            ("maybe", None, "{oops", FailureKind::TypeMismatch),
            ("maybe", None, "1234567890", FailureKind::ValueTooLarge),
        ];
        for (output, key, value, kind) in cases {
            let mut ledger = ledger(&small);
            let refused = ledger.accept(output, *key, &json_value(value)).unwrap_err();
            assert_eq!(refused.kind, *kind, "{refused}");
            assert_eq!(ledger.accept("maybe", None, &json_value("1")).unwrap_err(), refused);
            assert_eq!(ledger.take_refused(), Some(refused));
        }
        let mut deep_ledger = ledger(&Limits::default());
        let refused = deep_ledger.accept("maybe", None, &json_value(&deep)).unwrap_err();
        assert_eq!(refused.kind, FailureKind::TypeMismatch);
    }

    #[test]
    fn repeats_and_totals_are_refused() {
        let small = Limits { output_bytes: 10, keys: 2, ..Limits::default() };
        let mut twice = ledger(&small);
        twice.accept("maybe", None, &json_value("1")).unwrap();
        let refused = twice.accept("maybe", None, &json_value("1")).unwrap_err();
        assert_eq!(refused.kind, FailureKind::DuplicateOutput);

        let mut keys = ledger(&small);
        keys.accept("files", Some("a"), &json_value("1")).unwrap();
        let same = ledger(&small).accept("files", Some("a"), &json_value("1")).unwrap();
        assert!(same.is_some(), "another step may use the same key");
        keys.accept("files", Some("b"), &json_value("1")).unwrap();
        let refused = keys.accept("files", Some("c"), &json_value("1")).unwrap_err();
        assert_eq!(refused.kind, FailureKind::TooManyKeys);

        let mut bytes = ledger(&small);
        bytes.accept("files", Some("a"), &json_value("123456")).unwrap();
        let refused = bytes.accept("files", Some("b"), &json_value("123456")).unwrap_err();
        assert_eq!(refused.kind, FailureKind::OutputsTooLarge);
    }

    #[test]
    fn an_unknown_output_suggests_the_nearest() {
        let refused = ledger(&Limits::default()).accept("reslt", None, &json_value("1")).unwrap_err();
        assert_eq!(refused.message, "the solid has no output `reslt`");
        assert_eq!(refused.hint.as_deref(), Some("did you mean `result`?"));
    }
}
