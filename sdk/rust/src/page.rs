//! One page of a collection: a part that fits the memory of a small solid.

use std::vec;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::MappingKey;
use crate::value::{ReadError, Value};

/// Members of a collection, in order; none at its end.
pub struct Page<T> {
    members: Members<T>,
    /// What they took on their way here, in bytes.
    pub(crate) bytes: usize,
}

enum Members<T> {
    Read(vec::IntoIter<Member<T>>),
    /// Their keys are made one by one: most are dropped at once, and make room for the next.
    Json {
        mapping_keys: Keys,
        values: vec::IntoIter<T>,
    },
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
        let members: Vec<_> = values.into_iter().map(|(key, value)| (key, read(value))).collect();
        Self { members: Members::Read(members.into_iter()), bytes }
    }

    pub(crate) fn empty() -> Self {
        Self { members: Members::Read(Vec::new().into_iter()), bytes: 0 }
    }

    /// How many members are left.
    pub(crate) fn len(&self) -> usize {
        match &self.members {
            Members::Read(members) => members.len(),
            Members::Json { values, .. } => values.len(),
        }
    }
}

impl<T> Iterator for Page<T> {
    type Item = Member<T>;

    fn next(&mut self) -> Option<Member<T>> {
        match &mut self.members {
            Members::Read(members) => members.next(),
            Members::Json { mapping_keys, values } => {
                let value = values.next()?;
                Some((mapping_keys.next(), Ok(value)))
            }
        }
    }
}

impl<T: DeserializeOwned> Page<T> {
    pub(crate) fn of_json(page: JsonPage) -> Self {
        let bytes = page.values.len();
        let members = if let Ok(values) = serde_json::from_str::<Vec<T>>(&page.values) {
            Members::Json { mapping_keys: Keys::of(page.mapping_keys), values: values.into_iter() }
        } else {
            // Not all of them are a `T`: which ones?
            let members: Vec<_> = page.members().map(|(key, text)| (key, read(text))).collect();
            Members::Read(members.into_iter())
        };
        Self { members, bytes }
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| ReadError::new(error.to_string()))
}

impl JsonPage {
    /// The mapping keys, where there are some, and the JSON texts.
    pub(crate) fn members(&self) -> impl Iterator<Item = (Option<MappingKey>, &str)> {
        let values: Vec<&RawValue> = serde_json::from_str(&self.values)
            .unwrap_or_else(|error| panic!("the host gave an invalid page of a collection: {error}"));
        let mut keys = Keys::of(self.mapping_keys.clone());
        values.into_iter().map(move |value| (keys.next(), value.get()))
    }

    /// The JSON texts with a comma between each two; none at the end of the collection.
    pub(crate) fn values(&self) -> Option<&str> {
        let values = self.values.strip_prefix('[')?.strip_suffix(']')?;
        (!values.is_empty()).then_some(values)
    }
}

/// Mapping keys with a space between each two.
struct Keys {
    text: String,
    /// Where the next one begins; behind the text at the end.
    place: usize,
}

impl Keys {
    fn of(text: String) -> Self {
        // The empty text has no key, not an empty one.
        let place = usize::from(text.is_empty());
        Self { text, place }
    }
}

impl Iterator for Keys {
    type Item = MappingKey;

    fn next(&mut self) -> Option<MappingKey> {
        let rest = self.text.get(self.place..)?;
        let key = rest.split_once(' ').map_or(rest, |(key, _)| key);
        self.place += key.len() + 1;
        Some(MappingKey::from_host(key))
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Blob(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The members of a page of integers, as text.
    fn members(mapping_keys: &str, values: &str) -> Vec<String> {
        let page =
            Page::<i64>::of_json(JsonPage { mapping_keys: mapping_keys.into(), values: values.into() });
        let len = page.len();
        let text = |(key, value): Member<i64>| {
            let value = value.map_or_else(|_| "no integer".to_owned(), |value| value.to_string());
            key.map_or_else(|| value.clone(), |key| format!("{}: {value}", key.as_str()))
        };
        let members: Vec<_> = page.map(text).collect();
        assert_eq!(members.len(), len);
        members
    }

    #[test]
    fn members_come_with_their_keys_where_they_have_some() {
        assert_eq!(members("a b_2 c", "[1,2,3]"), ["a: 1", "b_2: 2", "c: 3"]);
        assert_eq!(members("a b_2 c", "[1,true,3]"), ["a: 1", "b_2: no integer", "c: 3"]);
        assert_eq!(members("", "[1,2]"), ["1", "2"]);
        assert_eq!(members("", "[true,2]"), ["no integer", "2"]);
        assert!(members("", "[]").is_empty());
    }
}
