//! How a solid hands over its outputs. The host may start what depends on them at once.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;

use crate::emitted_keys::EmittedKeys;
use crate::runtime::{Host, StepHost};
use crate::{IntoValue, MappingKey, Metadata};

/// Why the host refused an output. Whatever the solid does next, its step fails with this reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmitError {
    /// The solid has no output of that name.
    UnknownOutput(String),
    /// A mapping key on a plain output.
    NotDynamic(String),
    /// No mapping key on a dynamic output.
    MappingKeyMissing(String),
    /// The host takes no such mapping key.
    InvalidMappingKey(String),
    /// A plain output emitted twice, or a mapping key emitted twice on one output.
    Duplicate(String),
    /// The value does not fit the output's schema.
    TypeMismatch(String),
    /// Facts about an output, or an item of one, that was not emitted.
    NotEmitted(String),
    /// The step has used up one of its limits.
    Limit(String),
    /// The value cannot be written as JSON, so it never reached the host.
    Unserializable(String),
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOutput(why)
            | Self::NotDynamic(why)
            | Self::MappingKeyMissing(why)
            | Self::InvalidMappingKey(why)
            | Self::Duplicate(why)
            | Self::TypeMismatch(why)
            | Self::NotEmitted(why)
            | Self::Limit(why)
            | Self::Unserializable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for EmitError {}

/// A plain output, named like its parameter: emitted once in a step.
///
/// For a single output, return the value instead.
pub struct Output<T> {
    name: &'static str,
    host: StepHost,
    value: PhantomData<fn(T)>,
}

/// A plain output that may be left out: what depends on it is skipped then. Used like an [`Output`].
pub type OptionalOutput<T> = Output<T>;

impl<T: IntoValue> Output<T> {
    pub(crate) fn new(name: &'static str, host: StepHost) -> Self {
        Self { name, host, value: PhantomData }
    }

    /// Emits the value.
    pub fn emit(&mut self, value: impl Borrow<T>) -> Result<(), EmitError> {
        self.emit_with(value, Metadata::new())
    }

    /// Emits the value with facts about it.
    pub fn emit_with(&mut self, value: impl Borrow<T>, metadata: Metadata) -> Result<(), EmitError> {
        emit(&self.host, self.name, None, value.borrow(), metadata)
    }

    /// Adds facts to the value, once it is emitted.
    pub fn annotate(&mut self, metadata: Metadata) -> Result<(), EmitError> {
        self.host.annotate(self.name, None, metadata)
    }
}

/// A dynamic output, named like its parameter: emitted any number of times, each time under a mapping key.
///
/// What is mapped over it may start while the solid still runs.
pub struct DynamicOutput<T> {
    name: &'static str,
    host: StepHost,
    emitted: EmittedKeys,
    value: PhantomData<fn(T)>,
}

impl<T: IntoValue> DynamicOutput<T> {
    pub(crate) fn new(name: &'static str, host: StepHost) -> Self {
        Self { name, host, emitted: EmittedKeys::default(), value: PhantomData }
    }

    /// Emits one item. Fails if the key was used before on this output.
    pub fn emit(&mut self, key: impl Into<MappingKey>, value: impl Borrow<T>) -> Result<(), EmitError> {
        self.emit_with(key, value, Metadata::new())
    }

    /// Emits one item with facts about it.
    pub fn emit_with(
        &mut self,
        key: impl Into<MappingKey>,
        value: impl Borrow<T>,
        metadata: Metadata,
    ) -> Result<(), EmitError> {
        let key = key.into();
        self.emitted.insert(&key);
        emit(&self.host, self.name, Some(&key), value.borrow(), metadata)
    }

    /// Adds facts to an item that was emitted under this key.
    pub fn annotate(&mut self, key: impl Into<MappingKey>, metadata: Metadata) -> Result<(), EmitError> {
        self.host.annotate(self.name, Some(&key.into()), metadata)
    }

    /// Emits one item under a key that is derived from `text` by [`MappingKey::derive`], and returns the key.
    ///
    /// A key that was used before gets a number: `a`, `a_2`, `a_3`. The keys are the same in every run that
    /// emits in the same order.
    pub fn emit_derived(
        &mut self,
        text: &(impl ToString + ?Sized),
        value: impl Borrow<T>,
    ) -> Result<MappingKey, EmitError> {
        let derived = MappingKey::derive(text);
        let mut key = derived.clone();
        let mut count = 1;
        while self.emitted.contains(&key) {
            count += 1;
            key = derived.numbered(count);
        }
        self.emit(&key, value)?;
        Ok(key)
    }
}

/// A returned value together with facts about it: `Ok(Annotated::new(summary, Metadata::new().integer("files", 3)))`.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotated<T> {
    /// The value of the output `result`.
    pub value: T,
    /// Facts about it.
    pub metadata: Metadata,
}

impl<T> Annotated<T> {
    /// `value` with these facts about it.
    pub fn new(value: T, metadata: Metadata) -> Self {
        Self { value, metadata }
    }
}

pub(crate) fn emit<T: IntoValue>(
    host: &StepHost,
    output: &'static str,
    key: Option<&MappingKey>,
    value: &T,
    metadata: Metadata,
) -> Result<(), EmitError> {
    let value = value.to_value().map_err(|why| {
        EmitError::Unserializable(format!("output `{output}`: the value cannot be written as JSON: {why}"))
    })?;
    host.emit(output, key, value, metadata)
}
