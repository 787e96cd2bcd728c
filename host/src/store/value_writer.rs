//! Writes value files, for one run.
//!
//! Invariants:
//! - A file appears whole or not at all, and is on disk before the log speaks of it, unless nothing of the store is kept.
//! - Before it appears, the store says that the run needs it. So whoever collects garbage sees a file that nobody needs, or
//!   one that somebody does, and never one that is about to be needed. What a failed step has written stays until its run
//!   is removed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, params};

use super::lock::lock;
use super::value_files::ValueFiles;
use crate::sandbox::{BlobDigest, BlobRef, BlobSink};

/// Writes the value files of a run.
#[derive(Debug, Clone)]
pub(super) struct ValueWriter {
    run: i64,
    files: ValueFiles,
    connection: Arc<Mutex<Connection>>,
    /// Files outlive this process, and power cuts.
    is_kept: bool,
}

impl ValueWriter {
    pub(super) fn new(
        run: i64,
        files: ValueFiles,
        connection: Connection,
        is_kept: bool,
    ) -> rusqlite::Result<Self> {
        // Whoever looks sees what is claimed at once. After a power cut nobody is left who would write the file, and what
        // the log says was claimed before: it is further up in the same journal.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Self { run, files, connection: Arc::new(Mutex::new(connection)), is_kept })
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
        let unfinished = self.files.unfinished_directory();
        fs::create_dir_all(&unfinished)?;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = unfinished.join(format!("{}-{number}", std::process::id()));
            // Locked: it is not what a process left that is gone. Whoever collects garbage may have taken it for that
            // before it was, and removes it.
            let Some(file) = lock(&path)? else { continue };
            file.set_len(0)?;
            let file = BufWriter::new(file);
            return Ok(NewFile { writer: self.clone(), path, file, hasher: blake3::Hasher::new(), size: 0 });
        }
    }

    /// Begins a blob.
    pub(super) fn create_blob(&self, media_type: &str) -> io::Result<Box<dyn BlobSink>> {
        Ok(Box::new(NewBlob { file: self.create()?, media_type: media_type.to_owned() }))
    }

    /// Says that the run needs a value file, be it there or not.
    pub(super) fn claim(&self, digest: [u8; 32]) -> io::Result<()> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let claim = "INSERT OR IGNORE INTO value_files (run, digest) VALUES (?1, ?2)";
        connection.execute(claim, params![self.run, digest]).map(drop).map_err(io::Error::other)
    }
}

/// A file that is being written. Dropped before [`keep`](Self::keep), it leaves nothing behind.
pub(super) struct NewFile {
    writer: ValueWriter,
    path: PathBuf,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    size: u64,
}

impl NewFile {
    /// Ends the file, and names it.
    pub(super) fn keep(mut self) -> io::Result<[u8; 32]> {
        self.file.flush()?;
        if self.writer.is_kept {
            self.file.get_ref().sync_all()?;
        }
        let digest = *self.hasher.finalize().as_bytes();
        self.writer.claim(digest)?;
        let path = self.writer.files.path(digest);
        let directory = path.parent().unwrap_or(&path);
        fs::create_dir_all(directory)?;
        fs::rename(&self.path, &path)?;
        if self.writer.is_kept {
            File::open(directory)?.sync_all()?;
        }
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
struct NewBlob {
    file: NewFile,
    media_type: String,
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::store::removal::{Removed, remove_unfinished};
    use crate::store::schema;

    fn writer(directory: &std::path::Path) -> ValueWriter {
        let connection = schema::open(&directory.join("runs.db")).unwrap();
        connection
            .execute_batch(
                "INSERT INTO runs (number, run_id, pipeline, plan, plugins, granted, created_at_ms)
                 VALUES (1, 'r', 'p', '{}', '{}', '[]', 0)",
            )
            .unwrap();
        ValueWriter::new(1, ValueFiles::in_store(directory), connection, true).unwrap()
    }

    #[test]
    fn content_comes_back_and_damage_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let writer = writer(directory.path());
        let files = ValueFiles::in_store(directory.path());
        let digest = writer.write(b"content").unwrap();
        assert_eq!(writer.write(b"content").unwrap(), digest);
        assert_eq!(files.read(digest).unwrap(), b"content");
        fs::write(files.path(digest), b"c0ntent").unwrap();
        assert!(files.read(digest).unwrap_err().to_string().contains("damaged"));
        assert!(files.read([7; 32]).unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let writer = writer(directory.path());
        let mut new = writer.create().unwrap();
        new.write_all(b"half").unwrap();
        assert_eq!(writer.files.unfinished().unwrap().len(), 1);
        drop(new);
        assert!(writer.files.unfinished().unwrap().is_empty());
    }

    #[test]
    fn files_are_begun_while_garbage_is_collected() {
        let directory = tempfile::tempdir().unwrap();
        let (writer, is_over) = (writer(directory.path()), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    remove_unfinished(&writer.files, false, &mut Removed::default()).unwrap();
                }
            });
            let begun: io::Result<Vec<_>> = (0..5_000).map(|_| writer.create().map(drop)).collect();
            is_over.store(true, Ordering::Relaxed);
            begun.unwrap();
        });
    }

    #[test]
    fn a_file_that_appears_is_needed_already() {
        let directory = tempfile::tempdir().unwrap();
        let writer = writer(directory.path());
        // Where that cannot be said, there is no file.
        writer.connection.lock().unwrap().execute_batch("DELETE FROM runs").unwrap();
        assert!(writer.write(b"content").is_err());
        let files = ValueFiles::in_store(directory.path());
        assert!(files.shards().unwrap().is_empty() && files.unfinished().unwrap().is_empty());
    }
}
