//! Whether a text is JSON that every reader of a run can parse, found out without keeping any of it.
//!
//! The JSON library is built to keep numbers of any size (the Starlark crate asks for it), and hands one that is no
//! small integer over as an object with one entry of a name of its own. Whether a number is in range is therefore checked here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Reads the whole text: its strings are Unicode, its numbers in range, and it nests at most 127 levels deep.
pub(super) fn check(text: &str) -> Result<(), String> {
    serde_json::from_str::<Sound>(text).map(|_| ()).map_err(|error| format!("it is no JSON: {error}"))
}

/// What is left of a value once it was read.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while let Some(Key { is_number }) = entries.next_key()? {
            if is_number {
                entries.next_value::<NumberInRange>()?;
            } else {
                entries.next_value::<Self>()?;
            }
        }
        Ok(self)
    }
}

/// The library's name for the entry that holds a number's text.
const NUMBER_KEY: &str = "$serde_json::private::Number";

struct Key {
    is_number: bool,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = Cow::<str>::deserialize(deserializer)?;
        Ok(Self { is_number: key == NUMBER_KEY })
    }
}

/// What is left of a number that a 64-bit float can come near to.
struct NumberInRange;

impl<'de> Deserialize<'de> for NumberInRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Self),
            _ => Err(D::Error::custom("number out of range")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_reader_can_parse_passes() {
        for good in [
            "null",
            " 1 ",
            "-1.5e3",
            "123456789012345678901234567890",
            r#"{"a": 1}"#,
            r#"{"a": [true, "\ud83d\ude00"]}"#,
            &nested(127),
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
            assert!(serde_json::from_str::<serde_json::Value>(good).is_ok());
        }
        for bad in [
            "",
            "{oops",
            "1 2",
            "1e999",
            "[0, -1e400]",
            r#"{"$serde_json::private::Number": "x"}"#,
            r#""\ud800""#,
            "NaN",
            "[1,]",
            &nested(128),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    fn nested(levels: usize) -> String {
        "[".repeat(levels) + &"]".repeat(levels)
    }
}
