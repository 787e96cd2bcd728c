//! Values and what a plugin's JSON Schema says of them: the first line is a value, the rest is a schema.
#![no_main]

use fanfold::sandbox::{Gathered, Mismatch, PathSegment, Schema};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value as Json, json};

/// What is told about a value, so that one can read it.
const MAX_PROBLEM_BYTES: usize = 4 << 10;

fuzz_target!(|text: &str| {
    let Some((value_text, schema_text)) = text.split_once('\n') else { return };
    let (Ok(value), Ok(schema)) = (parsed(value_text), parsed(schema_text)) else { return };
    let Ok(checker) = Schema::new(schema.clone()) else { return };
    let checked = checked(&checker, &value);
    assert_eq!(checker.check_text(value_text).is_ok(), checker.check(&value, value_text.len()).is_ok());
    if let Err(mismatch) = &checked {
        assert!(mismatch.problem.len() <= MAX_PROBLEM_BYTES, "{}", mismatch.problem);
        assert!(leads_somewhere(&value, &mismatch.path), "{mismatch}");
    }
    for gathered in [Gathered::Items, Gathered::Entries] {
        _ = checker.check_form(gathered);
    }
    // References speak of the whole schema, so what has some means another thing inside another schema. So does what
    // is cut short for its cost or depth.
    if !schema_text.contains("$ref") && !checked.as_ref().is_err_and(is_cut_short) {
        let fits = checked.is_ok();
        means(&json!({ "allOf": [schema] }), &value, fits);
        means(&json!({ "anyOf": [false, schema] }), &value, fits);
        means(&json!({ "oneOf": [schema, false] }), &value, fits);
        means(&json!({ "if": schema, "else": false }), &value, fits);
        means(&json!({ "not": { "not": schema } }), &value, fits);
        means(&json!({ "$ref": "#/$defs/a~1b", "$defs": { "a/b": schema } }), &value, fits);
    }
});

fn parsed(text: &str) -> serde_json::Result<Json> {
    serde_json::from_str(text)
}

fn checked(schema: &Schema, value: &Json) -> Result<(), Mismatch> {
    schema.check(value, value.to_string().len())
}

fn means(schema: &Json, value: &Json, fits: bool) {
    let found = checked(&Schema::new(schema.clone()).expect("its parts are schemas"), value);
    assert!(found.is_ok() == fits || found.as_ref().is_err_and(is_cut_short), "{schema}: {found:?}");
}

fn is_cut_short(mismatch: &Mismatch) -> bool {
    ["too costly", "too deep", "out of range"].iter().any(|words| mismatch.problem.contains(words))
}

/// Whether a mismatch is at something that is there.
fn leads_somewhere(value: &Json, path: &[PathSegment]) -> bool {
    let reached = path.iter().try_fold(value, |value, segment| match segment {
        PathSegment::Key(key) => value.get(key),
        PathSegment::Index(index) => value.get(index),
    });
    reached.is_some()
}
