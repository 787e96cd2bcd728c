//! A JSON Schema in a few words, for people: `list of integer`, `string or null`.

use serde_json::{Map, Value as Json};

/// How deep a schema is told: a stranger wrote it.
const MAX_DEPTH: u32 = 4;
/// Of more alternatives, the first are told.
const MAX_LISTED: usize = 6;

/// The longest text, in characters: constants can be of any length.
const MAX_CHARS: usize = 200;

/// What a schema accepts. The text may hold what a stranger wrote.
pub(super) fn type_name(schema: Option<&Json>) -> String {
    let told = schema.map_or_else(|| "any".to_owned(), |schema| told(schema, MAX_DEPTH));
    match told.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", &told[..end]),
        None => told,
    }
}

fn told(schema: &Json, depth: u32) -> String {
    let Some(keywords) = schema.as_object().filter(|_| depth > 0) else { return "any".to_owned() };
    let inner = |schema: &Json| told(schema, depth - 1);
    if let Some(reference) = keywords.get("$ref").and_then(Json::as_str) {
        return reference.rsplit('/').next().unwrap_or(reference).to_owned();
    }
    if let Some(constant) = keywords.get("const") {
        return constant.to_string();
    }
    if let Some(values) = keywords.get("enum").and_then(Json::as_array) {
        return alternatives(values, Json::to_string);
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(schemas) = keywords.get(keyword).and_then(Json::as_array) {
            return alternatives(schemas, inner);
        }
    }
    let typed = |name: &Json| match name.as_str() {
        Some("array") => match keywords.get("items") {
            Some(items) => format!("list of {}", inner(items)),
            None => "list".to_owned(),
        },
        Some("object") => object(keywords, inner),
        Some(name) => name.to_owned(),
        None => "any".to_owned(),
    };
    match keywords.get("type") {
        Some(Json::Array(names)) => alternatives(names, typed),
        Some(name) => typed(name),
        None => "any".to_owned(),
    }
}

fn object(keywords: &Map<String, Json>, inner: impl Fn(&Json) -> String) -> String {
    match (keywords.get("properties"), keywords.get("additionalProperties")) {
        (Some(Json::Object(properties)), _) => {
            let mut told: Vec<String> = properties
                .iter()
                .take(MAX_LISTED)
                .map(|(key, schema)| format!("{key}: {}", inner(schema)))
                .collect();
            if properties.len() > MAX_LISTED {
                told.push("...".to_owned());
            }
            format!("{{{}}}", told.join(", "))
        }
        (_, Some(values @ Json::Object(_))) => format!("map of {}", inner(values)),
        _ => "object".to_owned(),
    }
}

fn alternatives(all: &[Json], tell: impl Fn(&Json) -> String) -> String {
    let mut told: Vec<String> = all.iter().take(MAX_LISTED).map(tell).collect();
    if all.len() > MAX_LISTED {
        told.push("...".to_owned());
    }
    told.join(" or ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_in_a_few_words() {
        let cases = [
            (json!(true), "any"),
            (json!({}), "any"),
            (json!({ "type": "integer", "format": "int64" }), "integer"),
            (json!({ "type": ["string", "null"] }), "string or null"),
            (json!({ "type": "array", "items": { "type": "array", "items": {} } }), "list of list of any"),
            (json!({ "type": "array" }), "list"),
            (
                json!({ "type": "object", "properties": { "size": { "type": "integer" }, "key": {} } }),
                "{key: any, size: integer}",
            ),
            (json!({ "type": "object", "additionalProperties": { "type": "number" } }), "map of number"),
            (json!({ "type": "object", "additionalProperties": false }), "object"),
            (json!({ "anyOf": [{ "$ref": "#/$defs/Size" }, { "type": "null" }] }), "Size or null"),
            (json!({ "enum": ["a", 1] }), "\"a\" or 1"),
            (json!({ "enum": [1, 2, 3, 4, 5, 6, 7, 8] }), "1 or 2 or 3 or 4 or 5 or 6 or ..."),
            (json!({ "const": 3 }), "3"),
            (json!({ "type": 3 }), "any"),
        ];
        for (schema, wanted) in cases {
            assert_eq!(type_name(Some(&schema)), wanted, "{schema}");
        }
        assert_eq!(type_name(None), "any");
    }

    #[test]
    fn a_large_schema_is_told_in_part() {
        let long = json!({ "const": "x".repeat(1000) });
        assert_eq!(type_name(Some(&long)).len(), MAX_CHARS + "...".len());
        let deep = (0..100).fold(json!({}), |inner, _| json!({ "type": "array", "items": inner }));
        assert_eq!(type_name(Some(&deep)), "list of list of list of list of any");
    }
}
