//! Blobs: which ones a step may open, and reading and writing them in chunks.
//!
//! Invariant: a step opens and emits only blobs that it was given or wrote. A digest that it guessed, or that came to it
//! inside some JSON text, is worth nothing.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};

use wasmtime::component::Resource;

use super::bindings::fanfold::plugin::{blobs, types};
use super::failure::{FailureKind, StepFailure};
use super::instance::StepState;
use super::reporter::host_failed;
use super::step_host::BlobSink;
use super::value::{BlobDigest, BlobRef, Value};
use crate::diagnostic::bytes_text;
use crate::io_manager::Keeper;

/// Bytes of one chunk at most.
const CHUNK_BYTES: u32 = 1 << 20;

/// The blobs that a step knows by right.
#[derive(Debug, Default)]
pub(super) struct KnownBlobs(HashMap<BlobDigest, KnownBlob>);

/// What the guest does not see of a blob, or could change.
#[derive(Debug)]
struct KnownBlob {
    size: u64,
    keeper: Option<Box<Keeper>>,
}

/// A blob that the guest reads.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OpenReader(Box<dyn Read + Send>);

/// A blob that the guest writes; none once it has finished.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OpenWriter(Option<Box<dyn BlobSink>>);

impl KnownBlobs {
    /// Converts a value for the guest; a blob in it becomes known.
    pub(super) fn hand_over(&mut self, value: Value) -> types::Value {
        match value {
            Value::Json(text) => types::Value::Json(text.into()),
            Value::Bytes(bytes) => types::Value::Bytes(bytes),
            Value::Blob(blob) => types::Value::Blob(self.give(blob)),
        }
    }

    /// Converts a value from the guest; a blob in it must be known.
    pub(super) fn take_back(&self, value: types::Value) -> Result<Value, String> {
        Ok(match value {
            types::Value::Json(text) => Value::Json(text.into()),
            types::Value::Bytes(bytes) => Value::Bytes(bytes),
            types::Value::Blob(blob) => Value::Blob(self.check(blob)?),
        })
    }

    fn give(&mut self, blob: BlobRef) -> types::BlobRef {
        self.0.insert(blob.digest, KnownBlob { size: blob.size, keeper: blob.keeper });
        types::BlobRef { digest: blob.digest.to_string(), size: blob.size, media_type: blob.media_type }
    }

    fn check(&self, blob: types::BlobRef) -> Result<BlobRef, String> {
        let digest: BlobDigest = blob.digest.parse().map_err(|error| format!("{error}"))?;
        match self.0.get(&digest) {
            None => Err(format!("blob {digest} was neither given to this step nor written by it")),
            Some(known) if known.size != blob.size => {
                Err(format!("blob {digest} has {} bytes, not {}", known.size, blob.size))
            }
            Some(KnownBlob { size, keeper }) => {
                let (media_type, keeper) = (blob.media_type, keeper.clone());
                Ok(BlobRef { digest, size: *size, media_type, keeper })
            }
        }
    }
}

impl blobs::Host for StepState {
    fn open(&mut self, blob: types::BlobRef) -> wasmtime::Result<Result<Resource<OpenReader>, String>> {
        let blob = match self.blobs.check(blob) {
            Ok(blob) => blob,
            Err(refused) => return Ok(Err(refused)),
        };
        let opened = self.reporter.lock().host.open_blob(&blob);
        let reader = opened.map_err(|error| host_failed("cannot open a blob", &error).into_error())?;
        Ok(Ok(self.table.push(OpenReader(reader))?))
    }

    fn create(&mut self, media_type: String) -> wasmtime::Result<Result<Resource<OpenWriter>, String>> {
        if media_type.len() > 255 || !media_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Ok(Err("that is no media type".to_owned()));
        }
        let created = self.reporter.lock().host.create_blob(&media_type);
        let sink = created.map_err(|error| host_failed("cannot create a blob", &error).into_error())?;
        Ok(Ok(self.table.push(OpenWriter(Some(sink)))?))
    }
}

impl blobs::HostReader for StepState {
    fn read(&mut self, this: Resource<OpenReader>, max: u32) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let reader = &mut self.table.get_mut(&this)?.0;
        let mut chunk = vec![0; max.min(CHUNK_BYTES) as usize];
        loop {
            match reader.read(&mut chunk) {
                Ok(length) => {
                    chunk.truncate(length);
                    return Ok(Ok(chunk));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(host_failed("cannot read a blob", &error).into_error()),
            }
        }
    }

    fn drop(&mut self, this: Resource<OpenReader>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl blobs::HostWriter for StepState {
    fn write(&mut self, this: Resource<OpenWriter>, chunk: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        self.blob_bytes += chunk.len() as u64;
        if self.blob_bytes > self.blob_limit {
            let message = format!("the step wrote more than {} to blobs", bytes_text(self.blob_limit));
            return Err(StepFailure::limit(FailureKind::BlobsTooLarge, message, "blobs").into_error());
        }
        let Some(sink) = &mut self.table.get_mut(&this)?.0 else {
            return Ok(Err(ALREADY_FINISHED.to_owned()));
        };
        let written = sink.write(&chunk);
        written.map_err(|error| host_failed("cannot write a blob", &error).into_error())?;
        Ok(Ok(()))
    }

    fn finish(&mut self, this: Resource<OpenWriter>) -> wasmtime::Result<Result<types::BlobRef, String>> {
        let Some(sink) = self.table.get_mut(&this)?.0.take() else {
            return Ok(Err(ALREADY_FINISHED.to_owned()));
        };
        let finished = sink.finish();
        let blob = finished.map_err(|error| host_failed("cannot write a blob", &error).into_error())?;
        Ok(Ok(self.blobs.give(blob)))
    }

    fn drop(&mut self, this: Resource<OpenWriter>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

const ALREADY_FINISHED: &str = "this blob is finished";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guessed_or_changed_reference_is_worth_nothing() {
        let digest = BlobDigest(*blake3::hash(b"x").as_bytes());
        let keeper = Keeper { io_manager: "lake".into(), path: "r/s/result".into() };
        let media_type = "text/plain".to_owned();
        let blob = BlobRef { digest, size: 1, media_type, keeper: Some(Box::new(keeper)) };
        let mut known = KnownBlobs::default();
        let reference =
            types::BlobRef { digest: digest.to_string(), size: 1, media_type: "text/plain".into() };
        assert!(known.take_back(types::Value::Blob(reference.clone())).is_err());
        known.hand_over(Value::Blob(blob.clone()));
        assert_eq!(known.take_back(types::Value::Blob(reference.clone())), Ok(Value::Blob(blob)));
        let grown = types::BlobRef { size: 2, ..reference.clone() };
        assert!(known.take_back(types::Value::Blob(grown)).is_err());
        let misspelt = types::BlobRef { digest: digest.to_string().to_uppercase(), ..reference };
        assert!(known.take_back(types::Value::Blob(misspelt)).is_err());
    }
}
