//! The command `fanfold`: parse, command, print error, exit code.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod commands;
mod project_template;

use std::process::ExitCode;

use clap::Parser;

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
