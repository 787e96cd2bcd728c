//! What steps read.

use std::collections::BTreeMap;

use fanfold_graph::name::MappingKey;
use fanfold_graph::pipeline::Into;
use serde_json::Value as Json;

/// What a step reads, all of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Json(Json),
    /// What a step emitted, by the hash of its content.
    Emitted(u64),
    List(Vec<Value>),
    Dict(BTreeMap<String, Value>),
    /// The values of clones; without one where a clone failed.
    Collection(Into, Vec<(MappingKey, Option<Value>)>),
}
