//! JSON Schema, as far as the contract needs it: does a value fit what a plugin said about it?
//!
//! Both the schema and the value may come from a hostile plugin, so a check has a budget of steps and a depth, and
//! patterns are matched in bounded time. Running out of either is a mismatch, never a hang.
//!
//! Checked (draft 2020-12): `type`, `const`, `enum`, `$ref` within the schema, `allOf`, `anyOf`, `oneOf`, `not`, `if`,
//! `properties`, `required`, `additionalProperties`, `patternProperties`, `propertyNames`, `minProperties`,
//! `maxProperties`, `prefixItems`, `items`, `minItems`, `maxItems`, `uniqueItems`, `minLength`, `maxLength`, `pattern`,
//! `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`. Deliberately absent: references to
//! anywhere else, `format` (an annotation), and the `unevaluated` keywords, which are ignored.

mod check;
mod excerpt;
mod members;
mod pattern;
mod plain;

use std::fmt::Write as _;

use serde_json::Value as Json;

use check::Check;
use excerpt::shortened;
pub use members::Gathered;
use pattern::Patterns;
use plain::Plain;

/// A schema that is known to be well formed as far as [`check`](Self::check) reads it.
#[derive(Debug, Clone)]
pub struct Schema {
    root: Json,
    patterns: Patterns,
    plain: Plain,
    plain_items: Plain,
    plain_entries: Plain,
}

/// Why a JSON value is no schema that this host can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A schema is an object or a boolean.
    #[error("a schema is an object or a boolean")]
    NotASchema,
    /// A `pattern` is no regular expression, or not one that is matched in linear time, or too large with the others.
    #[error("cannot use the pattern `{0}`")]
    Pattern(String),
    /// A `$ref` leads out of the schema or nowhere.
    #[error("cannot follow the reference `{0}`")]
    Reference(String),
}

/// Where a value does not fit its schema, and how: `facts.size: expected integer, found string`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", path_text(path))]
pub struct Mismatch {
    /// The way from the value that was checked to the one that has the problem.
    pub path: Vec<PathSegment>,
    /// What is wrong, without the place.
    pub problem: String,
}

/// One step of the way into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// An object's entry.
    Key(String),
    /// A list's item.
    Index(usize),
}

impl Schema {
    /// Reads a schema.
    pub fn new(root: Json) -> Result<Self, SchemaError> {
        if !root.is_object() && !root.is_boolean() {
            return Err(SchemaError::NotASchema);
        }
        let mut patterns = Patterns::default();
        prepare(&root, &root, &mut patterns)?;
        let plain = Plain::of(&root);
        let plain_items = Plain::of_members(&root, "array", "items");
        let plain_entries = Plain::of_members(&root, "object", "additionalProperties");
        Ok(Self { root, patterns, plain, plain_items, plain_entries })
    }

    /// Bytes that its patterns take, compiled.
    pub(in crate::sandbox) fn pattern_bytes(&self) -> usize {
        self.patterns.bytes()
    }

    /// Whether the value that a JSON text stands for fits; if not, a sentence.
    pub fn check_text(&self, text: &str) -> Result<(), String> {
        if self.plain.is_met_by(text) {
            return Ok(());
        }
        self.check(&parsed(text)?, text.len()).map_err(|mismatch| mismatch.to_string())
    }

    /// Whether `value` fits. `value_bytes` is the length of its text: it sets how many steps the check may take.
    pub fn check(&self, value: &Json, value_bytes: usize) -> Result<(), Mismatch> {
        let mut check = Check::new(self, value_bytes);
        check.apply(&self.root, value).map_err(|problem| Mismatch { path: check.into_path(), problem })
    }
}

fn parsed(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))
}

fn path_text(path: &[PathSegment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            PathSegment::Key(key) if text.is_empty() => text.push_str(key),
            PathSegment::Key(key) => _ = write!(text, ".{key}"),
            PathSegment::Index(index) => _ = write!(text, "[{index}]"),
        }
    }
    if !text.is_empty() {
        text.push_str(": ");
    }
    text
}

