//! What can be said on the command line. Types only: every verb's work is in [`commands`](crate::commands).

mod address;
mod grant;
mod plugins;
mod runs;

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use address::PipelineAddress;
pub(crate) use grant::{DirectoryArgument, HostArgument, VariableArgument};
pub(crate) use plugins::{PluginsArgs, PluginsInspectArgs, PluginsLsArgs, PluginsVerb};
pub(crate) use runs::{RunsArgs, RunsLsArgs, RunsRmArgs, RunsShowArgs, RunsVerb};

/// Fans work out over keys that only appear at run time, and folds it back together
#[derive(Debug, Parser)]
#[command(name = "fanfold", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    succeeded
  1    the run failed, or the system is in the way (files, memory, network)
  2    the command line is wrong
  3    a pipeline, plugin or configuration is wrong
  130  canceled

Environment:
  FANFOLD_CACHE  where compiled plugins are kept (default: ~/.cache/fanfold)
  NO_COLOR       if set, no colors

Examples:
  fanfold new digest && cd digest && fanfold run pipeline.star
  fanfold run process_directory.star --allow-read files=docs";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Plan(PlanArgs),
    Resume(ResumeArgs),
    Cancel(CancelArgs),
    Retry(RetryArgs),
    Outputs(OutputsArgs),
    Events(EventsArgs),
    Logs(LogsArgs),
    Assets(AssetsArgs),
    Runs(RunsArgs),
    Gc(GcArgs),
    Build(BuildArgs),
    New(NewArgs),
    Doctor(DoctorArgs),
    Plugins(PluginsArgs),
    Completions(CompletionsArgs),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// The pipeline's exchange form
    Json,
    /// A picture, for Graphviz
    Dot,
    /// A picture, for Markdown
    Mermaid,
}

/// The plugins directory, for verbs that read it.
#[derive(Debug, Args)]
pub(crate) struct PluginsDirectoryArgs {
    /// The plugins directory [default: `.fanfold/plugins` beside fanfold.toml]
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Option<PathBuf>,
}

/// The run config, for verbs that check it.
#[derive(Debug, Args)]
pub(crate) struct RunConfigArgs {
    /// The run config, YAML or JSON: `solids: {NAME: {config: {...}, inputs: {...}}}`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Sets one value of the run config, over what FILE says
    #[arg(long, value_name = "solids.NAME.config.KEY=JSON")]
    pub(crate) set: Vec<String>,
}

/// Where runs are kept.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Where runs are kept, or `memory`: nowhere [default: `.fanfold/store` beside fanfold.toml]
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
}

impl StoreArgs {
    /// True for a store that ends with its process. A directory of that name is `./memory`.
    pub(crate) fn is_memory(&self) -> bool {
        self.store.as_deref().is_some_and(|store| store.as_os_str() == "memory")
    }
}

/// What plugins may see in one run, for verbs that begin one.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// Lets a plugin read a directory in this run, under the same path
    #[arg(long = "allow-read", value_name = "PLUGIN=DIR", value_parser = DirectoryArgument::value_parser())]
    pub(crate) read: Vec<DirectoryArgument>,
    /// Lets a plugin read and write a directory in this run, under the same path
    #[arg(long = "allow-write", value_name = "PLUGIN=DIR", value_parser = DirectoryArgument::value_parser())]
    pub(crate) write: Vec<DirectoryArgument>,
    /// Lets a plugin send requests to a host in this run; the port is 443 unless given
    #[arg(long = "allow-net", value_name = "PLUGIN=HOST[:PORT]", value_parser = HostArgument::value_parser())]
    pub(crate) net: Vec<HostArgument>,
    /// Shows a plugin an environment variable in this run; the value is recorded with it
    #[arg(long = "allow-env", value_name = "PLUGIN=NAME=VALUE", value_parser = VariableArgument::value_parser())]
    pub(crate) env: Vec<VariableArgument>,
}

