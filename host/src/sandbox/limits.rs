//! What one step may use, and the counter that holds it to that.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use super::failure::{FailureKind, StepFailure};
use super::load_limits::LoadLimits;
use crate::diagnostic::bytes_text;

/// What one step may use. Each limit has a failure kind of its own; none of them harms a sibling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, all memories of the step together. At most 4 GiB, which is what 32-bit code can name.
    pub memory_bytes: u64,
    /// Real time from start to end, sleeping included.
    pub wall: Duration,
    /// Units of work, about one for each WebAssembly instruction; the same for every execution of the same work. Needs
    /// [`EngineOptions::count_fuel`](super::EngineOptions::count_fuel). None is no limit.
    pub fuel: Option<u64>,
    /// Bytes of one emitted value; a blob's content does not count. Checking a value against its schema takes
    /// some ten times as much memory for a moment, and up to a hundred times where it consists of the smallest objects.
    pub value_bytes: u64,
    /// Bytes of all values emitted in the step.
    pub output_bytes: u64,
    /// Mapping keys emitted in the step, all dynamic outputs together.
    pub keys: u64,
    /// Bytes written to blobs in the step.
    pub blob_bytes: u64,
    /// Bytes of log lines, standard output and standard error included.
    pub log_bytes: u64,
    /// Bytes of metadata, that of outputs and of events together.
    pub metadata_bytes: u64,
    /// Bytes of the responses to requests that the step sends.
    pub response_bytes: u64,
    /// Elements of one table. At most [`MAX_TABLE_ELEMENTS`].
    pub table_elements: usize,
    /// Core instances: one for each linked module. At most [`MAX_INSTANCES`].
    pub instances: usize,
    /// Linear memories. At most [`MAX_MEMORIES`].
    pub memories: usize,
    /// Tables. At most [`MAX_TABLES`].
    pub tables: usize,
    /// Resources that the step holds open at once: collections, blobs, files.
    pub handles: usize,
}

/// Elements that a table slot of the pool has room for: twice what large language runtimes were seen to use.
pub const MAX_TABLE_ELEMENTS: usize = 50_000;
/// Core instances that the pool has room for, per step: Python's runtime links about twenty modules.
pub const MAX_INSTANCES: usize = 64;
/// Memories that the pool has room for, per step.
pub const MAX_MEMORIES: usize = 4;
/// Tables that the pool has room for, per step.
pub const MAX_TABLES: usize = 16;

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            wall: Duration::from_mins(5),
            fuel: None,
            value_bytes: 4 << 20,
            output_bytes: 1 << 30,
            keys: 1_000_000,
            blob_bytes: 16 << 30,
            log_bytes: 8 << 20,
            metadata_bytes: 64 << 20,
            response_bytes: 64 << 20,
            table_elements: MAX_TABLE_ELEMENTS,
            instances: MAX_INSTANCES,
            memories: MAX_MEMORIES,
            tables: MAX_TABLES,
            handles: 1000,
        }
    }
}

impl Limits {
    /// What `describe` runs under: it only builds a list.
    pub(super) fn for_describe(loading: &LoadLimits) -> Self {
        Self {
            memory_bytes: loading.describe_memory_bytes,
            wall: loading.describe_time,
            fuel: None,
            value_bytes: loading.definition_bytes,
            output_bytes: 0,
            keys: 0,
            blob_bytes: 0,
            log_bytes: 64 << 10,
            metadata_bytes: 64 << 10,
            handles: 100,
            ..Self::default()
        }
    }

    /// Bytes that may cross from the guest in one call. Room beyond one value, so that a value somewhat too large is
    /// answered by name.
    pub(super) fn call_bytes(&self) -> usize {
        usize::try_from(self.value_bytes.saturating_mul(2).saturating_add(4 << 20)).unwrap_or(usize::MAX)
    }
}

/// Counts what a step's instances take, and remembers what was refused: the guest itself may hide it.
#[derive(Debug)]
pub(super) struct Limiter {
    memory_limit: u64,
    memory_bytes: u64,
    peak_memory_bytes: u64,
    table_elements: usize,
    instances: usize,
    tables: usize,
    memories: usize,
    /// Rare, and so not in here: every step has one of these.
    refused: Option<Box<StepFailure>>,
}

impl Limiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory_bytes,
            memory_bytes: 0,
            peak_memory_bytes: 0,
            // Beyond what the pool has room for, a guest would not learn why it cannot grow.
            table_elements: limits.table_elements.min(MAX_TABLE_ELEMENTS),
            instances: limits.instances.min(MAX_INSTANCES),
            tables: limits.tables.min(MAX_TABLES),
            memories: limits.memories.min(MAX_MEMORIES),
            refused: None,
        }
    }

    /// The first growth that was refused, if any: it explains why the guest gave up soon after.
    pub(super) fn take_refused(&mut self) -> Option<StepFailure> {
        self.refused.take().map(|refused| *refused)
    }

    /// The most memory that was in use, in bytes.
    pub(super) fn peak_memory_bytes(&self) -> u64 {
        self.peak_memory_bytes
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Growth past the memory's own maximum fails by itself and is the module's own affair.
        if maximum.is_some_and(|maximum| desired > maximum) && desired as u64 <= self.memory_limit {
            return Ok(true);
        }
        let wanted = self.memory_bytes.saturating_add((desired - current) as u64);
        if wanted > self.memory_limit {
            let message =
                format!("asked for {}, limit {}", bytes_text(wanted), bytes_text(self.memory_limit));
            let failure = StepFailure::limit(FailureKind::OutOfMemory, message, "memory");
            self.refused.get_or_insert(Box::new(failure));
            return Ok(false);
        }
        self.memory_bytes = wanted;
        self.peak_memory_bytes = self.peak_memory_bytes.max(wanted);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired <= self.table_elements {
            return Ok(true);
        }
        let message = format!("asked for a table of {desired} elements, limit {}", self.table_elements);
        let failure = StepFailure::limit(FailureKind::TableTooLarge, message, "table_elements");
        self.refused.get_or_insert(Box::new(failure));
        Ok(false)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}
