//! What a solid says of itself: the contract's definitions as plain data.
//!
//! Schemas are kept as JSON and not interpreted: whether a value fits is the shell's to check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::name::Identifier;

/// A unit of computation, as its plugin describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SolidDefinition {
    /// Its name in the plugin.
    pub name: Identifier,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// JSON Schema of its configuration; none means that it takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Json>,
    /// Its inputs, in the order of its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputDefinition>,
    /// Its outputs, in the order in which a call unpacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputDefinition>,
    /// Free-form labels: limits and priorities go by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// When a failed step of it runs again, unless the pipeline says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
}

/// A named input of a solid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputDefinition {
    /// Its name, unique among the solid's inputs.
    pub name: Identifier,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// JSON Schema of the value; none accepts anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    /// What it receives when nothing is connected; without it, connecting it is obligatory. A default of `null`
    /// is a default too.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub default_value: Option<Json>,
}

/// A named output of a solid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputDefinition {
    /// Its name, unique among the solid's outputs.
    pub name: Identifier,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// JSON Schema of the value, of each item where the output is dynamic; none accepts anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    /// False: the solid may finish without it, and what depends on it is skipped.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub is_required: bool,
    /// True: emitted any number of times in one step, each time under a mapping key of its own.
    #[serde(default, skip_serializing_if = "is_no")]
    pub is_dynamic: bool,
    /// Which IO manager keeps the value; none is the run store itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_manager_key: Option<String>,
    /// Facts about the output, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<MetadataEntry>,
    /// The asset that it stands for, outermost part first; empty for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asset_key: Vec<String>,
    /// The asset's partitions that it covers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asset_partitions: Vec<String>,
}

/// When and how often a failed step runs again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// Executions after the first.
    pub max_retries: u32,
    /// Pause before the first retry, in milliseconds.
    #[serde(default)]
    pub delay_ms: u32,
    /// Factor by which the pause grows with each further retry; 1 keeps it the same.
    #[serde(default = "one")]
    pub backoff: f64,
    /// Share of the pause, from 0 to 1, that is drawn at random.
    #[serde(default)]
    pub jitter: f64,
}

/// One labelled fact, for people to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetadataEntry {
    /// What the fact is about.
    pub label: String,
    /// More words on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The fact.
    pub value: MetadataValue,
}

/// The types that a fact can have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataValue {
    /// Plain text.
    Text(String),
    /// `CommonMark`.
    Markdown(String),
    /// An address, not fetched by anyone.
    Url(String),
    /// A path, as the solid saw it.
    Path(String),
    /// Any JSON value.
    Json(Json),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    TimestampMs(f64),
    /// An asset key, outermost part first.
    Asset(Vec<String>),
    /// Rows under named columns.
    Table {
        /// The columns' names.
        columns: Vec<String>,
        /// The rows, each as long as `columns`.
        rows: Vec<Vec<String>>,
    },
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_yes(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_no(value: &bool) -> bool {
    !*value
}

fn one() -> f64 {
    1.0
}

/// Keeps `"default_value": null` apart from no `default_value`.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_come_back_to_the_last_bit() {
        for backoff in [2.222_222_222_222_222_6e113, 0.1 + 0.2, 5e-324, f64::MAX] {
            let policy = RetryPolicy { max_retries: 1, delay_ms: 0, backoff, jitter: 0.0 };
            let text = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<RetryPolicy>(&text).unwrap(), policy, "{text}");
        }
    }

    #[test]
    fn what_is_usual_is_left_out_and_comes_back() {
        let output = |json: &Json| serde_json::from_value::<OutputDefinition>(json.clone()).unwrap();
        let usual = json!({ "name": "result" });
        assert_eq!((output(&usual).is_required, output(&usual).is_dynamic), (true, false));
        let unusual = json!({ "name": "result", "is_required": false, "is_dynamic": true });
        assert_eq!((output(&unusual).is_required, output(&unusual).is_dynamic), (false, true));
        for written in [usual, unusual] {
            assert_eq!(serde_json::to_value(output(&written)).unwrap(), written);
        }
        let policy: RetryPolicy = serde_json::from_value(json!({ "max_retries": 2 })).unwrap();
        assert_eq!((policy.delay_ms, policy.backoff, policy.jitter), (0, 1.0, 0.0));
    }
}
