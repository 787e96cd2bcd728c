//! The sandbox: runs solids that anyone may have written, each step in a fresh instance of its own.
//!
//! Modules by how often their work happens:
//!
//! | once per process | `engine`, `memory_reset` |
//! | --- | --- |
//! | once per file | `plugin`: `inspect`, `load_limits`, `compiler`, `cache`, `definitions`; `directory` for many files |
//! | once per step | `instance`: `world`, `net`, `paths` and `clock` around it, `outputs` and `limits` to hold it to its word |
//!
//! A step talks to the orchestrator through [`StepHost`] while it runs, and ends in a [`StepReport`] or a
//! [`StepFailure`] of a named kind.
//!
//! Invariants:
//! - Whatever a plugin does (loop, allocate, recurse, trap, flood, lie, be garbage), the host stays up, its memory stays
//!   bounded, and other steps finish.
//! - Without grants a step sees nothing of the world, and equal work sees equal things: clock and randomness included.
//! - No code of a plugin runs before the file was found to be a plugin of this contract.
//!
//! Deliberately absent: scheduling, retries and storage (the orchestrator's), threads and async (a step runs on its
//! caller's thread), reuse of instances.

#![deny(unsafe_code)]

mod bindings;
mod blobs;
mod cache;
mod clock;
mod code;
mod collection;
mod compiler;
mod console;
mod definitions;
mod denials;
mod directory;
mod emitted_keys;
mod engine;
mod failure;
mod grants;
mod host_calls;
mod inputs;
mod inspect;
mod instance;
mod interrupt;
mod json_text;
mod lane;
mod limits;
mod load_limits;
mod memory_reset;
mod metadata;
mod net;
mod outputs;
mod paths;
mod plugin;
mod random;
mod refusal;
mod reporter;
mod schema;
mod scratch;
mod step_host;
mod value;
mod world;

pub use cache::{CacheError, CompileCache};
pub use compiler::Compiler;
pub use directory::{PluginDirectory, RefusedPlugin};
pub(crate) use engine::compile;
pub use engine::{Engine, EngineError, EngineOptions, MAX_STACK_BYTES};
pub use failure::{FailureKind, StepFailure};
pub use grants::{Access, DirectoryGrant, GrantError, GrantList, Grants};
pub(crate) use grants::{check_guest_path, check_variable};
pub use inspect::{CONTRACT_VERSION, Inspection, inspect};
pub use instance::{StepReport, StepRequest};
pub use interrupt::Interrupt;
pub use limits::{Limits, MAX_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};
pub use load_limits::LoadLimits;
pub use memory_reset::{MemoryReset, StrictReason};
pub use net::{HostGrant, HostGrantError};
pub use plugin::{Plugin, PluginLoader};
pub use random::Seed;
pub use refusal::Refusal;
pub use schema::{Gathered, Mismatch, PathSegment, Schema, SchemaError};
pub use scratch::ScratchGrant;
pub use step_host::{BlobSink, StepHost};
pub use value::{
    BlobDigest, BlobDigestError, BlobRef, CollectedItem, Collection, Emission, Input, InputValue, ItemReader,
    LogLevel, LogSource, StepEvent, Value,
};
