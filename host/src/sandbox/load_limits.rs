//! What loading one plugin may take: its file, its compilation, and its account of itself.

use std::time::Duration;

use super::inspect::Inspection;
use super::refusal::Refusal;

/// What loading one plugin may take. Each limit has a refusal of its own; none harms another plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadLimits {
    /// Bytes of the component's file. Language runtimes reach 40 MB.
    pub component_bytes: u64,
    /// Core modules in the component, nested ones included.
    pub modules: usize,
    /// Bytes of one function. Compiling is quadratic in places: 479 KiB were seen to take 95 seconds. The largest
    /// function of a Python interpreter has about 70 KiB.
    pub function_bytes: u64,
    /// Address space of the process that compiles it, in bytes.
    pub compile_memory_bytes: u64,
    /// Processor time of the process that compiles it; whole seconds count.
    pub compile_time: Duration,
    /// Real time that `describe` takes, instantiating included.
    pub describe_time: Duration,
    /// Linear memory that `describe` takes, in bytes: what an interpreter needs to start.
    pub describe_memory_bytes: u64,
    /// Solids that it describes.
    pub solids: usize,
    /// Bytes of all that it says of them.
    pub definition_bytes: u64,
}

impl Default for LoadLimits {
    fn default() -> Self {
        Self {
            component_bytes: 128 << 20,
            modules: 256,
            function_bytes: 512 << 10,
            compile_memory_bytes: 4 << 30,
            compile_time: Duration::from_mins(2),
            describe_time: Duration::from_secs(10),
            describe_memory_bytes: 128 << 20,
            solids: 1000,
            definition_bytes: 2 << 20,
        }
    }
}

impl LoadLimits {
    /// Refuses a file of so many bytes, before anything of it is read.
    pub(super) fn admit_file(&self, bytes: u64) -> Result<(), Refusal> {
        if bytes > self.component_bytes {
            return Err(Refusal::TooLarge { bytes, limit: self.component_bytes });
        }
        Ok(())
    }

    /// Refuses what would take too much to compile, as far as its outside tells.
    pub(super) fn admit(&self, found: &Inspection) -> Result<(), Refusal> {
        if found.modules > self.modules {
            return Err(Refusal::TooManyModules { modules: found.modules, limit: self.modules });
        }
        if found.largest_function_bytes > self.function_bytes {
            let (bytes, limit) = (found.largest_function_bytes, self.function_bytes);
            return Err(Refusal::FunctionTooLarge { bytes, limit });
        }
        Ok(())
    }
}
