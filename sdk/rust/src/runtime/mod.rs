//! What the macros generate code for, and the seam between a solid and its host.
//!
//! One runtime serves two hosts: in a plugin the WebAssembly imports, natively the test harness. Which one is
//! decided at compile time, so that a plugin imports only what its solids use.

mod call;
mod entry;
#[cfg(target_arch = "wasm32")]
pub mod wasm;

use std::io;

pub use call::{Call, InputValue, config_schema, default_value};
pub use entry::{Entry, Solid};

pub use crate::page::{JsonPage, Page};

use crate::blob::BlobRef;
use crate::value::Value;
use crate::{EmitError, Level, MappingKey, Metadata};

/// The host of the running step.
#[cfg(target_arch = "wasm32")]
pub type StepHost = wasm::WasmHost;
/// The host of the running step.
#[cfg(not(target_arch = "wasm32"))]
pub type StepHost = crate::testing::Recorder;

/// An input of many values, as the host of the running step gives it.
pub type Pages = <StepHost as Host>::Collection;

/// What a running solid asks of its host. Copies are of the same step.
pub trait Host: Clone {
    /// An input of many values.
    type Collection: Collection;
    /// Reads a blob.
    type Reader: io::Read;
    /// Writes a blob.
    type Writer: io::Write;

    /// Hands over a plain output, or with a key one item of a dynamic output.
    fn emit(
        &self,
        output: &str,
        key: Option<&MappingKey>,
        value: Value,
        metadata: Metadata,
    ) -> Result<(), EmitError>;
    /// Adds facts to what was emitted.
    fn annotate(&self, output: &str, key: Option<&MappingKey>, metadata: Metadata) -> Result<(), EmitError>;
    /// Opens a blob that the step was given or wrote.
    fn open_blob(&self, blob: &BlobRef) -> Result<Self::Reader, String>;
    /// Starts a blob.
    fn create_blob(&self, media_type: &str) -> Result<Self::Writer, String>;
    /// Ends a blob and names it.
    fn finish_blob(writer: Self::Writer) -> Result<BlobRef, String>;
    /// Adds a line to the step's log.
    fn log(&self, level: Level, message: &str);
    /// Reports progress.
    fn progress(&self, done: f64, total: Option<f64>, message: &str);
    /// Records that an asset was made or changed.
    fn materialize(&self, asset_key: Vec<String>, partition: Option<String>, metadata: Metadata);
    /// Records the outcome of a check on data.
    fn expect(&self, label: &str, passed: bool, metadata: Metadata);
    /// Whether the step is asked to stop.
    fn is_cancelled(&self) -> bool;
    /// The number of this execution, from 0.
    fn attempt(&self) -> u32;
}

/// An input of many values, read in pages.
pub trait Collection {
    /// How many items there are in all.
    fn total(&self) -> u32;
    /// At most `max` further items; empty at the end.
    fn page(&mut self, max: u32) -> Vec<(Option<MappingKey>, Value)>;
    /// At most `max` further items that are JSON; empty at the end.
    fn json_page(&mut self, max: u32) -> JsonPage;
    /// At most `max` further keys whose clones failed; empty at the end.
    fn missing_page(&mut self, max: u32) -> Vec<MappingKey>;
}
