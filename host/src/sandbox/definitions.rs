//! What a plugin says about its solids, checked and converted to the orchestrator's types.
//!
//! Invariant: what comes out of [`convert`] is sound: names are in their alphabet and unique, schemas can be checked,
//! numbers are in range, sizes are bounded.

use std::collections::{BTreeMap, HashSet};

use fanfold_graph::definition::{InputDefinition, OutputDefinition, RetryPolicy, SolidDefinition};
use fanfold_graph::name::Identifier;
use serde_json::Value as Json;

use super::bindings::fanfold::plugin::definitions as wit;
use super::metadata;
use super::schema::Schema;

/// Inputs of one solid, and outputs.
const MAX_PORTS: usize = 256;
/// Tags of one solid, parts of one asset key, partitions of one output.
const MAX_LIST: usize = 1000;
/// Bytes of one description, tag or label.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Bytes of one schema or default value.
const MAX_JSON_BYTES: usize = 1 << 20;
/// Bytes that the patterns in all schemas of a plugin take, compiled.
const MAX_PATTERN_BYTES: usize = 32 << 20;
/// Bytes of one output's metadata.
const MAX_METADATA_BYTES: u64 = 1 << 20;

/// A sentence about what is wrong, to follow "describes its solids wrongly:".
type Converted<T> = Result<T, String>;

/// Checks and converts all definitions of a plugin.
pub(super) fn convert(solids: Vec<wit::SolidDefinition>) -> Converted<Vec<SolidDefinition>> {
    let mut room = MAX_PATTERN_BYTES;
    let solids: Vec<_> =
        solids.into_iter().map(|solid| convert_solid(solid, &mut room)).collect::<Converted<_>>()?;
    check_unique("solids", solids.iter().map(|solid| &solid.name))?;
    Ok(solids)
}

fn convert_solid(solid: wit::SolidDefinition, room: &mut usize) -> Converted<SolidDefinition> {
    let name = identifier(&solid.name)?;
    let at = |problem| format!("solid `{name}`: {problem}");
    check_count("inputs", solid.inputs.len(), MAX_PORTS).map_err(at)?;
    check_count("outputs", solid.outputs.len(), MAX_PORTS).map_err(at)?;
    let config_schema = schema("config schema", solid.config_schema, room).map_err(at)?;
    let inputs = solid.inputs.into_iter().map(|input| convert_input(input, room));
    let inputs: Vec<_> = inputs.collect::<Converted<_>>().map_err(at)?;
    let outputs = solid.outputs.into_iter().map(|output| convert_output(output, room));
    let outputs: Vec<_> = outputs.collect::<Converted<_>>().map_err(at)?;
    check_unique("inputs", inputs.iter().map(|input| &input.name)).map_err(at)?;
    check_unique("outputs", outputs.iter().map(|output| &output.name)).map_err(at)?;
    Ok(SolidDefinition {
        description: text("description", solid.description).map_err(at)?,
        config_schema,
        inputs,
        outputs,
        tags: convert_tags(solid.tags).map_err(at)?,
        retry_policy: solid.retry_policy.map(convert_retry_policy).transpose().map_err(at)?,
        name,
    })
}

fn convert_input(input: wit::InputDefinition, room: &mut usize) -> Converted<InputDefinition> {
    let name = identifier(&input.name)?;
    let at = |problem| format!("input `{name}`: {problem}");
    Ok(InputDefinition {
        description: text("description", input.description).map_err(at)?,
        schema: schema("schema", input.schema, room).map_err(at)?,
        default_value: json("default value", input.default_value).map_err(at)?,
        name,
    })
}

fn convert_output(output: wit::OutputDefinition, room: &mut usize) -> Converted<OutputDefinition> {
    let name = identifier(&output.name)?;
    let at = |problem| format!("output `{name}`: {problem}");
    if metadata::size(&output.metadata) > MAX_METADATA_BYTES {
        return Err(at("its metadata is too large".to_owned()));
    }
    if output.asset_key.is_empty() && !output.asset_partitions.is_empty() {
        return Err(at("it names partitions, but no asset".to_owned()));
    }
    Ok(OutputDefinition {
        description: text("description", output.description).map_err(at)?,
        schema: schema("schema", output.schema, room).map_err(at)?,
        is_required: output.is_required,
        is_dynamic: output.is_dynamic,
        io_manager_key: output
            .io_manager_key
            .map(|key| text("IO manager key", key))
            .transpose()
            .map_err(at)?,
        metadata: metadata::convert(output.metadata),
        asset_key: texts("asset key", output.asset_key).map_err(at)?,
        asset_partitions: texts("partitions", output.asset_partitions).map_err(at)?,
        name,
    })
}

fn convert_tags(tags: Vec<(String, String)>) -> Converted<BTreeMap<String, String>> {
    check_count("tags", tags.len(), MAX_LIST)?;
    let mut converted = BTreeMap::new();
    for (tag, value) in tags {
        let (tag, value) = (text("tag", tag)?, text("tag", value)?);
        if converted.contains_key(&tag) {
            return Err(format!("it has the tag `{}` twice", tag.escape_debug()));
        }
        converted.insert(tag, value);
    }
    Ok(converted)
}

