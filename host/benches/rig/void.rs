//! A host of steps that takes everything and keeps nothing.

use std::hint::black_box;
use std::io;

use fanfold::sandbox::{BlobRef, BlobSink, Emission, StepEvent, StepHost};

/// Takes everything and keeps nothing.
pub(crate) struct Void;

impl StepHost for Void {
    fn emit(&mut self, emission: Emission) -> io::Result<()> {
        black_box(emission);
        Ok(())
    }
    fn report(&mut self, _: StepEvent) -> io::Result<()> {
        Ok(())
    }
    fn open_blob(&mut self, _: &BlobRef) -> io::Result<Box<dyn io::Read + Send>> {
        Err(io::Error::other("no blobs"))
    }
    fn create_blob(&mut self, _: &str) -> io::Result<Box<dyn BlobSink>> {
        Err(io::Error::other("no blobs"))
    }
}