/// Run a pipeline
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold run pipeline.star
  fanfold run pipeline.star:nightly --config run.yaml --jobs 8
  fanfold run pipeline.star --set solids.emit.config.fail=true
  fanfold run process_directory.star --allow-read files=docs --format json")]
pub(crate) struct RunArgs {
    /// The pipeline file, and which of its pipelines if it has several
    #[arg(value_name = "FILE[:PIPELINE]", value_parser = PipelineAddress::value_parser())]
    pub(crate) pipeline: PipelineAddress,
    #[command(flatten)]
    pub(crate) plugins: PluginsDirectoryArgs,
    #[command(flatten)]
    pub(crate) run_config: RunConfigArgs,
    /// How many steps run at once, at most [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub(crate) jobs: Option<NonZeroU32>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    /// The run's id [default: a new one]
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) grants: GrantArgs,
}

fn jobs(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "it is a whole number from 1")
}

/// Check a pipeline and show its steps, without running it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold plan pipeline.star
  fanfold plan pipeline.star --format mermaid")]
pub(crate) struct PlanArgs {
    /// The pipeline file, and which of its pipelines if it has several
    #[arg(value_name = "FILE[:PIPELINE]", value_parser = PipelineAddress::value_parser())]
    pub(crate) pipeline: PipelineAddress,
    #[command(flatten)]
    pub(crate) plugins: PluginsDirectoryArgs,
    #[command(flatten)]
    pub(crate) run_config: RunConfigArgs,
    /// How the plan is printed
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "text|json|dot|mermaid"
    )]
    pub(crate) format: PlanFormat,
}

/// Take up a run that was canceled or interrupted
#[derive(Debug, Args)]
#[command(after_help = "\
The plan is the one that was recorded. Steps that were recorded do not run again. What was granted with the run is
granted again.

Examples:
  fanfold resume k3f9")]
pub(crate) struct ResumeArgs {
    /// The run's id
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) plugins: PluginsDirectoryArgs,
    /// How many steps run at once, at most [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub(crate) jobs: Option<NonZeroU32>,
    /// Go on although a plugin or the pipeline's file is not what it was when the run began
    #[arg(long)]
    pub(crate) allow_changed: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Cancel a run that another process drives, or one running step of it
#[derive(Debug, Args)]
#[command(after_help = "\
A canceled run can be resumed. What reads a canceled step does not run; the rest of the run goes on.

Examples:
  fanfold cancel k3f9
  fanfold cancel k3f9 'process_file[sample_a]'")]
pub(crate) struct CancelArgs {
    /// The run's id
    pub(crate) run: String,
    /// One step of it, by its key
    pub(crate) step: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Run a recorded run again, as a new run
#[derive(Debug, Args)]
#[command(after_help = "\
The plan is the one that was recorded. Without --from-failure and --select all of it runs.
Else the new run takes the other steps from the recorded one, with what they emitted.

A PATTERN is a step: `name` with all its clones, `name[key]`, `name[*]`, `name[outer][inner]`.
What is around it adds steps:
  +name  ++name  *name   also what it reads; what that reads, too; all that it depends on
  name+  name++  name*   also what reads it; what reads that, too; all that depends on it

What was granted with the recorded run is granted again.

Examples:
  fanfold retry k3f9 --from-failure
  fanfold retry k3f9 --select 'process_file[a]*'
  fanfold retry k3f9 --select 'process_file[a]' 'process_file[b]' summarize_directory")]
pub(crate) struct RetryArgs {
    /// The recorded run's id
    pub(crate) run: String,
    /// Run what did not succeed, and what reads something else than it did
    #[arg(long, conflicts_with = "select")]
    pub(crate) from_failure: bool,
    /// Run these steps
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    pub(crate) select: Vec<String>,
    #[command(flatten)]
    pub(crate) plugins: PluginsDirectoryArgs,
    /// How many steps run at once, at most [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub(crate) jobs: Option<NonZeroU32>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    /// The new run's id [default: a new one]
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) grants: GrantArgs,
}

