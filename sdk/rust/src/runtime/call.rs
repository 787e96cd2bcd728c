//! One step as the generated code sees it: arguments come out by name and type, results go in.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{Pages, StepHost};
use crate::collected::{Collected, gather_list, gather_map};
use crate::value::{FromValue, IntoValue, ReadError, Value};
use crate::{Context, DynamicOutput, Error, MappingKey, Metadata, Output, Result, output, schema};

/// What one input receives.
pub enum InputValue {
    /// One value.
    Single(Value),
    /// A list of values.
    Items(Pages),
    /// Values by mapping key.
    Entries(Pages),
}

/// A step that is about to run.
pub struct Call {
    host: StepHost,
    mapping_keys: Vec<MappingKey>,
    config: String,
    inputs: Vec<(String, InputValue)>,
}

impl Call {
    pub(crate) fn new(
        host: StepHost,
        mapping_keys: Vec<MappingKey>,
        config: String,
        inputs: Vec<(String, InputValue)>,
    ) -> Self {
        Self { host, mapping_keys, config, inputs }
    }

    /// The configuration. Where none was given, `null` and then `{}` stand for it, so that a type whose
    /// members all have defaults needs none.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T> {
        let read = match serde_json::from_str(&self.config) {
            Err(_) if self.config.trim() == "null" => serde_json::from_str("{}"),
            read => read,
        };
        read.map_err(|error| Error::new(format!("config: {error}")).never_retry())
    }

    /// A single value; one that was gathered is read whole, as a list or a map.
    pub fn input<T: FromValue>(&mut self, name: &str) -> Result<T> {
        let value = match self.take(name)? {
            InputValue::Single(value) => value,
            InputValue::Items(pages) => Value::Json(gather_list(pages)),
            InputValue::Entries(pages) => Value::Json(gather_map(pages)),
        };
        T::from_value(value, &self.host).map_err(|error| misfit(name, error))
    }

    /// A collection, to be read while the solid runs.
    pub fn collected<T: FromValue>(&mut self, name: &str) -> Result<Collected<T>> {
        match self.take(name)? {
            InputValue::Single(value) => {
                Collected::from_single(value, self.host.clone()).map_err(|error| misfit(name, error))
            }
            InputValue::Items(pages) | InputValue::Entries(pages) => {
                Ok(Collected::from_pages(pages, self.host.clone()))
            }
        }
    }

    /// What the solid may know about its step.
    pub fn context(&self) -> Context {
        Context::new(self.host.clone(), self.mapping_keys.clone())
    }

    /// The means to emit a plain output.
    pub fn output<T: IntoValue>(&self, name: &'static str) -> Output<T> {
        Output::new(name, self.host.clone())
    }

    /// The means to emit a dynamic output.
    pub fn dynamic_output<T: IntoValue>(&self, name: &'static str) -> DynamicOutput<T> {
        DynamicOutput::new(name, self.host.clone())
    }

    /// Emits the returned value.
    pub fn emit<T: IntoValue>(&self, name: &'static str, value: &T, metadata: Metadata) -> Result {
        Ok(output::emit(&self.host, name, None, value, metadata)?)
    }

    fn take(&mut self, name: &str) -> Result<InputValue> {
        match self.inputs.iter().position(|(given, _)| given == name) {
            Some(index) => Ok(self.inputs.swap_remove(index).1),
            None => Err(Error::new(format!("input `{name}` was not given")).never_retry()),
        }
    }
}

/// The same value would not fit another time either.
fn misfit(name: &str, error: ReadError) -> Error {
    Error::from(error.at(format_args!("input `{name}`"))).never_retry()
}

/// The JSON Schema of a configuration, which is there even where anything fits.
pub fn config_schema<T: JsonSchema>() -> String {
    schema::of_input::<T>().unwrap_or_else(|| "true".to_owned())
}

/// The JSON text of an input's default.
///
/// # Panics
/// If the default cannot be written as JSON, which is a fault in the plugin.
pub fn default_value<T: serde::Serialize>(input: &str, value: &T) -> String {
    match serde_json::to_string(value) {
        Ok(text) => text,
        Err(error) => panic!("the default of input `{input}` cannot be written as JSON: {error}"),
    }
}
