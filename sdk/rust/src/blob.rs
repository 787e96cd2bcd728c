//! Values of any size, read and written in chunks, so that neither side ever holds a whole one.

use std::fmt;
use std::io::{self, Read, Write};

use crate::runtime::{Host, StepHost};
use crate::value::{FromValue, IntoValue, ReadError, Value};

/// The name that the host gives to a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRef {
    /// Lower-case hexadecimal BLAKE3 digest of the content.
    pub digest: String,
    /// Length of the content in bytes.
    pub size: u64,
    /// What the content is, as an RFC 6838 media type.
    pub media_type: String,
}

/// A large value as an input or output. It is only a name: [`open`](Self::open) reads the content.
///
/// One is received as an input, or written with [`Context::create_blob`](crate::Context::create_blob).
#[derive(Clone)]
pub struct Blob {
    reference: BlobRef,
    host: StepHost,
}

impl Blob {
    pub(crate) fn new(reference: BlobRef, host: StepHost) -> Self {
        Self { reference, host }
    }

    /// Length of the content in bytes.
    pub fn size(&self) -> u64 {
        self.reference.size
    }

    /// What the content is, as an RFC 6838 media type.
    pub fn media_type(&self) -> &str {
        &self.reference.media_type
    }

    /// Lower-case hexadecimal BLAKE3 digest of the content.
    pub fn digest(&self) -> &str {
        &self.reference.digest
    }

    /// Reads the content from its start. Fails if the host does not have it or will not give it to this step.
    pub fn open(&self) -> io::Result<BlobReader> {
        self.host.open_blob(&self.reference).map(BlobReader).map_err(io::Error::other)
    }

    /// Reads the whole content into memory.
    pub fn read_to_vec(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open()?.read_to_end(&mut content)?;
        Ok(content)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blob").field(&self.reference).finish()
    }
}

impl FromValue for Blob {
    fn schema() -> Option<String> {
        None
    }

    fn from_value(value: Value, host: &StepHost) -> Result<Self, ReadError> {
        match value {
            Value::Blob(reference) => Ok(Self::new(reference, host.clone())),
            Value::Bytes(_) => {
                Err(ReadError::new("it holds bytes where a blob is expected; take it as `Bytes`"))
            }
            Value::Json(_) => Err(ReadError::new("it holds JSON where a blob is expected")),
        }
    }
}

impl IntoValue for Blob {
    fn schema() -> Option<String> {
        None
    }

    fn to_value(&self) -> Result<Value, String> {
        Ok(Value::Blob(self.reference.clone()))
    }
}

/// Reads a blob's content. Every read is a call to the host: ask for 64 KiB or so at a time.
pub struct BlobReader(<StepHost as Host>::Reader);

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Writes a blob's content, 64 KiB to the host at a time. One that is dropped unfinished leaves nothing behind.
pub struct BlobWriter {
    host: StepHost,
    sink: io::BufWriter<<StepHost as Host>::Writer>,
}

impl BlobWriter {
    pub(crate) fn create(host: StepHost, media_type: &str) -> io::Result<Self> {
        let writer = host.create_blob(media_type).map_err(io::Error::other)?;
        Ok(Self { host, sink: io::BufWriter::with_capacity(64 << 10, writer) })
    }

    /// Ends the blob and gives it a name. Fails if the host cannot keep it.
    pub fn finish(self) -> io::Result<Blob> {
        let writer = self.sink.into_inner().map_err(io::IntoInnerError::into_error)?;
        let reference = StepHost::finish_blob(writer).map_err(io::Error::other)?;
        Ok(Blob::new(reference, self.host))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        self.sink.write(chunk)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
