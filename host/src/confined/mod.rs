//! Work on what strangers wrote that could take the process with it: done in a child process under the system's limits.
//!
//! The host executes itself again with `FLAG` as its first argument, followed by the kind of work and what it may use.
//! The child limits itself before it reads anything, takes one request from standard input, and answers on standard
//! output; it can open no file and no socket. Whatever becomes of it, the parent gets an answer or a [`Death`].

mod child;
mod component;
mod parent;
mod pipeline_file;

pub use child::child_main;
pub(crate) use component::{NotCompiled, compile_component};
pub use parent::Death;
pub use pipeline_file::evaluate_pipeline_file;

use std::time::Duration;

/// The first argument of a confined child.
const FLAG: &str = "--fanfold-confined-child";

/// The kinds of work, by the names that children get as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Evaluate a pipeline file.
    PipelineFile,
    /// Compile a component.
    Component,
}

impl Work {
    const ALL: [Self; 2] = [Self::PipelineFile, Self::Component];

    fn as_str(self) -> &'static str {
        match self {
            Self::PipelineFile => "pipeline-file",
            Self::Component => "component",
        }
    }
}

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Allowance {
    /// Address space in bytes. The program itself takes up to 300 MiB of it.
    memory_bytes: u64,
    /// Processor time, all threads together; whole seconds count.
    processor_time: Duration,
    /// The most bytes of an answer.
    answer_bytes: u64,
}

impl Allowance {
    /// A child that has not answered by then is killed: it waits for something, or the machine is overloaded.
    fn wall(&self) -> Duration {
        self.processor_time.saturating_mul(4).max(Duration::from_mins(1))
    }

    /// Processor time in seconds, as the system counts it: at least one.
    fn processor_seconds(&self) -> u64 {
        self.processor_time.as_secs().max(1)
    }
}
