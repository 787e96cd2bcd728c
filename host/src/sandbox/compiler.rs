//! Where plugins are compiled.

use std::path::PathBuf;

use super::engine::{Engine, compile};
use super::load_limits::LoadLimits;
use super::refusal::Refusal;
use crate::confined::{Death, NotCompiled, compile_component};

/// Where plugins are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// In this process, which some components take minutes and all the memory of: only for trusted ones.
    Here,
    /// In a confined child process for each. This program calls [`child_main`](crate::confined::child_main) first thing.
    Child(PathBuf),
}

impl Compiler {
    /// The machine code of a component.
    pub(super) fn compile(
        &self,
        engine: &Engine,
        limits: &LoadLimits,
        wasm: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let executable = match self {
            Self::Here => return compile(engine.counts_fuel(), wasm).map_err(Refusal::Unloadable),
            Self::Child(executable) => executable,
        };
        let (memory, time) = (limits.compile_memory_bytes, limits.compile_time);
        compile_component(executable, engine.counts_fuel(), wasm, memory, time).map_err(|error| match error {
            NotCompiled::Refused(problem) => Refusal::Unloadable(problem),
            NotCompiled::Died(Death::Memory(limit)) => Refusal::CompileOutOfMemory { limit },
            NotCompiled::Died(Death::Time(limit) | Death::Wall(limit)) => {
                Refusal::CompileTimedOut { seconds: limit.as_secs() }
            }
            NotCompiled::Died(Death::Start(error)) => Refusal::NoCompiler(error.to_string()),
        })
    }
}
