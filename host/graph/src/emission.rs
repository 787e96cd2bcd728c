//! Which outputs a running step may still emit. One value of [`Emissions`] lives as long as one execution; it
//! answers the solid at once, so that a bad emit is refused where it happens.

use std::collections::BTreeSet;

use compact_str::CompactString;

use crate::definition::{OutputDefinition, SolidDefinition};
use crate::name::{MappingKey, NameError, nearest};

/// Why an emit is refused, or an execution incomplete. Each fails the step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The solid has no such output.
    #[error("no output `{}`; {}", output.escape_debug(), known_outputs(known, output))]
    UnknownOutput {
        /// What it emitted.
        output: String,
        /// What it has.
        known: Vec<String>,
    },
    /// A plain output emitted under a mapping key.
    #[error("output `{0}` is not dynamic: emit it without a mapping key")]
    NotDynamic(String),
    /// A dynamic output emitted without a mapping key.
    #[error("output `{0}` is dynamic: emit each item under a mapping key")]
    MappingKeyMissing(String),
    /// A mapping key with characters that no key has.
    #[error("output `{output}`: {reason}")]
    InvalidMappingKey {
        /// The output.
        output: String,
        /// What is wrong with the key.
        reason: NameError,
    },
    /// A plain output emitted for the second time.
    #[error("output `{0}` was emitted twice")]
    DuplicateOutput(String),
    /// A mapping key emitted for the second time on one output.
    #[error("output `{output}` was emitted twice under mapping key `{mapping_key}`")]
    DuplicateMappingKey {
        /// The output.
        output: String,
        /// The key.
        mapping_key: MappingKey,
    },
}

/// The solid returned without a required output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("required output `{0}` was not emitted")]
pub struct MissingOutput(pub String);

fn known_outputs(known: &[String], wanted: &str) -> String {
    match nearest(wanted, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the solid has no outputs".to_owned(),
        None => format!("the solid has: {}", known.join(", ")),
    }
}

/// What one execution of a step has emitted so far.
#[derive(Debug)]
pub struct Emissions<'a> {
    outputs: &'a [OutputDefinition],
    emitted: Vec<Emitted>,
}

#[derive(Debug)]
enum Emitted {
    Plain(bool),
    Dynamic(BTreeSet<CompactString>),
}

impl<'a> Emissions<'a> {
    /// Nothing emitted yet.
    pub fn new(solid: &'a SolidDefinition) -> Self {
        let empty = |output: &OutputDefinition| {
            if output.is_dynamic { Emitted::Dynamic(BTreeSet::new()) } else { Emitted::Plain(false) }
        };
        Self { outputs: &solid.outputs, emitted: solid.outputs.iter().map(empty).collect() }
    }

    /// Admits a plain output and returns its place in the definition.
    pub fn emit(&mut self, output: &str) -> Result<usize, EmitError> {
        let place = self.place(output)?;
        match &mut self.emitted[place] {
            Emitted::Dynamic(_) => Err(EmitError::MappingKeyMissing(output.to_owned())),
            Emitted::Plain(true) => Err(EmitError::DuplicateOutput(output.to_owned())),
            Emitted::Plain(emitted) => {
                *emitted = true;
                Ok(place)
            }
        }
    }

    /// Admits one item of a dynamic output and returns the output's place and the checked key.
    pub fn emit_dynamic(&mut self, output: &str, key: &str) -> Result<(usize, MappingKey), EmitError> {
        let place = self.place(output)?;
        let Emitted::Dynamic(keys) = &mut self.emitted[place] else {
            return Err(EmitError::NotDynamic(output.to_owned()));
        };
        let mapping_key = MappingKey::new(key)
            .map_err(|reason| EmitError::InvalidMappingKey { output: output.to_owned(), reason })?;
        if !keys.insert(CompactString::new(key)) {
            return Err(EmitError::DuplicateMappingKey { output: output.to_owned(), mapping_key });
        }
        Ok((place, mapping_key))
    }

    /// How many mapping keys were emitted on the dynamic output at this place.
    pub fn keys(&self, place: usize) -> usize {
        match &self.emitted[place] {
            Emitted::Plain(_) => 0,
            Emitted::Dynamic(keys) => keys.len(),
        }
    }

    /// Checks that nothing required is missing. A required dynamic output may have no items at all.
    pub fn finish(&self) -> Result<(), MissingOutput> {
        let missing = self
            .outputs
            .iter()
            .zip(&self.emitted)
            .find(|(output, emitted)| output.is_required && matches!(emitted, Emitted::Plain(false)));
        missing.map_or(Ok(()), |(output, _)| Err(MissingOutput(output.name.to_string())))
    }

    fn place(&self, output: &str) -> Result<usize, EmitError> {
        self.outputs.iter().position(|known| known.name.as_str() == output).ok_or_else(|| {
            EmitError::UnknownOutput {
                output: output.to_owned(),
                known: self.outputs.iter().map(|known| known.name.to_string()).collect(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solid() -> SolidDefinition {
        serde_json::from_value(serde_json::json!({
            "name": "s",
            "outputs": [
                {"name": "result"},
                {"name": "rows", "is_dynamic": true},
                {"name": "note", "is_required": false},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn each_misuse_has_its_own_reason() {
        let solid = solid();
        let mut emissions = Emissions::new(&solid);
        assert_eq!(emissions.emit("result"), Ok(0));
        assert_eq!(emissions.emit_dynamic("rows", "a").unwrap().0, 1);
        let said = |error: EmitError| error.to_string();
        assert_eq!(emissions.emit("result").map_err(said).unwrap_err(), "output `result` was emitted twice");
        assert_eq!(
            emissions.emit("reslut").map_err(said).unwrap_err(),
            "no output `reslut`; did you mean `result`?"
        );
        assert!(matches!(emissions.emit("rows"), Err(EmitError::MappingKeyMissing(_))));
        assert!(matches!(emissions.emit_dynamic("note", "a"), Err(EmitError::NotDynamic(_))));
        assert!(matches!(emissions.emit_dynamic("rows", "a"), Err(EmitError::DuplicateMappingKey { .. })));
        assert!(matches!(emissions.emit_dynamic("rows", "a b"), Err(EmitError::InvalidMappingKey { .. })));
        assert_eq!(emissions.keys(1), 1);
        assert_eq!(emissions.finish(), Ok(()));
    }

    #[test]
    fn only_plain_required_outputs_can_be_missing() {
        let solid = solid();
        assert_eq!(Emissions::new(&solid).finish(), Err(MissingOutput("result".to_owned())));
    }
}
