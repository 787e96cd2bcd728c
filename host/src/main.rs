//! The command `fanfold`: parse, command, print error, exit code.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod commands;
mod project_template;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// Workers free what others have allocated, some hundred times a step. The system's allocator makes them wait for each other
/// then: with it, a step of two workers costs a quarter more.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    if let Some(exit) = fanfold::confined::child_main() {
        return exit;
    }
    commands::terminal::report_bugs();
    let cli = cli::Cli::parse();
    match commands::execute(cli.command) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            for diagnostic in &failure.diagnostics {
                commands::terminal::tell(&diagnostic.to_string());
            }
            failure.exit.into()
        }
    }
}
