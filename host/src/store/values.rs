//! The values of one run, by the place of their entry in the log: from memory where they are fresh, else from the log.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fanfold_graph::event::ValueRef;
use rusqlite::Connection;

use super::entry::{Fact, KeptValue, LoggedValue, ValueFile, ValueForm};
use super::event_log::EventLog;
use super::frame;
use super::fresh_files::FreshFiles;
use super::fresh_values::FreshValues;
use super::value_files::{Checked, ValueFiles};
use super::value_writer::{NewFile, ValueWriter};
use crate::io_manager::{IoManagers, Keeper};
use crate::sandbox::{BlobDigest, BlobRef, BlobSink, Interrupt, Value};

/// Values longer than this are kept in files, in bytes.
const MAX_INLINE_BYTES: usize = 64 << 10;
/// Frames of the log that are kept unpacked: a collect reads its members in about the order in which they were written.
const MAX_FRAMES: usize = 16;

/// Reads and keeps the values of one run.
pub(super) struct Values {
    run: i64,
    files: ValueFiles,
    writer: ValueWriter,
    io_managers: Arc<IoManagers>,
    memory: Mutex<Memory>,
    disk: Mutex<Connection>,
}

struct Memory {
    fresh: FreshValues,
    files: FreshFiles,
    frames: VecDeque<UnpackedFrame>,
}

struct UnpackedFrame {
    first_seq: u64,
    /// By place in the frame.
    values: Vec<Option<LoggedValue>>,
}

impl Values {
    pub(super) fn new(
        run: i64,
        files: ValueFiles,
        writer: ValueWriter,
        io_managers: Arc<IoManagers>,
        fresh: FreshValues,
        connection: Connection,
    ) -> Self {
        let memory = Mutex::new(Memory { fresh, files: FreshFiles::default(), frames: VecDeque::new() });
        Self { run, files, writer, io_managers, memory, disk: Mutex::new(connection) }
    }

    /// The form in which a value goes into the log; a large one is on disk when this returns.
    pub(super) fn write(
        &self,
        value: Value,
        keeper: Option<Keeper>,
        interrupt: &Interrupt,
    ) -> io::Result<LoggedValue> {
        if let Some(keeper) = keeper {
            return self.give(value, keeper, interrupt);
        }
        match value {
            Value::Json(text) if text.len() > MAX_INLINE_BYTES => {
                self.write_file(text.into_string().into_bytes()).map(LoggedValue::JsonFile)
            }
            Value::Bytes(bytes) if bytes.len() > MAX_INLINE_BYTES => {
                self.write_file(bytes).map(LoggedValue::BytesFile)
            }
            Value::Json(text) => Ok(LoggedValue::Json(text)),
            Value::Bytes(bytes) => Ok(LoggedValue::Bytes(bytes)),
            Value::Blob(blob) => {
                self.fetch(&blob, interrupt)?;
                let BlobRef { digest, size, media_type, .. } = blob;
                let file = Box::new(ValueFile { digest: digest.0, size });
                Ok(LoggedValue::Blob { file, media_type: media_type.into() })
            }
        }
    }

    /// Keeps the content of a value in a file.
    fn write_file(&self, content: Vec<u8>) -> io::Result<Box<ValueFile>> {
        let (digest, size) = (self.writer.write(&content)?, content.len() as u64);
        self.memory().files.keep(digest, content);
        Ok(Box::new(ValueFile { digest, size }))
    }

    /// Reads a file with the content of a value.
    fn read_file(&self, digest: [u8; 32]) -> io::Result<Vec<u8>> {
        let fresh = self.memory().files.find(digest);
        fresh.map_or_else(|| self.files.read(digest), |content| Ok(content.to_vec()))
    }

    /// Gives a value to an IO manager.
    fn give(&self, value: Value, keeper: Keeper, interrupt: &Interrupt) -> io::Result<LoggedValue> {
        let write = |content: &mut dyn Read| self.io_managers.write(&keeper, content, interrupt);
        let hashed = |content: &[u8]| (*blake3::hash(content).as_bytes(), content.len() as u64);
        let (form, (digest, size)) = match value {
            Value::Json(text) => {
                write(&mut text.as_bytes())?;
                (ValueForm::Json, hashed(text.as_bytes()))
            }
            Value::Bytes(bytes) => {
                write(&mut bytes.as_slice())?;
                (ValueForm::Bytes, hashed(&bytes))
            }
            Value::Blob(blob) => {
                write(&mut self.open_blob(&blob, interrupt)?)?;
                (ValueForm::Blob(blob.media_type), (blob.digest.0, blob.size))
            }
        };
        Ok(LoggedValue::Kept(Box::new(KeptValue { keeper, digest, size, form })))
    }

    /// Reads what an IO manager keeps; a blob is read in chunks, if at all.
    fn take_kept(&self, kept: &KeptValue, interrupt: &Interrupt) -> io::Result<Value> {
        let content = || {
            let mut content = Vec::new();
            self.open_kept(&kept.keeper, kept.size, kept.digest, interrupt)?.read_to_end(&mut content)?;
            io::Result::Ok(content)
        };
        Ok(match &kept.form {
            ValueForm::Json => json(content()?)?,
            ValueForm::Bytes => Value::Bytes(content()?),
            ValueForm::Blob(media_type) => {
                let (digest, media_type) = (BlobDigest(kept.digest), media_type.clone());
                let keeper = Some(Box::new(kept.keeper.clone()));
                Value::Blob(BlobRef { digest, size: kept.size, media_type, keeper })
            }
        })
    }

