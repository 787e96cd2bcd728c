//! The engine: once per process. Compiles plugins, and keeps the pool of slots that steps run in.

use std::hash::{Hash, Hasher};
use std::num::NonZero;
use std::sync::{Arc, OnceLock};

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::bindings::PluginWithAttempt;
use super::clock;
use super::code::Linked;
use super::instance::StepState;
use super::interrupt::TICK;
use super::limits::{MAX_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};
use super::memory_reset::MemoryReset;
use super::paths;

/// Stack of a guest unless something else is asked for, in bytes.
const DEFAULT_STACK_BYTES: usize = 512 << 10;
/// The most that may be asked for. A step's thread needs room for it, and 1.5 MiB for the host's functions on top.
pub const MAX_STACK_BYTES: usize = 2 << 20;
/// Memory and table bytes that a slot keeps between steps, so that the next one need not ask the system for them.
const MEMORY_KEEP_RESIDENT: usize = 4 << 20;
const TABLE_KEEP_RESIDENT: usize = 1 << 20;
/// Regions that the pool collects in a queue before the system clears them and their slots are given back, and the most
/// queues that it has: one for each processor.
const BATCH_REGIONS: usize = 16;
const MAX_QUEUES: usize = 16;
/// The most memory that a slot has room for: all that 32-bit code can name. [`Limits`](super::Limits) say how much
/// of it a step may use.
const MAX_MEMORY_BYTES: usize = 1 << 32;

/// What an [`Engine`] is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineOptions {
    /// Steps that run at once, at most; one more fails as `host-failed`. Each reserves about 16 GiB of address space
    /// and no memory, or 80 GiB where [everything](MemoryReset::Everything) is reset.
    pub concurrent_steps: u32,
    /// Count fuel, so that [`Limits::fuel`](super::Limits::fuel) works: code runs somewhat slower.
    pub count_fuel: bool,
    /// Stack of a guest in bytes, at most [`MAX_STACK_BYTES`]. Deeper recursion fails as `stack-overflow`.
    pub stack_bytes: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { concurrent_steps: 64, count_fuel: false, stack_bytes: DEFAULT_STACK_BYTES }
    }
}

/// Cheap to clone; all clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    shared: Ground,
    /// By lane: those of threads that run many steps. None inside: it could not be made.
    lanes: Vec<OnceLock<Option<Ground>>>,
    memory_reset: MemoryReset,
    options: EngineOptions,
}

/// What code runs on: a pool of slots, and the host's functions.
struct Ground {
    wasmtime: wasmtime::Engine,
    linker: Linker<StepState>,
}

/// The engine could not be made: the system gave no room, or no thread.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the sandbox: {0}")]
pub struct EngineError(String);

impl Engine {
    /// An engine with the memory reset that this system allows.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        Self::with_memory_reset(options, MemoryReset::detect())
    }

    /// An engine with a memory reset of the caller's choice.
    pub fn with_memory_reset(options: EngineOptions, memory_reset: MemoryReset) -> Result<Self, EngineError> {
        let shared = Ground::new(options, memory_reset).map_err(|error| EngineError(format!("{error:#}")))?;
        let lanes = (0..options.concurrent_steps).map(|_| OnceLock::new()).collect();
        let inner = Arc::new(Inner { shared, lanes, memory_reset, options });
        start_ticker(&inner).map_err(|error| EngineError(error.to_string()))?;
        Ok(Self(inner))
    }

    /// How slots are reset between steps.
    pub fn memory_reset(&self) -> MemoryReset {
        self.0.memory_reset
    }

    /// What the engine was made for.
    pub fn options(&self) -> EngineOptions {
        self.0.options
    }

    pub(super) fn counts_fuel(&self) -> bool {
        self.0.options.count_fuel
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.shared.wasmtime
    }

    /// How many threads can have code of their own.
    pub(super) fn lanes(&self) -> usize {
        self.0.lanes.len()
    }

    /// Everything that compiled code depends on besides the plugin: version, settings, processor.
    pub(super) fn compatibility(&self) -> blake3::Hash {
        struct Blake3Hasher(blake3::Hasher);
        impl Hasher for Blake3Hasher {
            fn write(&mut self, bytes: &[u8]) {
                self.0.update(bytes);
            }
            fn finish(&self) -> u64 {
                unreachable!("only the whole digest is read")
            }
        }
        let mut hasher = Blake3Hasher(blake3::Hasher::new());
        self.wasmtime().precompile_compatibility_hash().hash(&mut hasher);
        hasher.0.finalize()
    }

    /// Connects a component with the host's functions, so that instantiating it is all that is left for each step.
    pub(super) fn link(&self, component: &Component) -> wasmtime::Result<Linked> {
        self.0.shared.link(component)
    }

    /// Connects a copy of a component's machine code with the host's functions, to run on one lane; none if there is no
    /// room for another pool of slots.
    #[expect(unsafe_code, reason = "loading machine code trusts it by nature")]
    pub(super) fn link_copy(&self, lane: usize, component: &Component) -> Option<Linked> {
        let Inner { lanes, memory_reset, options, .. } = &*self.0;
        let options = EngineOptions { concurrent_steps: 1, ..*options };
        let ground = lanes.get(lane)?.get_or_init(|| Ground::new(options, *memory_reset).ok()).as_ref()?;
        // SAFETY: the machine code is that of a component which is loaded already, for an engine with the same settings.
        let copy = unsafe { Component::deserialize(&ground.wasmtime, component.serialize().ok()?) };
        ground.link(&copy.ok()?).ok()
    }
}

