//! Which keys a schema knows at a place, for telling typos.
//!
//! JSON Schema lets an object have any further keys unless it says otherwise, and what derives schemas from types rarely
//! says otherwise. In a config an unknown key is a typo. So one that no part of the schema names is refused, unless some
//! part speaks of keys in general. Where that cannot be told within bounds, nothing is refused.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value as Json};

use super::tree::{Content, Entry, Node};
use crate::sandbox::PathSegment;

/// Parts of a schema that are looked at for one place.
const MAX_PARTS: usize = 10_000;
/// Keywords that apply other schemas to the same value.
const COMBINATIONS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const CONDITIONS: [&str; 3] = ["if", "then", "else"];

/// A key of a config that its schema does not know.
pub(super) struct UnknownKey<'a> {
    /// The way to the object that has it.
    pub(super) path: &'a [PathSegment],
    pub(super) key: &'a str,
    pub(super) entry: &'a Entry,
    /// The keys that are known there.
    pub(super) known: &'a [&'a str],
}

/// Shows every key in `config` that `schema` does not know.
pub(super) fn each_unknown(schema: &Json, config: &Node, found: &mut impl FnMut(UnknownKey<'_>)) {
    walk(schema, &[schema], config, &mut Vec::new(), found);
}

fn walk(
    root: &Json,
    schemas: &[&Json],
    node: &Node,
    path: &mut Vec<PathSegment>,
    found: &mut impl FnMut(UnknownKey<'_>),
) {
    match &node.content {
        Content::Scalar(_) => {}
        Content::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(PathSegment::Index(index));
                walk(root, &item_schemas(root, schemas, index), item, path, found);
                path.pop();
            }
        }
        Content::Map(entries) => {
            let keys = known_keys(root, schemas);
            let known: Vec<&str> = keys.named.keys().copied().collect();
            for (key, entry) in entries {
                let Some(below) = keys.named.get(key.as_str()).or(keys.others.as_ref()) else {
                    found(UnknownKey { path: path.as_slice(), key, entry, known: &known });
                    continue;
                };
                path.push(PathSegment::Key(key.clone()));
                walk(root, below, &entry.node, path, found);
                path.pop();
            }
        }
    }
}

/// What schemas say of the keys of one object.
#[derive(Debug, Default)]
struct Keys<'s> {
    /// The known ones, each with the schemas of its value.
    named: BTreeMap<&'s str, Vec<&'s Json>>,
    /// Present if there may be others: the schemas of their values.
    others: Option<Vec<&'s Json>>,
}