    fn open_kept(
        &self,
        keeper: &Keeper,
        size: u64,
        digest: [u8; 32],
        interrupt: &Interrupt,
    ) -> io::Result<impl Read + use<'_>> {
        let object = self.io_managers.open(keeper, interrupt)?;
        let name = format!("`{}` of IO manager `{}`", keeper.path, keeper.io_manager);
        // One byte more than there should be is enough to see that it is not what it was.
        Ok(Checked::new(object.take(size + 1), name, digest))
    }

    /// Sees to it that a blob's content is in a file here.
    fn fetch(&self, blob: &BlobRef, interrupt: &Interrupt) -> io::Result<()> {
        let Some(keeper) = &blob.keeper else { return Ok(()) };
        // Claimed before it is looked for: it does not go meanwhile.
        self.writer.claim(blob.digest.0)?;
        if self.files.has(blob.digest.0) {
            return Ok(());
        }
        self.copied(blob, keeper, interrupt)?.keep().map(drop)
    }

    /// A new file with the content of a blob that an IO manager keeps.
    fn copied(&self, blob: &BlobRef, keeper: &Keeper, interrupt: &Interrupt) -> io::Result<NewFile> {
        let mut file = self.writer.create()?;
        io::copy(&mut self.open_kept(keeper, blob.size, blob.digest.0, interrupt)?, &mut file)?;
        Ok(file)
    }

    /// Remembers a value that was just appended, after those before it.
    pub(super) fn keep_fresh(&self, seq: u64, value: LoggedValue) {
        self.memory().fresh.keep(seq, value);
    }

    /// Reads a value. `log` is the log that it is in.
    pub(super) fn read(
        &self,
        value: ValueRef,
        log: Option<&EventLog>,
        interrupt: &Interrupt,
    ) -> io::Result<Value> {
        // By far the most of what is read was just written, and is short.
        if let Some(value) = self.memory().fresh.find(value.id).and_then(LoggedValue::here) {
            return Ok(value);
        }
        let logged = self.logged(value.id, log)?;
        match (logged.here(), &logged) {
            (Some(value), _) => Ok(value),
            (None, LoggedValue::JsonFile(file)) => self.read_file(file.digest).and_then(json),
            (None, LoggedValue::BytesFile(file)) => self.read_file(file.digest).map(Value::Bytes),
            (None, LoggedValue::Kept(kept)) => self.take_kept(kept, interrupt),
            (None, _) => unreachable!("every other value is at hand"),
        }
    }

    /// A value as it is in the log.
    fn logged(&self, seq: u64, log: Option<&EventLog>) -> io::Result<LoggedValue> {
        let known = |memory: &mut Memory| memory.fresh.find(seq).cloned().or_else(|| memory.unpacked(seq));
        if let Some(value) = known(&mut self.memory()) {
            return Ok(value);
        }
        // It was dropped from memory, perhaps before it was written.
        log.map_or(Ok(()), |log| log.wait_for(seq)).map_err(io::Error::other)?;
        let frame = self.frame_of(seq)?;
        let memory = &mut *self.memory();
        memory.frames.push_back(frame);
        if memory.frames.len() > MAX_FRAMES {
            memory.frames.pop_front();
        }
        memory
            .unpacked(seq)
            .ok_or_else(|| io::Error::other(format!("entry {seq} of the event log has no value")))
    }

    fn frame_of(&self, seq: u64) -> io::Result<UnpackedFrame> {
        let connection = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = frame::containing(&connection, self.run, seq)?;
        let first_seq = entries.first().map_or(seq, |entry| entry.seq);
        let value = |fact| if let Fact::OutputEmitted { value, .. } = fact { Some(value) } else { None };
        let values = entries.into_iter().map(|entry| value(entry.fact)).collect();
        Ok(UnpackedFrame { first_seq, values })
    }

    /// Opens a blob's content. What an IO manager keeps is read whole and checked before the first of it is handed out.
    pub(super) fn open_blob(
        &self,
        blob: &BlobRef,
        interrupt: &Interrupt,
    ) -> io::Result<Box<dyn Read + Send>> {
        match &blob.keeper {
            None => Ok(Box::new(self.files.open(blob.digest.0)?)),
            Some(keeper) => Ok(Box::new(self.copied(blob, keeper, interrupt)?.into_reader()?)),
        }
    }

    /// Begins a blob.
    pub(super) fn create_blob(&self, media_type: &str) -> io::Result<Box<dyn BlobSink>> {
        self.writer.create_blob(media_type)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(content: Vec<u8>) -> io::Result<Value> {
    let text = String::from_utf8(content).map_err(io::Error::other)?;
    Ok(Value::Json(text.into()))
}

impl Memory {
    fn unpacked(&self, seq: u64) -> Option<LoggedValue> {
        self.frames.iter().find_map(|frame| {
            let place = usize::try_from(seq.checked_sub(frame.first_seq)?).ok()?;
            frame.values.get(place)?.clone()
        })
    }
}
