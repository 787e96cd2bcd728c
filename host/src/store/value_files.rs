//! Values that are too large for the log: files named by the digest of their content.
//!
//! Invariants: a file appears whole or not at all, and is on disk before the log speaks of it. What is read is checked
//! against the name.
//!
//! Form: `values/ab/cdef...`, the BLAKE3 digest in hexadecimal. Unfinished files are in `values/new` and mean nothing.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sandbox::{BlobDigest, BlobRef, BlobSink};

/// The directory of value files.
#[derive(Debug, Clone)]
pub(super) struct ValueFiles(PathBuf);

impl ValueFiles {
    pub(super) fn in_store(directory: &Path) -> Self {
        Self(directory.join("values"))
    }

    /// Keeps content, and names it.
    pub(super) fn write(&self, content: &[u8]) -> io::Result<[u8; 32]> {
        let mut new = self.create()?;
        new.write_all(content)?;
        new.keep()
    }

    /// Begins a file.
    pub(super) fn create(&self) -> io::Result<NewFile> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let unfinished = self.0.join("new");
        fs::create_dir_all(&unfinished)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = unfinished.join(format!("{}-{number}", std::process::id()));
        let file = BufWriter::new(File::create(&path)?);
        Ok(NewFile { files: self.clone(), path, file, hasher: blake3::Hasher::new(), size: 0 })
    }

    /// Opens a file. Reading its last byte fails if the content is not what it was.
    pub(super) fn open(&self, digest: [u8; 32]) -> io::Result<Checked<File>> {
        let path = self.path(digest);
        let file = File::open(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot read the value in `{}`: {error}", path.display()))
        })?;
        Ok(Checked::new(file, format!("`{}`", path.display()), digest))
    }

    /// Whether there is a file with this content.
    pub(super) fn has(&self, digest: [u8; 32]) -> bool {
        self.path(digest).exists()
    }

    /// The whole content of a file.
    pub(super) fn read(&self, digest: [u8; 32]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open(digest)?.read_to_end(&mut content)?;
        Ok(content)
    }

    fn path(&self, digest: [u8; 32]) -> PathBuf {
        let name = blake3::Hash::from_bytes(digest).to_hex();
        self.0.join(&name[..2]).join(&name[2..])
    }
}

/// A file that is being written. Dropped before [`keep`](Self::keep), it leaves nothing behind.
pub(super) struct NewFile {
    files: ValueFiles,
    path: PathBuf,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    size: u64,
}

impl NewFile {
    /// Ends the file, and names it.
    pub(super) fn keep(mut self) -> io::Result<[u8; 32]> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let digest = *self.hasher.finalize().as_bytes();
        let path = self.files.path(digest);
        let directory = path.parent().unwrap_or(&self.files.0);
        fs::create_dir_all(directory)?;
        fs::rename(&self.path, &path)?;
        File::open(directory)?.sync_all()?;
        Ok(digest)
    }
}

impl NewFile {
    /// Reads what was written, from its start. The file is gone once that is dropped.
    pub(super) fn into_reader(mut self) -> io::Result<File> {
        self.file.flush()?;
        File::open(&self.path)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Where it was kept there is nothing to remove.
        _ = fs::remove_file(&self.path);
    }
}

/// A blob that a step is writing.
pub(super) struct NewBlob {
    pub(super) file: NewFile,
    pub(super) media_type: String,
}

impl BlobSink for NewBlob {
    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk)
    }

    fn finish(self: Box<Self>) -> io::Result<BlobRef> {
        let Self { file, media_type } = *self;
        let size = file.size;
        Ok(BlobRef { digest: BlobDigest(file.keep()?), size, media_type, keeper: None })
    }
}

/// Content that is checked while it is read.
pub(super) struct Checked<R> {
    content: R,
    name: String,
    digest: [u8; 32],
    hasher: blake3::Hasher,
}

impl<R> Checked<R> {
    /// Content that must have this digest; messages call it as `name` does.
    pub(super) fn new(content: R, name: String, digest: [u8; 32]) -> Self {
        Self { content, name, digest, hasher: blake3::Hasher::new() }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.hasher.finalize() != self.digest {
            let message = format!("the value in {} is damaged", self.name);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_and_damage_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let files = ValueFiles::in_store(directory.path());
        let digest = files.write(b"content").unwrap();
        assert_eq!(files.write(b"content").unwrap(), digest);
        assert_eq!(files.read(digest).unwrap(), b"content");
        fs::write(files.path(digest), b"c0ntent").unwrap();
        assert!(files.read(digest).unwrap_err().to_string().contains("damaged"));
        assert!(files.read([7; 32]).unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let files = ValueFiles::in_store(directory.path());
        let mut new = files.create().unwrap();
        new.write_all(b"half").unwrap();
        drop(new);
        assert_eq!(fs::read_dir(directory.path().join("values/new")).unwrap().count(), 0);
    }
}
