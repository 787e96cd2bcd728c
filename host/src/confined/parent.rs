//! The parent's side.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Allowance, FLAG, Work};

/// Why a child did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Death {
    /// It used up its processor time.
    #[error("took more than {} s of processor time", .0.as_secs())]
    Time(Duration),
    /// It ran out of memory or stack, or its answer is too large.
    #[error("needed more than {} MiB of memory, or was nested too deep", .0 >> 20)]
    Memory(u64),
    /// It did not answer in time.
    #[error("took longer than {} s", .0.as_secs())]
    Wall(Duration),
    /// It could not be started or talked to.
    #[error("could not be looked at in a process of its own: {0}")]
    Start(#[from] io::Error),
}

/// Starts a child, gives it the request's parts, and returns its answer.
pub(super) fn ask(
    executable: &Path,
    work: Work,
    allowance: Allowance,
    request: &[&[u8]],
) -> Result<Vec<u8>, Death> {
    let numbers = [allowance.memory_bytes, allowance.processor_seconds()].map(|number| number.to_string());
    let mut command = Command::new(executable);
    command.args([FLAG, work.as_str()]).args(numbers).env_clear();
    // In KiB. What the allocator reserves counts as used, and by itself it reserves all that the child may have.
    command.env("MIMALLOC_ARENA_RESERVE", "16384");
    // A large page takes longer to clear than most children live.
    command.env("MIMALLOC_ALLOW_THP", "0");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (answered, is_late) = std::thread::scope(|scope| {
        let (done, wait) = mpsc::channel::<()>();
        let pid = Pid::from_child(&child);
        let watch = scope.spawn(move || {
            let is_late = wait.recv_timeout(allowance.wall()) == Err(mpsc::RecvTimeoutError::Timeout);
            // It is not reaped yet, so the number is still its own.
            is_late && kill_process(pid, Signal::KILL).is_ok()
        });
        let answered = converse(&mut child, request, allowance.answer_bytes);
        drop(done);
        (answered, watch.join().unwrap_or(false))
    });
    if answered.is_err() {
        // It may still be running: it is of no use any more.
        _ = child.kill();
    }
    let status = child.wait()?;
    match answered {
        _ if is_late => Err(Death::Wall(allowance.wall())),
        Ok(answer) if status.success() && answer.len() as u64 <= allowance.answer_bytes => Ok(answer),
        Err(error) if status.success() => Err(Death::Start(error)),
        _ => Err(death(status, allowance)),
    }
}

/// Writes the request, then reads the answer: the child reads all of the one before it writes any of the other.
fn converse(child: &mut Child, request: &[&[u8]], answer_bytes: u64) -> io::Result<Vec<u8>> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let gone = || io::Error::other("its pipes are gone");
    let mut stdin = stdin.ok_or_else(gone)?;
    request.iter().try_for_each(|part| stdin.write_all(part))?;
    drop(stdin);
    let mut answer = Vec::new();
    stdout.ok_or_else(gone)?.take(answer_bytes + 1).read_to_end(&mut answer)?;
    Ok(answer)
}

fn death(status: ExitStatus, allowance: Allowance) -> Death {
    const OUT_OF_TIME: [i32; 2] = [Signal::XCPU.as_raw(), Signal::KILL.as_raw()];
    match status.signal() {
        Some(signal) if OUT_OF_TIME.contains(&signal) => Death::Time(allowance.processor_time),
        _ => Death::Memory(allowance.memory_bytes),
    }
}
