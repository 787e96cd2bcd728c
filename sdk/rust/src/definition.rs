//! What a solid is, in data: the macro fills these in, the host reads them.
//!
//! The types mirror the contract's `definitions` interface; texts are static because they come from source code.

use crate::Metadata;

/// A unit of computation.
#[derive(Clone, Debug, PartialEq)]
pub struct SolidDefinition {
    /// Unique in the plugin.
    pub name: &'static str,
    /// What it does, from its doc comment.
    pub description: &'static str,
    /// JSON Schema of the configuration; none takes none.
    pub config_schema: Option<String>,
    /// In the order of the parameters.
    pub inputs: Vec<InputDefinition>,
    /// In the order of the parameters, `result` last.
    pub outputs: Vec<OutputDefinition>,
    /// Labels for whoever runs it.
    pub tags: &'static [(&'static str, &'static str)],
    /// What happens when a step fails, unless the pipeline says otherwise.
    pub retry_policy: Option<RetryPolicy>,
}

/// A named input of a solid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputDefinition {
    /// Unique among the solid's inputs.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// JSON Schema of the value; none accepts anything.
    pub schema: Option<String>,
    /// JSON used when nothing is connected; none makes connecting it obligatory.
    pub default_value: Option<String>,
}

/// A named output of a solid.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputDefinition {
    /// Unique among the solid's outputs.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// JSON Schema of the value; none accepts anything.
    pub schema: Option<String>,
    /// Whether the solid must emit it.
    pub is_required: bool,
    /// Whether it is emitted any number of times, each time under a mapping key.
    pub is_dynamic: bool,
    /// Which IO manager keeps the value; none is the run store.
    pub io_manager_key: Option<&'static str>,
    /// Facts about the output.
    pub metadata: Metadata,
    /// The asset that it stands for, outermost part first; empty for none.
    pub asset_key: &'static [&'static str],
    /// The asset's partitions that it covers.
    pub asset_partitions: &'static [&'static str],
}

/// When and how often a failed step runs again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Executions after the first.
    pub max_retries: u32,
    /// Pause before the first retry, in milliseconds.
    pub delay_ms: u32,
    /// Factor by which the pause grows with each further retry.
    pub backoff: f64,
    /// Share of the pause, from 0 to 1, that is drawn at random.
    pub jitter: f64,
}
