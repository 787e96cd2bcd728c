//! `fanfold runs`: the verbs for runs in the store.

use clap::{Args, Subcommand};

use super::{Format, StoreArgs};

/// Look at runs, and remove them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold runs ls
  fanfold runs show k3f9
  fanfold runs rm k3f9")]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub(crate) verb: RunsVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsVerb {
    Ls(RunsLsArgs),
    Show(RunsShowArgs),
    Rm(RunsRmArgs),
}

/// List runs, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold runs ls --limit 20 --format json")]
pub(crate) struct RunsLsArgs {
    /// List so many runs at most
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Show how far a run is, solid by solid, and what failed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold runs show k3f9
  fanfold runs show k3f9 --follow")]
pub(crate) struct RunsShowArgs {
    /// The run's id
    pub(crate) run: String,
    /// Go on while some process drives the run
    #[arg(long)]
    pub(crate) follow: bool,
    /// How the run is shown
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Remove runs from the store, with the values that no other run needs
#[derive(Debug, Args)]
#[command(after_help = "\
What an IO manager keeps stays there. Not removed is a run that some process drives, or one whose steps an unfinished
retry may still take. `[retention]` in fanfold.toml bounds which runs are kept at all.

Examples:
  fanfold runs rm k3f9 m2x7")]
pub(crate) struct RunsRmArgs {
    /// The runs' ids
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}
