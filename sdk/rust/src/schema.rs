//! JSON Schemas of inputs, outputs and configurations: draft 2020-12, self-contained, none where anything fits.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The schema of what serde reads as a `T`; none if it accepts anything.
pub(crate) fn of_input<T: JsonSchema>() -> Option<String> {
    text(SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>())
}

/// The schema of what serde writes for a `T`; none if it may be anything.
pub(crate) fn of_output<T: JsonSchema>() -> Option<String> {
    text(SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>())
}

/// The schema of a collection of `T`s: a list, or values by mapping key.
pub(crate) fn of_collection<T: JsonSchema>() -> Option<String> {
    of_input::<CollectionOf<T>>()
}

/// The schema as JSON text, or none if it says nothing about a value.
fn text(mut schema: Schema) -> Option<String> {
    let says_nothing = match schema.as_object() {
        Some(keywords) => keywords.keys().all(|key| key == "$schema" || key == "title"),
        None => schema.as_bool() == Some(true),
    };
    if says_nothing {
        return None;
    }
    // The title is the Rust type's name, which means nothing to whoever reads the definition.
    schema.remove("title");
    Some(schema.as_value().to_string())
}

/// Stands for a list or a map of `T`s where a schema is asked for.
struct CollectionOf<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for CollectionOf<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Collection_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({ "type": ["array", "object"], "items": item, "additionalProperties": item })
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Tree {
        /// What it is called.
        name: String,
        #[serde(default)]
        children: Vec<Tree>,
    }

    fn parsed(schema: Option<String>) -> Value {
        serde_json::from_str(&schema.expect("a schema")).unwrap()
    }

    #[test]
    fn anything_needs_no_schema() {
        assert_eq!(of_input::<Value>(), None);
        assert_eq!(of_output::<Value>(), None);
    }

    #[test]
    fn schemas_are_self_contained() {
        let text = of_input::<Tree>().unwrap();
        assert!(text.contains("https://json-schema.org/draft/2020-12/schema"));
        let schema = parsed(Some(text));
        assert_eq!(schema["properties"]["children"]["items"]["$ref"], "#");
        assert_eq!(schema["properties"]["name"]["description"], "What it is called.");
        assert_eq!(schema["required"], json!(["name"]));
    }

    #[test]
    fn what_is_written_is_always_there() {
        assert_eq!(parsed(of_output::<Tree>())["required"], json!(["name", "children"]));
    }

    #[test]
    fn a_collection_is_a_list_or_a_map() {
        let schema = parsed(of_collection::<Tree>());
        assert_eq!(schema["type"], json!(["array", "object"]));
        let reference = schema["items"]["$ref"].as_str().unwrap();
        assert!(schema.pointer(reference.trim_start_matches('#')).is_some());
    }
}
