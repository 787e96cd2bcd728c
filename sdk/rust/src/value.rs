//! What an output emits and an input receives: JSON through serde, raw bytes, or a blob.

use std::fmt;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::blob::BlobRef;
use crate::page::Page;
use crate::runtime::{Collection, Pages, StepHost};
use crate::schema;

/// A value as it passes between the host and a solid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// JSON text.
    Json(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// The name of a value that is read and written in chunks.
    Blob(BlobRef),
}

/// Raw bytes as an input or output, held in memory; for large ones take a [`Blob`](crate::Blob).
///
/// As an input it takes a blob too, and reads it whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Why a value that was handed to a solid is not of the type that the solid takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(String);

impl ReadError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// Says which part of a value was meant.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReadError {}

/// What a solid can take as an input: every type that derives `Deserialize` and `JsonSchema`, [`Bytes`] and
/// [`Blob`](crate::Blob).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an input of a solid",
    label = "not an input type",
    note = "an input needs `#[derive(Deserialize, JsonSchema)]`, or is `Bytes` or `Blob`"
)]
pub trait FromValue: Sized {
    /// JSON Schema of the values; none accepts anything.
    fn schema() -> Option<String>;
    /// JSON Schema of a collection of such values; none accepts anything.
    fn collection_schema() -> Option<String> {
        None
    }
    #[doc(hidden)]
    fn from_value(value: Value, host: &StepHost) -> Result<Self, ReadError>;
    /// The next members of a collection, at most `max`.
    #[doc(hidden)]
    fn read_page(pages: &mut Pages, max: u32, host: &StepHost) -> Page<Self> {
        Page::of_values(pages.page(max), |value| Self::from_value(value, host))
    }
}

impl<T: DeserializeOwned + JsonSchema> FromValue for T {
    fn schema() -> Option<String> {
        schema::of_input::<T>()
    }

    fn collection_schema() -> Option<String> {
        schema::of_collection::<T>()
    }

    fn from_value(value: Value, _host: &StepHost) -> Result<Self, ReadError> {
        match value {
            Value::Json(text) => {
                serde_json::from_str(&text).map_err(|error| ReadError::new(error.to_string()))
            }
            Value::Bytes(_) => {
                Err(ReadError::new("it holds raw bytes where JSON is expected; take it as `Bytes`"))
            }
            Value::Blob(_) => {
                Err(ReadError::new("it holds a blob where JSON is expected; take it as `Blob`"))
            }
        }
    }

    fn read_page(pages: &mut Pages, max: u32, _host: &StepHost) -> Page<Self> {
        Page::of_json(pages.json_page(max))
    }
}

impl FromValue for Bytes {
    fn schema() -> Option<String> {
        None
    }

    fn from_value(value: Value, host: &StepHost) -> Result<Self, ReadError> {
        match value {
            Value::Bytes(bytes) => Ok(Self(bytes)),
            Value::Json(_) => Err(ReadError::new("it holds JSON where raw bytes are expected")),
            Value::Blob(blob) => crate::Blob::new(blob, host.clone())
                .read_to_vec()
                .map(Self)
                .map_err(|error| ReadError::new(error.to_string())),
        }
    }
}

/// What a solid can emit: every type that derives `Serialize` and `JsonSchema`, [`Bytes`] and
/// [`Blob`](crate::Blob).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an output of a solid",
    label = "not an output type",
    note = "an output needs `#[derive(Serialize, JsonSchema)]`, or is `Bytes` or `Blob`"
)]
pub trait IntoValue {
    /// JSON Schema of the values; none accepts anything.
    fn schema() -> Option<String>;
    #[doc(hidden)]
    fn to_value(&self) -> Result<Value, String>;
}

impl<T: Serialize + JsonSchema> IntoValue for T {
    fn schema() -> Option<String> {
        schema::of_output::<T>()
    }

    fn to_value(&self) -> Result<Value, String> {
        serde_json::to_string(self).map(Value::Json).map_err(|error| error.to_string())
    }
}

impl IntoValue for Bytes {
    fn schema() -> Option<String> {
        None
    }

    fn to_value(&self) -> Result<Value, String> {
        Ok(Value::Bytes(self.0.clone()))
    }
}
