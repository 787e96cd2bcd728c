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
use super::value::{CollectedItem, Input, InputValue, Value};

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
    next: u32,
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
        checked.map_err(|mismatch| shape.misfit(&mismatch.to_string()))?;
        Ok(Some(MemberCheck { shape: Arc::clone(shape), gathered, next: 0 }))
    }
}

impl InputShape {
    fn check_single(&self, value: &Value) -> Result<(), StepFailure> {
        json_text(value)
            .and_then(|text| self.schema.check_text(text))
            .map_err(|problem| self.misfit(&problem))
    }

    fn misfit(&self, problem: &str) -> StepFailure {
        let message = format!("what input `{}` receives does not fit: {problem}", self.name);
        StepFailure::new(FailureKind::TypeMismatch, message)
    }
}

impl MemberCheck {
    /// Checks the next member.
    pub(super) fn check(&mut self, member: &CollectedItem) -> Result<(), StepFailure> {
        let (place, key) = (self.next, member.mapping_key.as_ref().map(MappingKey::as_str));
        self.next += 1;
        let misfit = |problem: String| {
            let which = key.map_or_else(|| format!("member {place}"), |key| format!("member `{key}`"));
            self.shape.misfit(&format!("{which}: {problem}"))
        };
        let checked = json_text(&member.value)
            .and_then(|text| self.shape.schema.check_member(self.gathered, key.unwrap_or_default(), text));
        checked.map_err(misfit)
    }
}

/// What schemas speak of.
fn json_text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Json(text) => Ok(text),
        Value::Bytes(_) => Err("it is bytes, the input's schema speaks of JSON".to_owned()),
        Value::Blob(_) => Err("it is a blob, the input's schema speaks of JSON".to_owned()),
    }
}
