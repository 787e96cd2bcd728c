//! One page of a collection: a part that fits the memory of a small solid.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::MappingKey;
use crate::value::{ReadError, Value};

/// Members of a collection, in order; none at its end.
pub struct Page<T> {
    pub(crate) members: Vec<Member<T>>,
    /// What they took on their way here, in bytes.
    pub(crate) bytes: usize,
}

/// A mapping key, where there is one, and the value, or why it is not a `T`.
pub(crate) type Member<T> = (Option<MappingKey>, Result<T, ReadError>);

/// Members that are all JSON, as the two texts in which they come from the host.
pub struct JsonPage {
    /// The mapping keys with a space between each two; empty where members have none.
    pub mapping_keys: String,
    /// The values: a JSON array.
    pub values: String,
}

impl<T> Page<T> {
    pub(crate) fn of_values(
        values: Vec<(Option<MappingKey>, Value)>,
        read: impl Fn(Value) -> Result<T, ReadError>,
    ) -> Self {
        let bytes = values.iter().map(|(_, value)| weight(value)).sum();
        let members = values.into_iter().map(|(key, value)| (key, read(value))).collect();
        Self { members, bytes }
    }
}

impl<T: DeserializeOwned> Page<T> {
    pub(crate) fn of_json(page: &JsonPage) -> Self {
        let bytes = page.values.len();
        let members = match serde_json::from_str::<Vec<T>>(&page.values) {
            Ok(values) => page.keys().zip(values.into_iter().map(Ok)).collect(),
            // Not all of them are a `T`: which ones?
            Err(_) => page.keys().zip(page.texts().map(read)).collect(),
        };
        Self { members, bytes }
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| ReadError::new(error.to_string()))
}

impl JsonPage {
    /// The mapping keys, where there are some; without end where there are none.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Option<MappingKey>> {
        let mut keys = self.mapping_keys.split(' ').filter(|key| !key.is_empty()).map(MappingKey::from_host);
        std::iter::from_fn(move || Some(keys.next()))
    }

    /// The JSON texts, one by one.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let values: Vec<&RawValue> = serde_json::from_str(&self.values)
            .unwrap_or_else(|error| panic!("the host gave an invalid page of a collection: {error}"));
        values.into_iter().map(RawValue::get)
    }

    /// The JSON texts with a comma between each two; none at the end of the collection.
    pub(crate) fn values(&self) -> Option<&str> {
        let values = self.values.strip_prefix('[')?.strip_suffix(']')?;
        (!values.is_empty()).then_some(values)
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Blob(_) => 0,
    }
}
