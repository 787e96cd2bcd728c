//! Whether what a step reads fits what its solid says of its inputs.
//!
//! What was emitted was checked against its output's schema; the input may say more, and nobody else compares the two.
//! Collections are checked member by member, as the guest reads them.

use std::sync::Arc;

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::{Identifier, MappingKey};
use rustc_hash::FxHashMap;

use super::failure::{FailureKind, StepFailure};
use super::schema::{Gathered, Schema, SchemaError};
use super::value::{Input, InputValue, Value};

/// The schemas of a solid's inputs, by name, compiled once per plugin. Inputs that accept anything are not among them.
#[derive(Debug, Default)]
pub(super) struct InputShapes(FxHashMap<Identifier, Arc<InputShape>>);

/// What one input accepts.
#[derive(Debug)]
struct InputShape {
    name: Identifier,
    schema: Schema,
}

/// Checks the members of one collection.
#[derive(Debug)]
pub(super) struct MemberCheck {
    shape: Arc<InputShape>,
    gathered: Gathered,
}

/// Which member of which collection, for messages.
pub(super) struct Member<'a> {
    pub(super) input: &'a str,
    /// From 0.
    pub(super) place: u32,
    pub(super) mapping_key: Option<&'a MappingKey>,
}

impl InputShapes {
    pub(super) fn of(solid: &SolidDefinition) -> Result<Self, SchemaError> {
        let mut shapes = FxHashMap::default();
        for input in &solid.inputs {
            let Some(schema) = input.schema.clone() else { continue };
            let (name, schema) = (input.name.clone(), Schema::new(schema)?);
            shapes.insert(name.clone(), Arc::new(InputShape { name, schema }));
        }
        Ok(Self(shapes))
    }

    /// Checks what an input receives as far as it is there; of a collection the members are yet to be checked.
    pub(super) fn check(&self, input: &Input) -> Result<Option<MemberCheck>, StepFailure> {
        let Some(shape) = self.0.get(input.name.as_str()) else { return Ok(None) };
        let (collection, gathered) = match &input.value {
            InputValue::Single(value) => return shape.check_single(value).map(|()| None),
            InputValue::Items(collection) => (collection, Gathered::Items),
            InputValue::Entries(collection) => (collection, Gathered::Entries),
        };
        let checked = shape.schema.check_gathered(gathered, collection.len as usize);
        checked.map_err(|mismatch| misfit(shape.name.as_str(), &mismatch.to_string()))?;
        Ok(Some(MemberCheck { shape: Arc::clone(shape), gathered }))
    }
}

impl InputShape {
    fn check_single(&self, value: &Value) -> Result<(), StepFailure> {
        json_text(value)
            .and_then(|text| self.schema.check_text(text))
            .map_err(|problem| misfit(self.name.as_str(), &problem))
    }
}

impl MemberCheck {
    /// Checks one member.
    pub(super) fn check(&self, member: &Member<'_>, value: &Value) -> Result<(), StepFailure> {
        let key = member.mapping_key.map_or("", MappingKey::as_str);
        let checked =
            json_text(value).and_then(|text| self.shape.schema.check_member(self.gathered, key, text));
        checked.map_err(|problem| member.misfit(&problem))
    }
}

impl Member<'_> {
    /// The member's JSON text; fails the step if it has none.
    pub(super) fn json<'v>(&self, value: &'v Value) -> Result<&'v str, StepFailure> {
        json_text(value).map_err(|problem| StepFailure {
            hint: Some("read it with `next`: in Rust, as `Collected<Bytes>` or `Collected<Blob>`".to_owned()),
            ..self.misfit(&problem)
        })
    }

    fn misfit(&self, problem: &str) -> StepFailure {
        let Self { input, place, mapping_key } = self;
        let which = mapping_key.map_or_else(|| format!("member {place}"), |key| format!("member `{key}`"));
        misfit(input, &format!("{which}: {problem}"))
    }
}

fn misfit(input: &str, problem: &str) -> StepFailure {
    let message = format!("what input `{input}` receives does not fit: {problem}");
    StepFailure::new(FailureKind::TypeMismatch, message)
}

/// What schemas speak of, and what is read as JSON.
fn json_text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Json(text) => Ok(text),
        Value::Bytes(_) => Err("it is bytes, the solid takes JSON".to_owned()),
        Value::Blob(_) => Err("it is a blob, the solid takes JSON".to_owned()),
    }
}