/// What `schemas`, all parts of `root`, say of the keys of one object that they are all about.
fn known_keys<'s>(root: &'s Json, schemas: &[&'s Json]) -> Keys<'s> {
    let mut keys = Keys::default();
    let mut seen = HashSet::new();
    let mut waiting = schemas.to_vec();
    let mut may_be_object = false;
    while let Some(schema) = waiting.pop() {
        if !seen.insert(std::ptr::from_ref(schema)) {
            continue;
        }
        match schema {
            Json::Object(keywords) if seen.len() <= MAX_PARTS => {
                may_be_object |= accepts_objects(keywords);
                for (key, schema) in
                    keywords.get("properties").and_then(Json::as_object).into_iter().flatten()
                {
                    keys.named.entry(key).or_default().push(schema);
                }
                if is_open(keywords) {
                    keys.others.get_or_insert_default().extend(keywords.get("additionalProperties"));
                }
                waiting.extend(others(root, keywords));
            }
            Json::Bool(false) => {}
            _ => _ = keys.others.get_or_insert_default(),
        }
    }
    if !may_be_object {
        // What is no object at all is a mismatch and has no typo.
        keys.others.get_or_insert_default();
    }
    keys
}

/// The schemas of a list's items, by the item's place.
fn item_schemas<'s>(root: &'s Json, schemas: &[&'s Json], index: usize) -> Vec<&'s Json> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut waiting = schemas.to_vec();
    while let Some(schema) = waiting.pop() {
        let Json::Object(keywords) = schema else { continue };
        if seen.len() > MAX_PARTS || !seen.insert(std::ptr::from_ref(schema)) {
            continue;
        }
        let prefix = keywords.get("prefixItems").and_then(|prefix| prefix.get(index));
        found.extend(prefix.or_else(|| keywords.get("items")));
        waiting.extend(others(root, keywords));
    }
    found
}

/// Whether a part of a schema accepts objects without naming all of their keys.
fn is_open(keywords: &Map<String, Json>) -> bool {
    let has = |keyword: &str| keywords.contains_key(keyword);
    let speaks_of_others =
        keywords.get("additionalProperties").is_some_and(|rest| rest != &Json::Bool(false));
    let is_silent = !["properties", "additionalProperties", "$ref", "const", "enum"]
        .iter()
        .chain(&COMBINATIONS)
        .chain(&CONDITIONS)
        .any(|keyword| has(keyword));
    speaks_of_others || has("patternProperties") || is_silent && accepts_objects(keywords)
}

fn accepts_objects(keywords: &Map<String, Json>) -> bool {
    match keywords.get("type") {
        None => true,
        Some(Json::Array(types)) => types.iter().any(|name| name == "object"),
        Some(name) => name == "object",
    }
}

/// The schemas that this one applies to the same value.
fn others<'s>(root: &'s Json, keywords: &'s Map<String, Json>) -> impl Iterator<Item = &'s Json> {
    let listed = COMBINATIONS.iter().filter_map(|keyword| keywords.get(*keyword)?.as_array()).flatten();
    let single = CONDITIONS.iter().filter_map(|keyword| keywords.get(*keyword));
    let reference = keywords.get("$ref").and_then(Json::as_str);
    let target = reference.and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    listed.chain(single).chain(target)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(schema: &Json) -> Option<Vec<&str>> {
        let keys = known_keys(schema, &[schema]);
        keys.others.is_none().then(|| keys.named.into_keys().collect())
    }

    fn unknown(schema: &Json, config: &Json) -> Vec<String> {
        let mut found = Vec::new();
        each_unknown(schema, &Node::without_origin(config), &mut |it| found.push(it.key.to_owned()));
        found
    }

    #[test]
    fn keys_come_from_every_part_that_is_about_the_object() {
        let cases = [
            (json!({"type": "object", "properties": {"a": {}, "b": {}}}), vec!["a", "b"]),
            (json!({"properties": {"a": {}}, "additionalProperties": false}), vec!["a"]),
            (json!({"type": "object", "additionalProperties": false}), vec![]),
            (json!({"$ref": "#/$defs/c", "$defs": {"c": {"properties": {"a": {}}}}}), vec!["a"]),
            (json!({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}), vec!["a", "b"]),
            (json!({"anyOf": [{"properties": {"a": {}}}, {"type": "null"}]}), vec!["a"]),
            (json!({"oneOf": [{"properties": {"a": {}}}, {"const": "x"}]}), vec!["a"]),
            (json!({"properties": {"a": {}}, "anyOf": [{"$ref": "#"}]}), vec!["a"]),
        ];
        for (schema, known) in cases {
            assert_eq!(keys(&schema), Some(known), "{schema}");
        }
    }

    #[test]
    fn a_schema_that_speaks_of_keys_in_general_takes_any() {
        let cases = [
            json!(true),
            json!({}),
            json!({"type": "object"}),
            json!({"type": ["string", "null"]}),
            json!({"properties": {"a": {}}, "additionalProperties": true}),
            json!({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}),
            json!({"properties": {"a": {}}, "patternProperties": {"^x": {}}}),
            json!({"properties": {"a": {}}, "anyOf": [{"type": "object"}]}),
        ];
        for schema in cases {
            assert_eq!(keys(&schema), None, "{schema}");
        }
        let parts: Vec<Json> = (0..=MAX_PARTS).map(|_| json!({"type": "null"})).collect();
        assert_eq!(keys(&json!({"anyOf": parts})), None);
    }

    #[test]
    fn typos_are_found_at_any_depth() {
        let schema = json!({
            "properties": {
                "list": {"items": {"$ref": "#/$defs/inner"}},
                "map": {"additionalProperties": {"$ref": "#/$defs/inner"}},
                "free": {},
            },
            "$defs": {"inner": {"anyOf": [{"properties": {"a": {}}}, {"type": "null"}]}},
        });
        let config = json!({"list": [{"a": 1}, {"b": 1}], "map": {"x": {"c": 1}}, "free": {"d": 1}, "e": 1});
        assert_eq!(unknown(&schema, &config), ["e", "b", "c"]);
    }

    #[test]
    fn items_have_the_schemas_of_their_place() {
        let schema = json!({"anyOf": [{"prefixItems": [{"const": 1}], "items": {"const": 2}}, {"items": {"const": 3}}]});
        let at = |index| {
            let mut found: Vec<i64> = item_schemas(&schema, &[&schema], index)
                .into_iter()
                .map(|schema| schema["const"].as_i64().unwrap())
                .collect();
            found.sort_unstable();
            found
        };
        assert_eq!((at(0), at(1)), (vec![1, 3], vec![2, 3]));
    }
}
