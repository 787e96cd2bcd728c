//! Installs what is missing: the steps of a [`Choice`](super::choice::Choice) that change the machine.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::choice::DEBIAN_PACKAGES;
use super::environment::cleaned;
use super::facts::WasmTarget;

/// How long rustup may take: a download of 30 MB on a slow line. Where its server is out of reach it fails at once.
const RUSTUP_TIME: Duration = Duration::from_mins(1);
/// How long apt-get may take: downloads of 200 MB.
const APT_TIME: Duration = Duration::from_mins(10);
/// How often a running installation is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// Adds a target to a toolchain. True if that worked.
pub(super) fn rustup_target(rustup: &Path, toolchain: &str, target: WasmTarget) -> bool {
    let mut command = cleaned(Command::new(rustup));
    command.args(["target", "add", "--toolchain", toolchain, target.triple()]);
    run(command, RUSTUP_TIME).unwrap_or(false)
}

/// Installs Debian's packages. True if that worked.
pub(super) fn apt() -> bool {
    let mut command = cleaned(Command::new("apt-get"));
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.args(["install", "--yes", "--no-install-recommends"]).args(DEBIAN_PACKAGES);
    run(command, APT_TIME).unwrap_or(false)
}

/// Runs a command to its end, or kills it when its time is up.
fn run(mut command: Command, time: Duration) -> io::Result<bool> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let deadline = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_hangs_is_ended() {
        let mut hanging = Command::new("sleep");
        hanging.arg("1000");
        assert!(!run(hanging, Duration::ZERO).unwrap());
        assert!(run(Command::new("true"), Duration::from_mins(1)).unwrap());
        assert!(!run(Command::new("false"), Duration::from_mins(1)).unwrap());
    }
}
