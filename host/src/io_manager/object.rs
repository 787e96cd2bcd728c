//! Objects of one IO manager, written and read in chunks.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::connect::connect;
use super::settings::IoManagerSettings;
use super::{IoManagers, Keeper};
use crate::sandbox::Interrupt;

/// What is read from a value at once, in bytes.
const CHUNK_BYTES: u64 = 1 << 20;
/// Parts of an upload, in bytes, and how many are under way at once: together, what an upload takes of memory.
const PART_BYTES: usize = 5 << 20;
const PARTS_AT_ONCE: usize = 2;
/// What an object store gets to forget an upload that has failed: a step may be canceled, and that takes no second.
const ABORT_TIME: Duration = Duration::from_millis(500);

/// An object store, and the place in it that everything is under.
#[derive(Debug)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Objects {
    /// Sets the client up.
    pub(super) fn of(settings: &IoManagerSettings) -> Result<Self, String> {
        let (store, prefix) = connect(settings)?;
        Ok(Self { store, prefix })
    }

    pub(super) fn write(
        &self,
        io: &IoManagers,
        path: &str,
        content: &mut dyn Read,
        interrupt: &Interrupt,
    ) -> io::Result<()> {
        let mut writer = BufWriter::with_capacity(Arc::clone(&self.store), self.path(path)?, PART_BYTES)
            .with_max_concurrency(PARTS_AT_ONCE);
        if let Err(error) = put_all(io, &mut writer, content, interrupt) {
            // Parts that are there already would be kept, and paid for. The first error is the one to tell.
            let aborted = async { Ok(tokio::time::timeout(ABORT_TIME, writer.abort()).await) };
            _ = io.wait(&Interrupt::default(), aborted);
            return Err(error);
        }
        io.wait(interrupt, async { Ok(tokio::io::AsyncWriteExt::shutdown(&mut writer).await) })?
    }

    pub(super) fn open(&self, io: &IoManagers, path: &str, interrupt: &Interrupt) -> io::Result<Chunks> {
        let path = self.path(path)?;
        io.wait(interrupt, async { Ok(self.store.get(&path).await?.into_stream().boxed()) })
    }

    fn path(&self, path: &str) -> io::Result<Path> {
        let whole = format!("{}/{path}", self.prefix);
        Path::parse(&whole).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

fn put_all(
    io: &IoManagers,
    writer: &mut BufWriter,
    content: &mut dyn Read,
    interrupt: &Interrupt,
) -> io::Result<()> {
    loop {
        let mut chunk = Vec::new();
        content.take(CHUNK_BYTES).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            return Ok(());
        }
        io.wait(interrupt, writer.put(Bytes::from(chunk)))?;
    }
}

/// An object, as it comes in.
pub(super) type Chunks = BoxStream<'static, object_store::Result<Bytes>>;

/// Reads an object from its start.
pub struct ObjectReader<'i> {
    pub(super) io: &'i IoManagers,
    pub(super) keeper: Keeper,
    pub(super) interrupt: Interrupt,
    pub(super) chunks: Chunks,
    pub(super) chunk: Bytes,
}

impl Read for ObjectReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            let next = self.io.wait(&self.interrupt, self.chunks.try_next());
            match next.map_err(|error| self.io.told(&self.keeper, "read", &error))? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let length = self.chunk.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.chunk[..length]);
        self.chunk.advance(length);
        Ok(length)
    }
}