/// Print a run's event log
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold events k3f9
  fanfold events k3f9 --follow --format json
  fanfold events k3f9 --after 4999 --limit 1000")]
pub(crate) struct EventsArgs {
    /// The run's id
    pub(crate) run: String,
    /// Go on while some process drives the run
    #[arg(long)]
    pub(crate) follow: bool,
    /// Begin after the event with this number, its `seq`
    #[arg(long, value_name = "SEQ")]
    pub(crate) after: Option<u64>,
    /// Print so many events at most
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// How events are printed: one JSON object for each
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Print what a run's steps have written: log messages, standard output and standard error
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold logs k3f9
  fanfold logs k3f9 'process_file[a]' --follow")]
pub(crate) struct LogsArgs {
    /// The run's id
    pub(crate) run: String,
    /// One step, or a solid for all steps of it [default: all]
    pub(crate) step: Option<String>,
    /// Go on while some process drives the run
    #[arg(long)]
    pub(crate) follow: bool,
    /// How messages are printed: one JSON object for each
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Remove what no run needs from the store
#[derive(Debug, Args)]
#[command(after_help = "\
That is little: `fanfold runs rm` removes what only its run needed. It is what interrupted processes have left.
Runs may go on meanwhile.

Examples:
  fanfold gc --dry-run")]
pub(crate) struct GcArgs {
    /// Only tell what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Print what a run's steps have emitted
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold outputs k3f9
  fanfold outputs k3f9 'process_file[a]' --format json")]
pub(crate) struct OutputsArgs {
    /// The run's id
    pub(crate) run: String,
    /// One step, or a solid for all steps of it [default: all]
    pub(crate) step: Option<String>,
    /// How the outputs are printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// List the assets that runs have made, or the partitions of one
#[derive(Debug, Args)]
#[command(after_help = "\
An asset is named by its key, the parts joined by slashes. Shown is what was made last, and by which run and step.

Examples:
  fanfold assets
  fanfold assets sales/daily --format json")]
pub(crate) struct AssetsArgs {
    /// One asset, with its partitions [default: all assets]
    pub(crate) asset: Option<String>,
    /// How the assets are printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Compile plugins into the plugins directory
#[derive(Debug, Args)]
#[command(after_help = "\
Without DIR: every plugin with a `source` in fanfold.toml; if there is none, every plugin crate in `plugins`.
What the toolchain for WebAssembly lacks is installed by rustup or, as root on Debian, by apt-get.
With CARGO_NET_OFFLINE=true in the environment, crates are not downloaded.

Examples:
  fanfold build
  fanfold build plugins/files --no-install
  fanfold build plugins --out dist --format json")]
pub(crate) struct BuildArgs {
    /// A plugin's crate, or a directory with some
    #[arg(value_name = "DIR")]
    pub(crate) directories: Vec<PathBuf>,
    /// Where the plugins go [default: `.fanfold/plugins` beside fanfold.toml]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Use the toolchains that are there, and install nothing
    #[arg(long)]
    pub(crate) no_install: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
}

/// Make a project: a pipeline and a plugin with its test
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold new digest && cd digest && fanfold run pipeline.star")]
pub(crate) struct NewArgs {
    /// The project's name: its directory's, its plugin's and its crate's
    pub(crate) name: String,
    /// The language of the plugin
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "rust")]
    pub(crate) lang: Language,
}

/// What a new plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Language {
    /// Rust
    #[default]
    Rust,
}

/// Tell what is here for compiling and running plugins, and what is missing
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 0 if plugins can be compiled and run as things are, else with 1. Changes nothing.

Examples:
  fanfold doctor
  fanfold doctor --format json")]
pub(crate) struct DoctorArgs {
    /// How the report is printed
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanfold completions bash > /etc/bash_completion.d/fanfold
  fanfold completions zsh > ~/.zfunc/_fanfold
  fanfold completions fish > ~/.config/fish/completions/fanfold.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_ends_its_help_with_examples() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  fanfold "), "{}", command.get_name());
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
