//! One file per verb. A verb reads its arguments, lets the library do the work, and prints what came of it: data on
//! standard output, everything else on standard error.

mod assets;
mod build;
mod cancel;
mod ceilings;
mod completions;
mod composition;
mod continuation;
mod doctor;
mod drive;
mod events;
mod failure;
mod freshness;
mod garbage;
mod grants;
mod hooks;
mod loaded;
mod logs;
mod new;
mod outputs;
mod plan;
mod plugin_crates;
mod plugins;
mod project;
mod recorded;
mod resume;
mod retry;
mod run;
mod runs;
mod sandbox;
mod signals;
mod summary;
pub(crate) mod terminal;

pub(crate) use failure::{Exit, Failure, Outcome};

use crate::cli::Command;

/// Does what the command line says.
pub(crate) fn execute(command: Command) -> Outcome {
    match command {
        Command::Run(args) => run::execute(&args),
        Command::Plan(args) => plan::execute(&args),
        Command::Resume(args) => resume::execute(&args),
        Command::Cancel(args) => cancel::execute(&args),
        Command::Retry(args) => retry::execute(&args),
        Command::Outputs(args) => outputs::execute(&args),
        Command::Events(args) => events::execute(&args),
        Command::Logs(args) => logs::execute(&args),
        Command::Gc(args) => garbage::execute(&args),
        Command::Assets(args) => assets::execute(&args),
        Command::Runs(args) => runs::execute(&args.verb),
        Command::Build(args) => build::execute(&args),
        Command::New(args) => new::execute(&args),
        Command::Doctor(args) => doctor::execute(&args),
        Command::Plugins(args) => plugins::execute(&args.verb),
        Command::Completions(args) => completions::execute(&args),
    }
}
