//! fanfold: fans work out over keys that only appear at run time, and folds it back together.

pub mod confined;
pub mod diagnostic;
pub mod event_json;
pub mod executor;
mod findings;
pub mod io_manager;
pub mod metadata_text;
pub mod orchestrator;
pub mod outputs;
pub mod pipeline_file;
pub mod plan_view;
pub mod plugin_build;
pub mod report;
pub mod run_config;
pub mod sandbox;
pub mod settings;
pub mod source_text;
pub mod store;
pub mod value_json;
