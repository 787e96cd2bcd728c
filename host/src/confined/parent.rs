//! The parent's side.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Answer, CPU_SECONDS, FLAG, Job, MEMORY_BYTES};
use crate::diagnostic::Diagnostic;
use crate::pipeline_file::{KnownSolids, PipelineFile};

/// A child that has not answered by then is killed: it waits for something, or the machine is overloaded.
const WALL: Duration = Duration::from_mins(1);
/// An answer has at most so many bytes.
const MAX_ANSWER_BYTES: u64 = 256 << 20;

/// Why a child did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Death {
    /// It used up its processor time.
    #[error("took more than {CPU_SECONDS} s of processor time")]
    Time,
    /// It ran out of memory or stack, or its answer is too large.
    #[error("needed more than {} MiB of memory, or was nested too deep", MEMORY_BYTES >> 20)]
    Memory,
    /// It did not answer in time.
    #[error("took longer than {} s", WALL.as_secs())]
    Wall,
    /// It could not be started or talked to.
    #[error("could not be looked at in a process of its own: {0}")]
    Start(#[from] io::Error),
}

/// Evaluates a pipeline file in a child. `executable` is a program that calls [`child_main`](super::child_main) first
/// thing; `file` is how messages name the file.
pub fn evaluate_pipeline_file(
    executable: &Path,
    file: &str,
    text: String,
    known: KnownSolids,
) -> Result<PipelineFile, Diagnostic> {
    let job = Job { file: file.to_owned(), text, known };
    let answered = serde_json::to_vec(&job).map_err(|error| Death::Start(error.into()));
    let answered = answered.and_then(|request| ask(executable, &request));
    let answer = answered.and_then(|answer| {
        serde_json::from_slice::<Answer>(&answer).map_err(|error| Death::Start(io::Error::other(error)))
    });
    answer.unwrap_or_else(|death| {
        let hint = "a pipeline file describes a pipeline; leave computing to solids".to_owned();
        Err(Diagnostic::new(format!("`{file}` {death}")).hint(hint))
    })
}

/// Starts a child, gives it the request, and returns its answer.
fn ask(executable: &Path, request: &[u8]) -> Result<Vec<u8>, Death> {
    let mut command = Command::new(executable);
    command.arg(FLAG).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let (answered, is_late) = std::thread::scope(|scope| {
        let (done, wait) = mpsc::channel::<()>();
        let pid = Pid::from_child(&child);
        let watch = scope.spawn(move || {
            let is_late = wait.recv_timeout(WALL) == Err(mpsc::RecvTimeoutError::Timeout);
            // It is not reaped yet, so the number is still its own.
            is_late && kill_process(pid, Signal::KILL).is_ok()
        });
        let answered = converse(&mut child, request);
        drop(done);
        (answered, watch.join().unwrap_or(false))
    });
    if answered.is_err() {
        // It may still be running: it is of no use any more.
        _ = child.kill();
    }
    let status = child.wait()?;
    match answered {
        _ if is_late => Err(Death::Wall),
        Ok(answer) if status.success() && answer.len() as u64 <= MAX_ANSWER_BYTES => Ok(answer),
        Err(error) if status.success() => Err(Death::Start(error)),
        _ => Err(death(status)),
    }
}

/// Writes the request, then reads the answer: the child reads all of the one before it writes any of the other.
fn converse(child: &mut Child, request: &[u8]) -> io::Result<Vec<u8>> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let gone = || io::Error::other("its pipes are gone");
    let mut stdin = stdin.ok_or_else(gone)?;
    stdin.write_all(request)?;
    drop(stdin);
    let mut answer = Vec::new();
    stdout.ok_or_else(gone)?.take(MAX_ANSWER_BYTES + 1).read_to_end(&mut answer)?;
    Ok(answer)
}

fn death(status: ExitStatus) -> Death {
    const OUT_OF_TIME: [i32; 2] = [Signal::XCPU.as_raw(), Signal::KILL.as_raw()];
    match status.signal() {
        Some(signal) if OUT_OF_TIME.contains(&signal) => Death::Time,
        _ => Death::Memory,
    }
}
