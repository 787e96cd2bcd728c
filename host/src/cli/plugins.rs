//! `fanfold plugins`: the verbs for the plugins directory.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, PluginsDirectoryArgs};

/// Look at plugins
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold plugins ls
  fanfold plugins inspect files")]
pub(crate) struct PluginsArgs {
    #[command(subcommand)]
    pub(crate) verb: PluginsVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsVerb {
    Ls(PluginsLsArgs),
    Inspect(PluginsInspectArgs),
}

/// List the plugins directory: plugins with their solids, and files that cannot be used
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold plugins ls
  fanfold plugins ls --plugins dist --format json")]
pub(crate) struct PluginsLsArgs {
    #[command(flatten)]
    pub(crate) plugins: PluginsDirectoryArgs,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
}

/// Show a plugin's solids: inputs, outputs and configuration
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold plugins inspect files
  fanfold plugins inspect ./downloads/geo.wasm --format json")]
pub(crate) struct PluginsInspectArgs {
    /// A plugin of the plugins directory, or a component's file
    #[arg(value_name = "NAME|FILE")]
    pub(crate) plugin: PathBuf,
    #[command(flatten)]
    pub(crate) plugins: PluginsDirectoryArgs,
    /// How the plugin is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
}
