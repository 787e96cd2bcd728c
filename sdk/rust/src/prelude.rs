//! Everything that a file of solids usually needs: `use fanfold_sdk::prelude::*;`.
//!
//! `Serialize`, `Deserialize` and `JsonSchema` come with their derives, which need the crates `serde` and
//! `schemars` among the plugin's dependencies.

pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};
pub use serde_json::json;

pub use crate::{
    Annotated, Blob, Bytes, Collected, Context, DynamicOutput, Error, MappingKey, Metadata, OptionalOutput,
    Output, Result, ResultExt, Table, fail, plugin, solid,
};
