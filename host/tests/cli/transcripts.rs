//! Transcripts: files with commands and what they print. Every `$ command` is run by a shell, all commands of a file in
//! one new directory, and everything that comes of it must be in the file: standard output and error in order, and the
//! exit code unless it is 0.
//!
//! `BLESS=1 cargo test --test cli` writes the files anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::environment::{Ended, FANFOLD, run};

#[test]
fn help() {
    check("help");
}

#[test]
fn wrong_command_lines() {
    check("command_line");
}

#[test]
fn new_projects() {
    check("new");
}

#[test]
fn what_cannot_be_built() {
    check("build");
}

#[test]
fn plugins_of_a_directory() {
    check("plugins");
}

#[test]
fn output_that_nobody_reads() {
    check("output");
}

#[track_caller]
fn check(name: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/cli/transcripts", name].iter().collect();
    let path = path.with_extension("txt");
    let wanted = std::fs::read_to_string(&path).expect("the transcript is there");
    let found = played(&wanted);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).expect("the transcript can be written");
        return;
    }
    assert!(wanted == found, "{} is, but should be:\n{found}", path.display());
}

/// The transcript with what its commands print today.
fn played(transcript: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let mut played = String::new();
    for command in transcript.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let Ended { stdout, code, .. } = shell(directory.path(), command);
        let stdout = stdout.replace(&directory.path().display().to_string(), "[directory]");
        let separator = if played.is_empty() { "" } else { "\n" };
        _ = write!(played, "{separator}$ {command}\n{stdout}");
        if code != Some(0) {
            let code = code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
            _ = writeln!(played, "[exit code: {code}]");
        }
    }
    played
}

/// Runs a command where nothing of this machine but the system's own programs can be seen.
fn shell(directory: &Path, command: &str) -> Ended {
    let binaries = Path::new(FANFOLD).parent().expect("it is in a directory");
    let mut shell = Command::new("/bin/bash");
    shell
        .args(["-o", "pipefail", "-c", &format!("exec 2>&1\n{command}")])
        .current_dir(directory)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", binaries.display()))
        .env("HOME", directory.join("home"));
    run(&mut shell)
}
