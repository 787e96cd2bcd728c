//! `fanfold completions`: what a shell needs to complete the command line.

use clap::CommandFactory;

use super::terminal;
use super::{Exit, Outcome};
use crate::cli::{Cli, CompletionsArgs};

pub(super) fn execute(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fanfold", &mut script);
    terminal::print_bytes(&script)?;
    Ok(Exit::Succeeded)
}
