//! A plan as people look at it: text, and pictures for Graphviz and Mermaid. Mapped steps are shown as
//! `process_file[?]`, since their keys are known only in a run.

mod edges;
mod groups;
mod picture;
mod text;

pub use picture::{dot, mermaid};
pub use text::text;

use fanfold_graph::plan::Plan;

/// The pipeline's exchange form.
pub fn json(plan: &Plan) -> String {
    let json = serde_json::to_string_pretty(plan.pipeline());
    // A pipeline is read from JSON or composed of what has a JSON form.
    json.unwrap_or_default() + "\n"
}
