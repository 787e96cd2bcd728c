//! Pipeline files: Starlark in, pipelines out.
//!
//! A file is evaluated once. The solids that it loads are values that can be called, what calls return are handles, and
//! both stand for entries of the `Session`, where the core's composer does the work: what may be
//! wired with what is its to say, not decided here.
//!
//! Invariants:
//! - Evaluation is hermetic: it reads nothing but the file and what the plugins say of themselves, and the same file gives
//!   the same pipelines.
//! - Loops, recursion and allocation are bounded; [`evaluate`] is for a process that may die of what the bounds miss.
//! - Every error has a place in the file.

#![expect(unused_qualifications, reason = "the derives of the Starlark crate write paths in full")]

mod argument;
mod evaluate;
mod globals;
mod group;
mod handle;
mod loader;
mod misuse;
mod outputs;
mod problem;
mod session;
mod shape;
mod solid;
mod zip;

use std::collections::BTreeMap;

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::PluginName;
use fanfold_graph::pipeline::Pipeline;
use serde::{Deserialize, Serialize};

pub use evaluate::evaluate;

use crate::diagnostic::Diagnostic;

/// What pipeline files can load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KnownSolids {
    /// The solids of each plugin.
    pub plugins: BTreeMap<PluginName, Vec<SolidDefinition>>,
    /// Files in the plugins directory that are no plugins, by name without `.wasm`, and why.
    pub refused: BTreeMap<String, String>,
}

/// What a pipeline file defines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PipelineFile {
    /// Its pipelines, in the order of the file.
    pub pipelines: Vec<Pipeline>,
    /// What it printed, line by line.
    pub printed: Vec<String>,
}

impl PipelineFile {
    /// The pipeline of that name; without a name, the only one.
    pub fn select(self, file: &str, name: Option<&str>) -> Result<Pipeline, Diagnostic> {
        let names: Vec<String> = self.pipelines.iter().map(|it| it.name.to_string()).collect();
        let known = || names.iter().map(String::as_str);
        let found = self.pipelines.into_iter().filter(|it| name.is_none_or(|name| it.name.as_str() == name));
        let mut found: Vec<Pipeline> = found.collect();
        match (found.pop(), name) {
            (Some(only), _) if found.is_empty() => Ok(only),
            (_, Some(name)) => {
                Err(Diagnostic::new(format!("`{file}` has no pipeline `{name}`")).did_you_mean(name, known()))
            }
            (None, None) => Err(Diagnostic::new(format!("`{file}` defines no pipeline"))
                .hint("end it with a call of `pipeline(...)`".to_owned())),
            (Some(_), None) => {
                let addresses: Vec<_> = names.iter().map(|name| format!("`{file}:{name}`")).collect();
                let message = format!("`{file}` defines several pipelines");
                Err(Diagnostic::new(message).hint(format!("choose one: {}", addresses.join(", "))))
            }
        }
    }
}
