//! The child's side.

use std::io::{Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{Answer, CPU_SECONDS, FLAG, Job, MEMORY_BYTES};
use crate::pipeline_file::evaluate;

/// The stack that the job has, in bytes: a parser recurses into nested brackets, and the bounds on them are not its own.
const STACK_BYTES: usize = 128 << 20;

/// Does a confined child's work, if this process is one; to be called before anything else in `main`.
pub fn child_main() -> Option<ExitCode> {
    if std::env::args_os().nth(1)? != FLAG {
        return None;
    }
    // What a child has to say of its death is in how it died.
    std::panic::set_hook(Box::new(|_| {}));
    Some(if limit_self().is_some() && work().is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn limit_self() -> Option<()> {
    let limits = [
        (Resource::As, MEMORY_BYTES),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 16),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) }).ok()?;
    }
    Some(())
}

fn work() -> Option<()> {
    let mut request = Vec::new();
    std::io::stdin().lock().read_to_end(&mut request).ok()?;
    let Job { file, text, known } = serde_json::from_slice(&request).ok()?;
    let job = move || evaluate(&file, &text, known);
    let answer: Answer = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(job).ok()?.join().ok()?;
    let answer = serde_json::to_vec(&answer).ok()?;
    std::io::stdout().lock().write_all(&answer).ok()
}
