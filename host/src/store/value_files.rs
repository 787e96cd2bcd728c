//! Values that are too large for the log: files named by the digest of their content.
//!
//! Form: `values/ab/cdef...`, the BLAKE3 digest in hexadecimal. Unfinished files are in `values/new` and mean nothing.
//! What is read is checked against the name.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The directory of value files.
#[derive(Debug, Clone)]
pub(super) struct ValueFiles(PathBuf);

impl ValueFiles {
    pub(super) fn in_store(directory: &Path) -> Self {
        Self(directory.join("values"))
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

    /// Removes a file, and tells its length in bytes. One that is not there has none.
    pub(super) fn remove(&self, digest: [u8; 32]) -> io::Result<u64> {
        let path = self.path(digest);
        let size = match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            found => found?.len(),
        };
        fs::remove_file(path).map(|()| size)
    }

    /// The length of a file in bytes; 0 if it is not there.
    pub(super) fn size(&self, digest: [u8; 32]) -> u64 {
        self.path(digest).metadata().map_or(0, |found| found.len())
    }

    /// The directories that hold files, one for each beginning of a digest.
    pub(super) fn shards(&self) -> io::Result<Vec<PathBuf>> {
        let mut shards = entries(&self.0)?;
        shards.retain(|path| path.file_name().is_some_and(|name| name.len() == 2));
        Ok(shards)
    }

    /// The digests of the files in one of these directories. What has another name is not ours.
    pub(super) fn digests(shard: &Path) -> io::Result<Vec<[u8; 32]>> {
        let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let start = name(shard).unwrap_or_default();
        let digest = |path: &PathBuf| {
            let hex = start.clone() + &name(path)?;
            blake3::Hash::from_hex(hex).ok().map(|digest| *digest.as_bytes())
        };
        Ok(entries(shard)?.iter().filter_map(digest).collect())
    }

    /// The files that somebody is writing, or was when his process ended.
    pub(super) fn unfinished(&self) -> io::Result<Vec<PathBuf>> {
        entries(&self.unfinished_directory())
    }

    /// Where files are while they are written.
    pub(super) fn unfinished_directory(&self) -> PathBuf {
        self.0.join("new")
    }

    /// Where the file with this content is, or would be.
    pub(super) fn path(&self, digest: [u8; 32]) -> PathBuf {
        let name = blake3::Hash::from_bytes(digest).to_hex();
        self.0.join(&name[..2]).join(&name[2..])
    }
}

/// What a directory holds; nothing if there is none.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found?.map(|entry| entry.map(|entry| entry.path())).collect(),
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
