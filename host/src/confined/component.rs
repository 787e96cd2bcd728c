//! Compiling a component.
//!
//! The request is a byte that says whether fuel is counted, then the component. The answer is a byte that says whether it
//! was compiled, then the machine code or a sentence about what is wrong.

use std::path::Path;
use std::time::Duration;

use super::parent::{Death, ask};
use super::{Allowance, Work};
use crate::sandbox::compile;

/// Machine code has at most so many bytes: a runtime of 40 MB becomes about 150 MB.
const CODE_BYTES: u64 = 512 << 20;

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCompiled {
    /// The compiler refused it.
    #[error("{0}")]
    Refused(String),
    /// The child did not survive it.
    #[error(transparent)]
    Died(#[from] Death),
}

/// Compiles a component in a child. `executable` is a program that calls [`child_main`](super::child_main) first thing.
pub(crate) fn compile_component(
    executable: &Path,
    count_fuel: bool,
    wasm: &[u8],
    memory_bytes: u64,
    processor_time: Duration,
) -> Result<Vec<u8>, NotCompiled> {
    let allowance = Allowance { memory_bytes, processor_time, answer_bytes: CODE_BYTES };
    let mut answer = ask(executable, Work::Component, allowance, &[&[u8::from(count_fuel)], wasm])?;
    match answer.first() {
        Some(1) => {
            answer.remove(0);
            Ok(answer)
        }
        Some(0) => Err(NotCompiled::Refused(String::from_utf8_lossy(&answer[1..]).into_owned())),
        _ => Err(Death::Start(std::io::Error::other("it did not answer")).into()),
    }
}

/// The child's part.
pub(super) fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let (count_fuel, wasm) = request.split_first()?;
    let (is_compiled, content) = match compile(*count_fuel != 0, wasm) {
        Ok(code) => (1, code),
        Err(problem) => (0, problem.into_bytes()),
    };
    Some([&[is_compiled], &content[..]].concat())
}
