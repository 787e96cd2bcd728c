//! What a running solid may know about its step, and tell whoever watches it.

use std::fmt;
use std::io;

use crate::blob::BlobWriter;
use crate::runtime::{Host, StepHost};
use crate::{MappingKey, Metadata};

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault in the solid.
    Debug,
    /// What happened.
    Info,
    /// Something that somebody may want to look at.
    Warning,
    /// Something that went wrong.
    Error,
}

/// The step that a solid runs in: a parameter of this type is filled in by the SDK. Copies share the step.
///
/// Nothing in it differs between two executions of the same work, but for [`attempt`](Self::attempt).
#[derive(Clone)]
pub struct Context {
    host: StepHost,
    mapping_keys: Vec<MappingKey>,
}

impl Context {
    pub(crate) fn new(host: StepHost, mapping_keys: Vec<MappingKey>) -> Self {
        Self { host, mapping_keys }
    }

    /// The keys of this clone, outermost first; empty for a step that is no clone.
    pub fn mapping_keys(&self) -> &[MappingKey] {
        &self.mapping_keys
    }

    /// 0 for the first execution of this step, 1 for its first retry.
    ///
    /// A plugin in which any solid calls this imports the contract's `attempt` interface, and the host then
    /// never shares results between equal work; a plugin that does not call it does not import it.
    pub fn attempt(&self) -> u32 {
        self.host.attempt()
    }

    /// True once the step is asked to stop; it is interrupted soon after in any case.
    pub fn is_cancelled(&self) -> bool {
        self.host.is_cancelled()
    }

    /// Adds a line to the step's log.
    pub fn log(&self, level: Level, message: impl fmt::Display) {
        self.host.log(level, &message.to_string());
    }

    /// Logs what only helps to find a fault.
    pub fn debug(&self, message: impl fmt::Display) {
        self.log(Level::Debug, message);
    }

    /// Logs what happened.
    pub fn info(&self, message: impl fmt::Display) {
        self.log(Level::Info, message);
    }

    /// Logs what somebody may want to look at.
    pub fn warn(&self, message: impl fmt::Display) {
        self.log(Level::Warning, message);
    }

    /// Logs what went wrong; to fail the step, return an error.
    pub fn error(&self, message: impl fmt::Display) {
        self.log(Level::Error, message);
    }

    /// Reports `done` of `total`, in whatever unit `message` names.
    pub fn progress(&self, done: f64, total: impl Into<Option<f64>>, message: impl fmt::Display) {
        self.host.progress(done, total.into(), &message.to_string());
    }

    /// Records that an asset was made or changed; `asset_key` has its outermost part first.
    pub fn materialize<T: Into<String>>(
        &self,
        asset_key: impl IntoIterator<Item = T>,
        partition: Option<&str>,
        metadata: Metadata,
    ) {
        let asset_key = asset_key.into_iter().map(Into::into).collect();
        self.host.materialize(asset_key, partition.map(str::to_owned), metadata);
    }

    /// Records the outcome of a check on data. A check that did not pass does not fail the step.
    pub fn expect(&self, label: &str, passed: bool, metadata: Metadata) {
        self.host.expect(label, passed, metadata);
    }

    /// Starts a blob of that RFC 6838 media type, for instance `text/csv`.
    pub fn create_blob(&self, media_type: &str) -> io::Result<BlobWriter> {
        BlobWriter::create(self.host.clone(), media_type)
    }
}
