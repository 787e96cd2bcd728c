//! Evaluating a pipeline file.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::parent::{Death, ask};
use super::{Allowance, Work};
use crate::diagnostic::Diagnostic;
use crate::pipeline_file::{KnownSolids, PipelineFile, evaluate};

const ALLOWANCE: Allowance =
    Allowance { memory_bytes: 1 << 30, processor_time: Duration::from_secs(5), answer_bytes: 256 << 20 };

#[derive(Serialize, Deserialize)]
struct Request {
    /// How messages name the file.
    file: String,
    text: String,
    known: KnownSolids,
}

type Answer = Result<PipelineFile, Diagnostic>;

/// Evaluates a pipeline file in a child. `executable` is a program that calls [`child_main`](super::child_main) first
/// thing; `file` is how messages name the file.
pub fn evaluate_pipeline_file(
    executable: &Path,
    file: &str,
    text: String,
    known: KnownSolids,
) -> Result<PipelineFile, Diagnostic> {
    let request = Request { file: file.to_owned(), text, known };
    let answered = serde_json::to_vec(&request).map_err(|error| Death::Start(error.into()));
    let answered = answered.and_then(|request| ask(executable, Work::PipelineFile, ALLOWANCE, &[&request]));
    let answer = answered.and_then(|answer| {
        serde_json::from_slice::<Answer>(&answer).map_err(|error| Death::Start(io::Error::other(error)))
    });
    answer.unwrap_or_else(|death| {
        let hint = "a pipeline file describes a pipeline; leave computing to solids".to_owned();
        Err(Diagnostic::new(format!("`{file}` {death}")).hint(hint))
    })
}

/// The child's part.
pub(super) fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let Request { file, text, known } = serde_json::from_slice(request).ok()?;
    serde_json::to_vec(&evaluate(&file, &text, known)).ok()
}
