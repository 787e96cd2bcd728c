//! Sets up one step of a solid and runs it.

use serde::Serialize;

use super::recorder::{Pages, Recorder};
use super::{Failure, Outcome, Reason};
use crate::definition::{InputDefinition, SolidDefinition};
use crate::runtime::{Call, InputValue, Solid};
use crate::value::Value;
use crate::{MappingKey, Result};

/// One step of a solid, to be given its inputs and run: see [the module](super).
pub struct Step {
    definition: SolidDefinition,
    recorder: Recorder,
    mapping_keys: Vec<MappingKey>,
    config: String,
    inputs: Vec<(String, InputValue)>,
    run: fn(&mut Call) -> Result,
}

impl Step {
    /// A step of the solid, which is known by its function's name: `Step::of::<process_file>()`.
    pub fn of<S: Solid>() -> Self {
        let definition = S::definition();
        Self {
            recorder: Recorder::new(definition.outputs.clone()),
            definition,
            mapping_keys: Vec::new(),
            config: "null".to_owned(),
            inputs: Vec::new(),
            run: S::run,
        }
    }

    /// What the solid tells the host about itself.
    pub fn definition(&self) -> &SolidDefinition {
        &self.definition
    }

    /// Gives an input one value.
    ///
    /// # Panics
    /// If the solid has no such input, it was given already, or the value cannot be written as JSON.
    #[must_use]
    #[track_caller]
    pub fn input(self, name: &str, value: impl Serialize) -> Self {
        self.give(name, InputValue::Single(Value::Json(json(&value))))
    }

    /// Gives an input raw bytes.
    ///
    /// # Panics
    /// As [`input`](Self::input).
    #[must_use]
    #[track_caller]
    pub fn bytes(self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.give(name, InputValue::Single(Value::Bytes(bytes.into())))
    }

    /// Gives an input a blob of that content.
    ///
    /// # Panics
    /// As [`input`](Self::input).
    #[must_use]
    #[track_caller]
    pub fn blob(self, name: &str, media_type: &str, content: impl Into<Vec<u8>>) -> Self {
        let blob = self.recorder.keep(content.into(), media_type);
        self.give(name, InputValue::Single(Value::Blob(blob)))
    }

    /// Gives an input a list of values, as a collect without keys or a list of handles does.
    ///
    /// # Panics
    /// As [`input`](Self::input).
    #[must_use]
    #[track_caller]
    pub fn list<T: Serialize>(self, name: &str, items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().map(|item| (None, json(&item))).collect();
        self.give(name, InputValue::Items(Pages::new(items)))
    }

    /// Gives an input what a collect gathers: values in order, with their mapping keys.
    ///
    /// # Panics
    /// As [`input`](Self::input), and if a key is no mapping key.
    #[must_use]
    #[track_caller]
    pub fn collected<K: AsRef<str>, T: Serialize>(
        self,
        name: &str,
        items: impl IntoIterator<Item = (K, T)>,
    ) -> Self {
        self.give(name, InputValue::Items(Pages::new(keyed(items))))
    }

    /// Gives an input what `collect_dict` gathers: values by mapping key.
    ///
    /// # Panics
    /// As [`collected`](Self::collected).
    #[must_use]
    #[track_caller]
    pub fn entries<K: AsRef<str>, T: Serialize>(
        self,
        name: &str,
        entries: impl IntoIterator<Item = (K, T)>,
    ) -> Self {
        self.give(name, InputValue::Entries(Pages::new(keyed(entries))))
    }

    /// Says which clones failed behind a collected input that was given before.
    ///
    /// # Panics
    /// If there is no such collected input, or a key is no mapping key.
    #[must_use]
    #[track_caller]
    pub fn missing<'k>(mut self, name: &str, keys: impl IntoIterator<Item = &'k str>) -> Self {
        match self.inputs.iter_mut().find(|(given, _)| given == name) {
            Some((_, InputValue::Items(pages) | InputValue::Entries(pages))) => {
                pages.set_missing(keys.into_iter().map(key).collect());
            }
            _ => panic!("give the collected input `{name}` before saying what it misses"),
        }
        self
    }

    /// Gives the configuration.
    ///
    /// # Panics
    /// If the solid takes none, or the value cannot be written as JSON.
    #[must_use]
    #[track_caller]
    pub fn config(mut self, config: impl Serialize) -> Self {
        assert!(
            self.definition.config_schema.is_some(),
            "solid `{}` takes no configuration",
            self.definition.name
        );
        self.config = serde_json::to_string(&config).expect("the configuration can be written as JSON");
        self
    }

    /// Makes the step a clone with these mapping keys, outermost first.
    ///
    /// # Panics
    /// If one is no mapping key.
    #[must_use]
    #[track_caller]
    pub fn mapping_keys<'k>(mut self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        self.mapping_keys = keys.into_iter().map(key).collect();
        self
    }

    /// Makes the step a retry: 0 is the first execution.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        self.recorder.set_attempt(attempt);
        self
    }

    /// Asks the step to stop before it starts.
    #[must_use]
    pub fn cancelled(self) -> Self {
        self.recorder.set_cancelled();
        self
    }

    /// Runs the step. Inputs that were not given get their defaults.
    ///
    /// # Panics
    /// If an input without a default was not given.
    #[track_caller]
    pub fn run(mut self) -> Outcome {
        for input in &self.definition.inputs {
            if !self.inputs.iter().any(|(given, _)| given == input.name) {
                self.inputs.push((input.name.to_owned(), default(input)));
            }
        }
        let recorder = self.recorder;
        let mut call = Call::new(recorder.clone(), self.mapping_keys, self.config, self.inputs);
        let failure = (self.run)(&mut call).err().map(|error| Failure {
            description: error.description().to_owned(),
            reason: Reason::Solid,
            metadata: error.metadata().clone(),
            retry: error.retry(),
        });
        recorder.finish(failure)
    }

    #[track_caller]
    fn give(mut self, name: &str, value: InputValue) -> Self {
        let known: Vec<_> = self.definition.inputs.iter().map(|input| input.name).collect();
        assert!(
            known.contains(&name),
            "solid `{}` has no input `{name}`; its inputs: {known:?}",
            self.definition.name
        );
        assert!(!self.inputs.iter().any(|(given, _)| given == name), "input `{name}` is given twice");
        self.inputs.push((name.to_owned(), value));
        self
    }
}

#[track_caller]
fn default(input: &InputDefinition) -> InputValue {
    match &input.default_value {
        Some(json) => InputValue::Single(Value::Json(json.clone())),
        None => panic!("input `{}` has no default; give it a value", input.name),
    }
}

#[track_caller]
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the value can be written as JSON")
}

#[track_caller]
fn key(text: &str) -> MappingKey {
    MappingKey::new(text).unwrap_or_else(|invalid| panic!("{invalid}"))
}

#[track_caller]
fn keyed<K: AsRef<str>, T: Serialize>(
    items: impl IntoIterator<Item = (K, T)>,
) -> Vec<(Option<MappingKey>, String)> {
    items.into_iter().map(|(text, item)| (Some(key(text.as_ref())), json(&item))).collect()
}