fn convert_retry_policy(policy: wit::RetryPolicy) -> Converted<RetryPolicy> {
    let wit::RetryPolicy { max_retries, delay_ms, backoff, jitter } = policy;
    if !(backoff.is_finite() && backoff >= 1.0) {
        return Err(format!(
            "the backoff of its retry policy is {backoff}, but a finite number from 1 is needed"
        ));
    }
    if !(0.0..=1.0).contains(&jitter) {
        return Err(format!(
            "the jitter of its retry policy is {jitter}, but a number from 0 to 1 is needed"
        ));
    }
    Ok(RetryPolicy { max_retries, delay_ms, backoff, jitter })
}

fn identifier(name: &str) -> Converted<Identifier> {
    Identifier::new(name).map_err(|error| error.to_string())
}

fn text(what: &str, text: String) -> Converted<String> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("a {what} has {} bytes, limit {MAX_TEXT_BYTES}", text.len()));
    }
    Ok(text)
}

fn texts(what: &str, parts: Vec<String>) -> Converted<Vec<String>> {
    check_count(what, parts.len(), MAX_LIST)?;
    parts.into_iter().map(|part| text(what, part)).collect()
}

fn json(what: &str, text: Option<String>) -> Converted<Option<Json>> {
    let Some(text) = text else { return Ok(None) };
    if text.len() > MAX_JSON_BYTES {
        return Err(format!("its {what} has {} bytes, limit {MAX_JSON_BYTES}", text.len()));
    }
    serde_json::from_str(&text).map(Some).map_err(|error| format!("its {what} is no JSON: {error}"))
}

/// A schema, whose patterns take their part of the room that there is for them.
fn schema(what: &str, text: Option<String>, room: &mut usize) -> Converted<Option<Json>> {
    let schema = json(what, text)?;
    if let Some(schema) = &schema {
        let read = Schema::new(schema.clone());
        let read = read.map_err(|error| format!("its {what} is of no use: {error}"))?;
        let left = room.checked_sub(read.pattern_bytes());
        *room = left.ok_or_else(|| format!("its {what} has patterns that are too large with all others"))?;
    }
    Ok(schema)
}

fn check_count(what: &str, count: usize, limit: usize) -> Converted<()> {
    if count <= limit { Ok(()) } else { Err(format!("{count} {what}, limit {limit}")) }
}

fn check_unique<'a>(what: &str, names: impl Iterator<Item = &'a Identifier>) -> Converted<()> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("two {what} are named `{name}`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solid(name: &str) -> wit::SolidDefinition {
        wit::SolidDefinition {
            name: name.to_owned(),
            description: String::new(),
            config_schema: None,
            inputs: Vec::new(),
            outputs: vec![output("result")],
            tags: Vec::new(),
            retry_policy: None,
        }
    }

    fn output(name: &str) -> wit::OutputDefinition {
        wit::OutputDefinition {
            name: name.to_owned(),
            description: String::new(),
            schema: None,
            is_required: true,
            is_dynamic: false,
            io_manager_key: None,
            metadata: Vec::new(),
            asset_key: Vec::new(),
            asset_partitions: Vec::new(),
        }
    }

    #[test]
    fn sound_definitions_pass() {
        let converted = convert(vec![solid("a"), solid("b")]).unwrap();
        assert_eq!(converted[1].name.as_str(), "b");
        assert_eq!(converted[1].outputs[0].name.as_str(), "result");
    }

    #[test]
    fn lies_are_named() {
        let changed = |change: fn(&mut wit::SolidDefinition)| {
            let mut solid = solid("a");
            change(&mut solid);
            convert(vec![solid]).unwrap_err()
        };
        let policy = |backoff, jitter| wit::RetryPolicy { max_retries: 1, delay_ms: 0, backoff, jitter };
        assert_eq!(convert(vec![solid("a"), solid("a")]).unwrap_err(), "two solids are named `a`");
        assert!(convert(vec![solid("a b")]).unwrap_err().starts_with("`a b` is no name"));
        assert_eq!(
            changed(|solid| solid.outputs.push(output("result"))),
            "solid `a`: two outputs are named `result`"
        );
        let error = changed(|solid| solid.outputs[0].schema = Some("{oops".to_owned()));
        assert!(error.starts_with("solid `a`: output `result`: its schema is no JSON:"), "{error}");
        let error = changed(|solid| solid.config_schema = Some("3".to_owned()));
        assert_eq!(error, "solid `a`: its config schema is of no use: a schema is an object or a boolean");
        assert!(changed(|solid| solid.description = "x".repeat(MAX_TEXT_BYTES + 1)).contains("limit"));
        let error = changed(|solid| solid.outputs[0].asset_partitions.push("p".to_owned()));
        assert_eq!(error, "solid `a`: output `result`: it names partitions, but no asset");
        let error = changed(|solid| solid.tags = vec![("t".into(), "1".into()), ("t".into(), "2".into())]);
        assert_eq!(error, "solid `a`: it has the tag `t` twice");
        for (backoff, jitter) in [(0.5, 0.0), (f64::NAN, 0.0), (1.0, 1.5), (1.0, f64::NAN)] {
            assert!(convert_retry_policy(policy(backoff, jitter)).is_err());
        }
    }
}
