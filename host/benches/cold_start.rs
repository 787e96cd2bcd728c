//! Whole processes of the program, from their start to their end: `cargo bench -p fanfold --bench cold_start`.
//!
//! Its plugin was compiled before. One round after the other starts each command once, and next to them a program that does
//! nothing: what the system itself takes for a process.

#[path = "rig/component.rs"]
mod component;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use component::component;

const ROUNDS: usize = 50;

const PIPELINE: &str =
    "load(\"plugin:numbers\", \"num_range\")\npipeline(lambda: num_range(), name = \"one\")\n";

fn main() {
    let place = tempfile::tempdir().unwrap();
    let plugins = place.path().join(".fanfold/plugins");
    fs::create_dir_all(&plugins).unwrap();
    fs::write(plugins.join("numbers.wasm"), component("numbers")).unwrap();
    fs::write(place.path().join("one.star"), PIPELINE).unwrap();
    let commands: [&[&str]; 5] = [
        &["/bin/true"],
        &[env!("CARGO_BIN_EXE_fanfold"), "--help"],
        &[env!("CARGO_BIN_EXE_fanfold"), "plan", "one.star"],
        &[env!("CARGO_BIN_EXE_fanfold"), "run", "one.star", "--store", "memory"],
        &[env!("CARGO_BIN_EXE_fanfold"), "run", "one.star"],
    ];
    let first = timed(place.path(), commands[4]);
    let mut took = commands.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (command, took) in commands.iter().zip(&mut took) {
            took.push(timed(place.path(), command));
        }
    }
    let medians = took.map(|mut took| {
        took.sort_unstable();
        milliseconds(took[ROUNDS / 2])
    });
    println!("milliseconds of a whole process, median of {ROUNDS}, and against a process that does nothing");
    for (command, median) in commands.iter().zip(medians) {
        let program = command[0].rsplit('/').next().unwrap();
        let name = [&[program], &command[1..]].concat().join(" ");
        println!("{name:36} {median:8.2} {:6.1}x", median / medians[0]);
    }
    println!("{:36} {:8.2}", "the first run: the plugin is compiled", milliseconds(first));
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// How long a command takes, which has to succeed.
fn timed(directory: &Path, command: &[&str]) -> Duration {
    let begun = Instant::now();
    let ended = Command::new(command[0])
        .args(&command[1..])
        .current_dir(directory)
        .env("FANFOLD_CACHE", directory.join("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(ended.unwrap().success(), "{command:?}");
    begun.elapsed()
}