/// Compiles the patterns below `node` and tries its references.
fn prepare(root: &Json, node: &Json, patterns: &mut Patterns) -> Result<(), SchemaError> {
    match node {
        Json::Array(items) => items.iter().try_for_each(|item| prepare(root, item, patterns)),
        Json::Object(keywords) => keywords.iter().try_for_each(|(keyword, value)| {
            match (keyword.as_str(), value) {
                ("const" | "enum" | "default" | "examples", _) => return Ok(()),
                ("pattern", Json::String(pattern)) => add_pattern(pattern, patterns)?,
                ("patternProperties", Json::Object(by_pattern)) => {
                    by_pattern.keys().try_for_each(|pattern| add_pattern(pattern, patterns))?;
                }
                ("$ref", Json::String(reference)) if resolve(root, reference).is_none() => {
                    return Err(SchemaError::Reference(reference.clone()));
                }
                _ => {}
            }
            prepare(root, value, patterns)
        }),
        _ => Ok(()),
    }
}

fn add_pattern(pattern: &str, patterns: &mut Patterns) -> Result<(), SchemaError> {
    if patterns.add(pattern) { Ok(()) } else { Err(SchemaError::Pattern(shortened(pattern))) }
}

/// The part of the schema that `#` or `#/a/b` names.
fn resolve<'a>(root: &'a Json, reference: &str) -> Option<&'a Json> {
    root.pointer(reference.strip_prefix('#')?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: Json, value: &Json) -> Result<(), String> {
        let bytes = value.to_string().len();
        Schema::new(schema).unwrap().check(value, bytes).map_err(|mismatch| mismatch.to_string())
    }

    #[test]
    fn keywords_accept_and_refuse() {
        let cases = [
            (json!({"type": "integer"}), json!(3), json!(3.5)),
            (json!({"type": ["string", "null"]}), json!(null), json!(1)),
            (json!({"const": 1}), json!(1.0), json!(2)),
            (json!({"const": [{"a": 1}]}), json!([{"a": 1.0}]), json!([{"a": 1, "b": 1}])),
            (
                json!({"const": 9_007_199_254_740_993_u64}),
                json!(9_007_199_254_740_993_u64),
                json!(9_007_199_254_740_992_u64),
            ),
            (json!({"enum": ["a", "b"]}), json!("b"), json!("c")),
            (json!({"required": ["a"]}), json!({"a": 1}), json!({})),
            (json!({"properties": {"a": {"type": "string"}}}), json!({"a": "x"}), json!({"a": 1})),
            (
                json!({"additionalProperties": false, "properties": {"a": true}}),
                json!({"a": 1}),
                json!({"b": 1}),
            ),
            (json!({"additionalProperties": {"type": "null"}}), json!({"b": null}), json!({"b": 1})),
            (
                json!({"patternProperties": {"^n": {"type": "number"}}}),
                json!({"n": 1, "x": ""}),
                json!({"n": ""}),
            ),
            (json!({"propertyNames": {"pattern": "^a"}}), json!({"ab": 1}), json!({"b": 1})),
            (json!({"items": {"type": "string"}}), json!(["a"]), json!(["a", 1])),
            (json!({"prefixItems": [{"type": "string"}], "items": false}), json!(["a"]), json!(["a", 1])),
            (json!({"uniqueItems": true}), json!([1, 2]), json!([1, 1])),
            (json!({"minItems": 1, "maxItems": 2}), json!([1]), json!([])),
            (json!({"minLength": 2}), json!("éé"), json!("é")),
            (json!({"pattern": "^a+$"}), json!("aa"), json!("ab")),
            (json!({"minimum": 1, "exclusiveMaximum": 3}), json!(2), json!(3)),
            (json!({"multipleOf": 2}), json!(4), json!(5)),
            (json!({"allOf": [{"minimum": 1}, {"maximum": 2}]}), json!(1), json!(3)),
            (json!({"anyOf": [{"type": "null"}, {"type": "string"}]}), json!(""), json!(1)),
            (json!({"oneOf": [{"type": "number"}, {"minimum": 2}]}), json!(1), json!(3)),
            (json!({"not": {"type": "null"}}), json!(1), json!(null)),
            (json!({"if": {"type": "string"}, "then": {"minLength": 1}}), json!(0), json!("")),
            (json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "null"}}}), json!(null), json!(1)),
            (json!(true), json!(1), json!(1)),
        ];
        for (schema, good, bad) in cases {
            assert_eq!(check(schema.clone(), &good), Ok(()), "{schema} {good}");
            if good != bad {
                assert!(check(schema.clone(), &bad).is_err(), "{schema} {bad}");
            }
        }
    }

    #[test]
    fn a_mismatch_says_where() {
        let schema =
            json!({"properties": {"files": {"items": {"properties": {"size": {"type": "integer"}}}}}});
        let found = check(schema, &json!({"files": [{"size": 1}, {"size": "big"}]}));
        assert_eq!(found.unwrap_err(), "files[1].size: expected integer, found string");
    }

    /// A schema that applies `part` to a value some hundred thousand times.
    fn repeated(part: &Json) -> Json {
        let mut schema = json!({"$defs": {"d0": part}, "$ref": "#/$defs/d17"});
        for level in 1..=17 {
            let below = json!({"$ref": format!("#/$defs/d{}", level - 1)});
            let also = json!({"not": {"not": below}});
            schema["$defs"][format!("d{level}")] = json!({"anyOf": [{"allOf": [below, false]}, also]});
        }
        schema
    }

    #[test]
    fn what_a_step_of_a_check_costs_does_not_grow() {
        let (many, long) = (json!(vec![0; 20_000]), "x".repeat(300_000));
        let words: Vec<_> = (0..20_000).map(|word| format!("word{word}")).collect();
        let keywords: serde_json::Map<_, _> = words.iter().map(|word| (word.clone(), json!(0))).collect();
        let digits: Json = serde_json::from_str(&format!("1{}", "0".repeat(200_000))).unwrap();
        let cases = [
            (json!({"const": many}), many.clone()),
            (json!({"enum": [long]}), json!(long)),
            (json!({"enum": [many]}), json!(0)),
            (json!({"uniqueItems": true}), json!([many])),
            (json!({"type": words}), json!(0)),
            (json!(keywords), json!(0)),
            (json!({"minLength": 1}), json!(long)),
            (json!({"required": [long]}), json!({long.clone(): 0})),
            (json!({"properties": {long.clone(): true}}), json!({long.clone(): 0})),
            (json!({"multipleOf": 3}), digits.clone()),
            (json!({"type": "integer"}), digits),
        ];
        for (part, value) in cases {
            let told = check(repeated(&part), &value).unwrap_err();
            assert_eq!(told, "the schema is too costly to check");
        }
    }

    #[test]
    fn a_problem_has_so_many_characters() {
        let long = "\u{1}x".repeat(100_000);
        for schema in [
            json!({"const": long}),
            json!({"enum": [[{long.clone(): long}]]}),
            json!({"type": vec![long.clone(); 100]}),
            json!({"required": [long]}),
            json!({"anyOf": (0..9).map(|index| json!({"const": format!("{index}{long}")})).collect::<Vec<_>>()}),
        ] {
            let told = check(schema, &json!({})).unwrap_err();
            assert!(told.chars().count() < 2000 && told.contains("..."), "{told}");
        }
    }

    #[test]
    fn hostile_schemas_end() {
        let endless = json!({"$ref": "#"});
        assert_eq!(check(endless, &json!(1)).unwrap_err(), "the schema nests too deep");
        let mut exponential = json!({"$defs": {"d0": {"type": "null"}}, "$ref": "#/$defs/d60"});
        for level in 1..=60 {
            let below = json!({"$ref": format!("#/$defs/d{}", level - 1)});
            exponential["$defs"][format!("d{level}")] = json!({"anyOf": [below, below]});
        }
        assert!(check(exponential, &json!(1)).is_err());
        assert_eq!(Schema::new(json!(3)).unwrap_err(), SchemaError::NotASchema);
        assert!(matches!(Schema::new(json!({"pattern": "("})), Err(SchemaError::Pattern(_))));
        assert!(matches!(Schema::new(json!({"$ref": "http://x/"})), Err(SchemaError::Reference(_))));
    }
}
