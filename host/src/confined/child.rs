//! The child's side.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{FLAG, Work, component, pipeline_file};

/// The stack that the work has, in bytes: a parser recurses into nested brackets, and the bounds on them are not its own.
const STACK_BYTES: usize = 128 << 20;
/// Standard input, output and error: with these open, nothing else can be.
const OPEN_FILES: u64 = 3;

/// Does a confined child's work, if this process is one; to be called before anything else in `main`.
pub fn child_main() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != FLAG {
        return None;
    }
    // What a child has to say of its death is in how it died.
    std::panic::set_hook(Box::new(|_| {}));
    Some(if confined(arguments).is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the arguments that follow the flag, limits this process, and does the work.
fn confined(mut arguments: impl Iterator<Item = OsString>) -> Option<()> {
    let kind = arguments.next()?;
    let kind = Work::ALL.into_iter().find(|it| OsStr::new(it.as_str()) == kind)?;
    let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
    limit_self(number()?, number()?)?;
    let mut request = Vec::new();
    std::io::stdin().lock().read_to_end(&mut request).ok()?;
    let work = move || match kind {
        Work::PipelineFile => pipeline_file::answer(&request),
        Work::Component => component::answer(&request),
    };
    let answer = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).ok()?.join().ok()??;
    std::io::stdout().lock().write_all(&answer).ok()
}

fn limit_self(memory_bytes: u64, processor_seconds: u64) -> Option<()> {
    let limits = [
        (Resource::As, memory_bytes),
        (Resource::Cpu, processor_seconds),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, OPEN_FILES),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) }).ok()?;
    }
    Some(())
}
