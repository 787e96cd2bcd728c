//! Work on what strangers wrote that could take the process with it: done in a child process under the system's limits.
//!
//! The host executes itself again with `FLAG` as its first argument. The child limits itself before it reads anything, takes
//! one job from standard input, and answers on standard output. Whatever becomes of it, the parent gets an answer or
//! a [`Death`].

mod child;
mod parent;

use serde::{Deserialize, Serialize};

pub use child::child_main;
pub use parent::{Death, evaluate_pipeline_file};

use crate::diagnostic::Diagnostic;
use crate::pipeline_file::{KnownSolids, PipelineFile};

/// The first argument of a confined child.
const FLAG: &str = "--fanfold-confined-child";
/// Address space of a child, in bytes: the program itself takes about a tenth of it.
const MEMORY_BYTES: u64 = 1 << 30;
/// Processor time of a child, in seconds.
const CPU_SECONDS: u64 = 5;

/// What a child is to do: evaluate a pipeline file.
#[derive(Serialize, Deserialize)]
struct Job {
    /// How messages name the file.
    file: String,
    text: String,
    known: KnownSolids,
}

/// What came of it.
type Answer = Result<PipelineFile, Diagnostic>;
