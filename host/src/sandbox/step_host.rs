//! The seam between a running step and the orchestrator: everything that a step hands over while it runs.

use std::io;

use super::value::{BlobRef, Emission, StepEvent};

/// Writes one blob. Dropping it unfinished must leave nothing behind.
pub trait BlobSink: Send {
    /// Appends to the blob.
    fn write(&mut self, chunk: &[u8]) -> io::Result<()>;
    /// Ends the blob and names it by its content.
    fn finish(self: Box<Self>) -> io::Result<BlobRef>;
}

/// What a running step may ask of the orchestrator.
///
/// Called on the step's own thread, one call at a time, in the order in which the solid made them; dropped when the
/// step has ended. A call may block (back pressure), but a step cannot be interrupted inside one: whoever cancels
/// steps must let blocked calls return. An error fails the step as `host-failed`.
pub trait StepHost: Send {
    /// Takes an output over. The clones that read it may start at once.
    fn emit(&mut self, emission: Emission) -> io::Result<()>;

    /// Takes a log line, progress, a materialization or an expectation over.
    fn report(&mut self, event: StepEvent) -> io::Result<()>;

    /// Opens a blob that this step was given or wrote; the sandbox has checked that it was.
    fn open_blob(&mut self, blob: &BlobRef) -> io::Result<Box<dyn io::Read + Send>>;

    /// Starts a blob of the given media type.
    fn create_blob(&mut self, media_type: &str) -> io::Result<Box<dyn BlobSink>>;
}

/// Refuses everything and hears nothing: what `describe` runs with.
pub(super) struct DeafHost;

impl StepHost for DeafHost {
    fn emit(&mut self, _: Emission) -> io::Result<()> {
        Err(io::Error::other("`describe` has no outputs"))
    }

    fn report(&mut self, _: StepEvent) -> io::Result<()> {
        Ok(())
    }

    fn open_blob(&mut self, _: &BlobRef) -> io::Result<Box<dyn io::Read + Send>> {
        Err(io::Error::other("`describe` has no blobs"))
    }

    fn create_blob(&mut self, _: &str) -> io::Result<Box<dyn BlobSink>> {
        Err(io::Error::other("`describe` has no blobs"))
    }
}
