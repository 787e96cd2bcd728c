//! Values that are seen to fit without being parsed: a short integer, or a text without escapes, under a schema that
//! asks for no more than that. Most values of a fan-out are of this kind, and a check of each is most of what it costs
//! to hand one over.
//!
//! Invariant: what is seen to fit would fit if it were parsed and checked. The reverse does not hold, and need not.

use serde_json::{Map, Value as Json};

/// Digits of an integer that every parser reads exactly.
const MAX_DIGITS: usize = 18;
/// Keywords that say nothing about a value by themselves.
const ANNOTATIONS: [&str; 10] = [
    "$schema",
    "$comment",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "format",
    "deprecated",
    "readOnly",
];

/// What a schema asks for, where that is plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// An integer from the first to the second.
    Integer(i64, i64),
    /// A string.
    Text,
    /// More than can be seen.
    Nothing,
}

impl Plain {
    /// What a schema asks of a value.
    pub(super) fn of(schema: &Json) -> Self {
        let Some(keywords) = schema.as_object() else { return Self::Nothing };
        let bound = |keyword, unbounded| keywords.get(keyword).map_or(Some(unbounded), Json::as_i64);
        match keywords.get("type").and_then(Json::as_str) {
            Some("integer" | "number") if has_only(keywords, &["type", "minimum", "maximum"]) => {
                let bounds = bound("minimum", i64::MIN).zip(bound("maximum", i64::MAX));
                bounds.map_or(Self::Nothing, |(min, max)| Self::Integer(min, max))
            }
            Some("string") if has_only(keywords, &["type"]) => Self::Text,
            _ => Self::Nothing,
        }
    }

    /// What a schema asks of each member of a list or dict: `keyword` says it, and nothing else does.
    pub(super) fn of_members(schema: &Json, type_name: &str, keyword: &str) -> Self {
        let Some(keywords) = schema.as_object() else { return Self::Nothing };
        let is_of_type = match keywords.get("type") {
            Some(Json::Array(names)) => names.iter().any(|name| name == type_name),
            name => name.is_none_or(|name| name == type_name),
        };
        // Of `items` and `additionalProperties`, each speaks of one form alone.
        let is_plain = is_of_type && has_only(keywords, &["type", "items", "additionalProperties"]);
        keywords.get(keyword).filter(|_| is_plain).map_or(Self::Nothing, Self::of)
    }

    /// True if a JSON text is seen to be what is asked for.
    pub(super) fn is_met_by(self, text: &str) -> bool {
        match self {
            Self::Integer(min, max) => integer(text).is_some_and(|number| (min..=max).contains(&number)),
            Self::Text => is_plain_text(text.as_bytes()),
            Self::Nothing => false,
        }
    }
}

fn has_only(keywords: &Map<String, Json>, known: &[&str]) -> bool {
    keywords
        .keys()
        .all(|keyword| known.contains(&keyword.as_str()) || ANNOTATIONS.contains(&keyword.as_str()))
}

fn integer(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if !matches!(digits, [b'0'] | [b'1'..=b'9', ..]) || digits.len() > MAX_DIGITS {
        return None;
    }
    let add = |number: i64, digit: &u8| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'));
    let number = digits.iter().try_fold(0, add)?;
    Some(if is_negative { -number } else { number })
}

/// A string as JSON writes it where nothing in it has to be escaped.
fn is_plain_text(text: &[u8]) -> bool {
    matches!(text, [b'"', plain @ .., b'"'] if plain.iter().all(|byte| *byte >= b' ' && !b"\"\\".contains(byte)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Gathered, Schema};
    use super::*;

    const TEXTS: [&str; 24] = [
        "0",
        "7",
        "-7",
        "-0",
        "00",
        "07",
        "+7",
        "-",
        "",
        "1.0",
        "1e2",
        " 1",
        "1 ",
        "999999999999999999",
        "-999999999999999999",
        "9223372036854775808",
        r#""""#,
        r#""abc""#,
        r#""a"b""#,
        r#""a\n""#,
        "\"a\nb\"",
        "\"\u{e4}\u{7f}\"",
        "\"",
        "null",
    ];

    #[test]
    fn what_is_seen_to_fit_fits() {
        let schemas = [
            json!({"type": "integer"}),
            json!({"type": "number", "title": "a number"}),
            json!({"type": "integer", "minimum": 0, "format": "uint64"}),
            json!({"type": "integer", "minimum": -6.5}),
            json!({"type": "integer", "maximum": 9_223_372_036_854_775_807_u64}),
            json!({"type": "integer", "multipleOf": 2}),
            json!({"type": "integer", "minimum": "0"}),
            json!({"type": "string", "default": 1}),
            json!({"type": "string", "maxLength": 2}),
            json!({"type": ["string", "integer"]}),
            json!({"type": "null"}),
            json!({}),
            json!(false),
        ];
        let mut seen = 0;
        for schema in &schemas {
            for text in TEXTS {
                let is_seen = Plain::of(schema).is_met_by(text);
                let fits = serde_json::from_str::<Json>(text).is_ok_and(|value| {
                    Schema::new(schema.clone()).unwrap().check(&value, text.len()).is_ok()
                });
                assert!(fits || !is_seen, "{text} does not fit {schema}");
                seen += usize::from(is_seen);
            }
        }
        assert_eq!(seen, 6 + 6 + 4 + 6 + 3);
    }

    #[test]
    fn members_are_plain_where_one_keyword_speaks_of_them() {
        let list = |schema: &Json| Plain::of_members(schema, "array", "items");
        assert_eq!(list(&json!({"type": "array", "items": {"type": "string"}})), Plain::Text);
        let collected =
            json!({"type": ["object", "array"], "items": {"type": "string"}, "additionalProperties": false});
        assert_eq!(list(&collected), Plain::Text);
        assert_eq!(Plain::of_members(&collected, "object", "additionalProperties"), Plain::Nothing);
        assert_eq!(list(&json!({"items": {"type": "string"}, "title": "names"})), Plain::Text);
        for more in [
            json!({"type": "object", "items": {"type": "string"}}),
            json!({"items": {"type": "string"}, "prefixItems": [false]}),
            json!({"items": {"type": "string"}, "minItems": 2}),
            json!({"type": "array"}),
            json!(true),
        ] {
            assert_eq!(list(&more), Plain::Nothing, "{more}");
        }
        let schema = Schema::new(json!({"type": "array", "items": {"type": "integer"}})).unwrap();
        for (text, fits) in [("1", true), ("1.5", false), ("\"1\"", false), ("oops", false)] {
            assert_eq!(schema.check_member(Gathered::Items, "", text).is_ok(), fits, "{text}");
        }
    }
}
