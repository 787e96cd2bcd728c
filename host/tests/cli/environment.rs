//! Runs the real binary.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary under test.
pub(crate) const FANFOLD: &str = env!("CARGO_BIN_EXE_fanfold");

/// What a command printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// Runs a command to its end, without input.
pub(crate) fn run(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("it can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
    Ended { stdout: text(stdout), stderr: text(stderr), code: status.code() }
}

/// `fanfold` in a directory, in the environment of these tests but for its cache of compiled plugins.
pub(crate) fn fanfold(directory: &Path, args: &[&str]) -> Ended {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fanfold-cache");
    let mut command = Command::new(FANFOLD);
    command.current_dir(directory).args(args).env("FANFOLD_CACHE", cache).env_remove("RUST_BACKTRACE");
    run(&mut command)
}
