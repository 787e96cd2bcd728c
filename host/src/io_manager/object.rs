//! Objects of one IO manager, written and read in chunks.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::buffered::BufWriter;
use object_store::gcp::GoogleConfigKey;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, ObjectStoreScheme};
use url::Url;

use super::IoManagers;
use super::settings::IoManagerSettings;

/// What is read from a value at once, in bytes.
const CHUNK_BYTES: u64 = 1 << 20;
/// Parts of an upload, in bytes, and how many are under way at once: together, what an upload takes of memory.
const PART_BYTES: usize = 5 << 20;
const PARTS_AT_ONCE: usize = 2;

/// An object store, and the place in it that everything is under.
#[derive(Debug)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Objects {
    /// Sets the client up; nothing is asked of the object store yet.
    pub(super) fn of(settings: &IoManagerSettings) -> Result<Self, String> {
        let shown = settings.url.escape_debug();
        let url = Url::parse(&settings.url).map_err(|error| format!("`{shown}` is no URL: {error}"))?;
        let unusable = |error: &dyn std::fmt::Display| format!("cannot use `{shown}`: {error}");
        let (scheme, _) = ObjectStoreScheme::parse(&url).map_err(|error| unusable(&error))?;
        let mut options = Vec::new();
        for (name, value) in &settings.options {
            if !is_known(&scheme, name) {
                return Err(format!("an object store at `{shown}` has no option `{}`", name.escape_debug()));
            }
            options.push((name, value.get().map_err(|problem| format!("option `{name}`: {problem}"))?));
        }
        let (store, prefix) =
            object_store::parse_url_opts(&url, options).map_err(|error| unusable(&error))?;
        Ok(Self { store: store.into(), prefix })
    }

    pub(super) fn write(&self, io: &IoManagers, path: &str, content: &mut dyn Read) -> io::Result<()> {
        let mut writer = BufWriter::with_capacity(Arc::clone(&self.store), self.path(path)?, PART_BYTES)
            .with_max_concurrency(PARTS_AT_ONCE);
        loop {
            let mut chunk = Vec::new();
            content.take(CHUNK_BYTES).read_to_end(&mut chunk)?;
            if chunk.is_empty() {
                return io.wait(async { Ok(tokio::io::AsyncWriteExt::shutdown(&mut writer).await) })?;
            }
            if let Err(error) = io.wait(writer.put(Bytes::from(chunk))) {
                // Parts that are there already would be kept, and paid for. The first error is the one to tell.
                _ = io.wait(writer.abort());
                return Err(error);
            }
        }
    }

    pub(super) fn open<'i>(&self, io: &'i IoManagers, path: &str) -> io::Result<ObjectReader<'i>> {
        let path = self.path(path)?;
        let chunks = io.wait(async { Ok(self.store.get(&path).await?.into_stream().boxed()) })?;
        Ok(ObjectReader { io, chunks, chunk: Bytes::new() })
    }

    fn path(&self, path: &str) -> io::Result<Path> {
        let whole = format!("{}/{path}", self.prefix);
        Path::parse(&whole).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

/// Whether the object store's client takes an option of that name; it would itself overlook one that it does not know.
fn is_known(scheme: &ObjectStoreScheme, option: &str) -> bool {
    let option = option.to_ascii_lowercase();
    match scheme {
        ObjectStoreScheme::AmazonS3 => option.parse::<AmazonS3ConfigKey>().is_ok(),
        ObjectStoreScheme::GoogleCloudStorage => option.parse::<GoogleConfigKey>().is_ok(),
        ObjectStoreScheme::MicrosoftAzure => option.parse::<AzureConfigKey>().is_ok(),
        _ => false,
    }
}

/// Reads an object from its start.
pub struct ObjectReader<'i> {
    io: &'i IoManagers,
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for ObjectReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.io.wait(self.chunks.try_next())? {
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