impl Ground {
    fn new(options: EngineOptions, memory_reset: MemoryReset) -> wasmtime::Result<Self> {
        let wasmtime = wasmtime::Engine::new(&config(options, memory_reset))?;
        let mut linker = Linker::new(&wasmtime);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker)?;
        paths::add_to_linker(&mut linker)?;
        clock::add_to_linker(&mut linker)?;
        PluginWithAttempt::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
        Ok(Self { wasmtime, linker })
    }

    fn link(&self, component: &Component) -> wasmtime::Result<Linked> {
        Linked::new(self.linker.instantiate_pre(component)?)
    }
}

impl Inner {
    /// All pools that there are by now.
    fn grounds(&self) -> impl Iterator<Item = &Ground> {
        self.lanes.iter().filter_map(|lane| lane.get()?.as_ref()).chain([&self.shared])
    }
}

/// Compiles a component to machine code for every [`Engine`] that counts fuel or does not alike, without a pool. An error is
/// a sentence.
///
/// Compiling has no limit of its own in time or memory: see [`Compiler`](super::Compiler).
pub(crate) fn compile(count_fuel: bool, wasm: &[u8]) -> Result<Vec<u8>, String> {
    let engine = wasmtime::Engine::new(&code_config(count_fuel));
    engine.and_then(|engine| engine.precompile_component(wasm)).map_err(|error| format!("{error:#}"))
}

fn config(options: EngineOptions, memory_reset: MemoryReset) -> Config {
    let mut config = code_config(options.count_fuel);
    config.max_wasm_stack(options.stack_bytes.min(MAX_STACK_BYTES));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options, memory_reset)));
    config
}

/// The part of the configuration that decides what code is compiled to. How memory is allocated is not among it.
fn code_config(count_fuel: bool) -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .gc_support(false)
        .epoch_interruption(true)
        .consume_fuel(count_fuel)
        .memory_init_cow(true)
        // The same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

fn pool(options: EngineOptions, memory_reset: MemoryReset) -> PoolingAllocationConfig {
    // `describe` may run beside a full house.
    let steps = options.concurrent_steps.saturating_add(1);
    let all = |per_step: usize| steps.saturating_mul(per_step as u32);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(steps)
        .total_core_instances(all(MAX_INSTANCES))
        .total_memories(all(MAX_MEMORIES))
        .total_tables(all(MAX_TABLES))
        .total_stacks(0)
        .max_memories_per_module(MAX_MEMORIES as u32)
        .max_tables_per_module(MAX_TABLES as u32)
        .max_memory_size(MAX_MEMORY_BYTES)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_unused_warm_slots(steps.min(100));
    match memory_reset {
        MemoryReset::WrittenPages => pool
            .pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT)
            .table_keep_resident(TABLE_KEEP_RESIDENT)
            // A step that wrote no more than a slot keeps leaves empty regions. wasmtime skips one of them, but asks the
            // system to clear a queue of them.
            .decommit_batch_size(1),
        MemoryReset::Everything(_) => {
            let spare = spare_slots(options);
            pool.pagemap_scan(Enabled::No)
                .decommit_batch_size(BATCH_REGIONS)
                .total_memories(all(MAX_MEMORIES).saturating_add(spare))
                .total_tables(all(MAX_TABLES).saturating_add(spare))
        }
    };
    pool
}

/// Slots in queues are in use, and while a thread gives those of one back, others find neither them nor the queue: they
/// would be refused. So there are slots for all that can be in between.
fn spare_slots(options: EngineOptions) -> u32 {
    if options.concurrent_steps == 1 {
        // A thread that is alone always finds the queue.
        return 0;
    }
    let queues = std::thread::available_parallelism().map_or(1, NonZero::get).min(MAX_QUEUES) as u32;
    let steps = options.concurrent_steps.saturating_add(1);
    steps.saturating_add(queues).saturating_mul(BATCH_REGIONS as u32)
}

/// Makes running guests look up about every [`TICK`], for as long as the engine lives.
fn start_ticker(engine: &Arc<Inner>) -> std::io::Result<()> {
    let engine = Arc::downgrade(engine);
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.grounds().for_each(|ground| ground.wasmtime.increment_epoch());
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("fanfold-ticker".to_owned()).spawn(tick).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_compiled_without_a_pool_is_for_engines_that_have_one() {
        for count_fuel in [false, true] {
            let options = EngineOptions { concurrent_steps: 1, count_fuel, stack_bytes: 1 << 20 };
            let engine = Engine::new(options).unwrap();
            let compiler = wasmtime::Engine::new(&code_config(count_fuel)).unwrap();
            let hash = |engine: &wasmtime::Engine| {
                let mut hasher = std::hash::DefaultHasher::new();
                engine.precompile_compatibility_hash().hash(&mut hasher);
                hasher.finish()
            };
            assert_eq!(hash(engine.wasmtime()), hash(&compiler));
        }
    }
}
