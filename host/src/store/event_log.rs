//! The end of a run's event log: takes entries in order, and a thread of its own writes them in groups.
//!
//! Invariants:
//! - Entries are written in the order in which they were appended; what is on disk is always a beginning of the log.
//! - After [`EventLog::flush`] everything appended is on disk.
//! - Once writing failed, nothing more is taken: what is on disk can be resumed.
//!
//! Appending costs a microsecond; it waits only when the disk is [`MAX_PENDING_BYTES`] behind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::asset::{self, Made};
use super::entry::{Entry, Fact};
use super::frame::Frame;

/// A frame is closed at this size.
const FRAME_BYTES: usize = 128 << 10;
/// Entries wait this long for company before they are written: a crash costs so much of the work, and what costs the writer
/// its time is the groups rather than their bytes.
const GROUP_PAUSE: Duration = Duration::from_millis(50);
/// Appending waits while more than this is not written.
const MAX_PENDING_BYTES: usize = 16 << 20;

/// The event log cannot be written. What was written before is sound.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot write the event log: {0}")]
pub struct LogError(String);

/// The writing end of one run's log.
#[derive(Debug)]
pub(super) enum EventLog {
    /// One that goes to disk.
    Written(Writer),
    /// One that goes nowhere: how many entries it was given.
    Unwritten(AtomicU64),
}

/// Has entries written by a thread of its own, until it is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    pending: Mutex<Pending>,
    /// There is something for the writer to do.
    work: Condvar,
    /// The writer has done something.
    done: Condvar,
}

#[derive(Debug)]
struct Pending {
    full: Vec<Frame>,
    last: Frame,
    /// Value files that entries in these frames need.
    files: Vec<[u8; 32]>,
    /// What they add to the index of assets.
    made: Vec<Made>,
    bytes: usize,
    /// How many entries are on disk, or as good as that.
    written: u64,
    /// Everything is wanted on disk at once.
    is_urgent: bool,
    is_closed: bool,
    failed: Option<LogError>,
}

/// What is written at once.
struct Group {
    frames: Vec<Frame>,
    files: Vec<[u8; 32]>,
    made: Vec<Made>,
}

impl Pending {
    fn entries(&self) -> u64 {
        self.last.first_seq + u64::from(self.last.entries)
    }

    /// Takes all frames; the next entry begins a new one.
    fn take(&mut self) -> Group {
        let next = Frame::after(self.entries());
        let mut frames = std::mem::take(&mut self.full);
        frames.push(std::mem::replace(&mut self.last, next));
        frames.retain(|frame| frame.entries > 0);
        self.bytes = 0;
        Group { frames, files: std::mem::take(&mut self.files), made: std::mem::take(&mut self.made) }
    }
}

impl EventLog {
    /// Continues the log of a run that has so many entries, through a connection of its own.
    pub(super) fn continue_after(entries: u64, run: i64, connection: Connection) -> std::io::Result<Self> {
        let shared = Shared::after(entries);
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("fanfold-store".to_owned())
            .spawn(move || for_thread.write_all(run, connection))?;
        Ok(Self::Written(Writer { shared, thread: Some(thread) }))
    }

    /// A log that is written nowhere: only its entries are numbered.
    pub(super) fn unwritten() -> Self {
        Self::Unwritten(AtomicU64::new(0))
    }

    /// Appends an entry; of a materialization, with the key of the step that made it.
    pub(super) fn append(&self, at_ms: u64, fact: Fact, made_by: Option<String>) -> Result<Entry, LogError> {
        match self {
            Self::Written(writer) => writer.append(at_ms, fact, made_by),
            Self::Unwritten(entries) => {
                Ok(Entry { seq: entries.fetch_add(1, Ordering::Relaxed), at_ms, fact })
            }
        }
    }

    /// How many entries were appended.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Written(writer) => writer.shared.lock().entries(),
            Self::Unwritten(entries) => entries.load(Ordering::Relaxed),
        }
    }

    /// Waits until everything appended so far is on disk.
    pub(super) fn flush(&self) -> Result<(), LogError> {
        self.wait_until(self.length())
    }

    /// Waits until an entry is on disk.
    pub(super) fn wait_for(&self, seq: u64) -> Result<(), LogError> {
        self.wait_until(seq + 1)
    }

    fn wait_until(&self, written: u64) -> Result<(), LogError> {
        match self {
            Self::Written(writer) => writer.wait_until(written),
            Self::Unwritten(_) => Ok(()),
        }
    }
}

impl Writer {
    fn append(&self, at_ms: u64, fact: Fact, made_by: Option<String>) -> Result<Entry, LogError> {
        let mut pending = self.shared.lock();
        while pending.bytes > MAX_PENDING_BYTES && pending.failed.is_none() {
            pending = wait(&self.shared.done, pending);
        }
        if let Some(failed) = &pending.failed {
            return Err(failed.clone());
        }
        let seq = pending.entries();
        let before = pending.last.body.len();
        let was_empty = pending.bytes == 0;
        pending.last.push(at_ms, &fact);
        let size = pending.last.body.len();
        pending.bytes += size - before;
        if let Fact::OutputEmitted { value, .. } = &fact {
            pending.files.extend(value.file());
        }
        if size >= FRAME_BYTES {
            let next = Frame::after(seq + 1);
            let full = std::mem::replace(&mut pending.last, next);
            pending.full.push(full);
        }
        if was_empty {
            self.shared.work.notify_one();
        }
        let entry = Entry { seq, at_ms, fact };
        pending.made.extend(Made::of(&entry, made_by));
        Ok(entry)
    }

    fn wait_until(&self, written: u64) -> Result<(), LogError> {
        let mut pending = self.shared.lock();
        while pending.written < written && pending.failed.is_none() {
            pending.is_urgent = true;
            self.shared.work.notify_one();
            pending = wait(&self.shared.done, pending);
        }
        pending.failed.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Writer {
    /// Writes what is left. Whoever wants to know whether that worked flushes first.
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

impl Shared {
    fn after(entries: u64) -> Arc<Self> {
        let pending = Pending {
            full: Vec::new(),
            last: Frame::after(entries),
            files: Vec::new(),
            made: Vec::new(),
            bytes: 0,
            written: entries,
            is_urgent: false,
            is_closed: false,
            failed: None,
        };
        Arc::new(Self { pending: Mutex::new(pending), work: Condvar::new(), done: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer's thread: groups of entries, until the log is closed or cannot be written.
    fn write_all(&self, run: i64, mut connection: Connection) {
        loop {
            let Some(group) = self.next_group() else { return };
            let written = group.write(&mut connection, run);
            let mut pending = self.lock();
            match written {
                Ok(()) => {
                    let end = group.frames.last().map(|frame| frame.first_seq + u64::from(frame.entries));
                    pending.written = end.unwrap_or(pending.written);
                }
                Err(error) => pending.failed = Some(LogError(error.to_string())),
            }
            self.done.notify_all();
            if pending.failed.is_some() {
                return;
            }
        }
    }

    /// Waits for entries, then a little for more of them; none when the log is closed and written.
    fn next_group(&self) -> Option<Group> {
        let mut pending = self.lock();
        while pending.bytes == 0 {
            pending.is_urgent = false;
            if pending.is_closed {
                return None;
            }
            pending = wait(&self.work, pending);
        }
        let is_short = |it: &mut Pending| !it.is_urgent && !it.is_closed && it.bytes < MAX_PENDING_BYTES / 4;
        let waited = self.work.wait_timeout_while(pending, GROUP_PAUSE, is_short);
        pending = waited.unwrap_or_else(PoisonError::into_inner).0;
        Some(pending.take())
    }
}

impl Group {
    fn write(&self, connection: &mut Connection, run: i64) -> rusqlite::Result<()> {
        let group = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        insert_frames(&group, run, &self.frames)?;
        insert_files(&group, run, &self.files)?;
        asset::index(&group, run, &self.made)?;
        group.commit()
    }
}

fn insert_frames(group: &Transaction<'_>, run: i64, frames: &[Frame]) -> rusqlite::Result<()> {
    let mut insert =
        group.prepare("INSERT INTO frames (run, first_seq, entries, body) VALUES (?1, ?2, ?3, ?4)")?;
    for frame in frames {
        insert.execute(params![run, frame.first_seq.cast_signed(), frame.entries, frame.body])?;
    }
    Ok(())
}

fn insert_files(group: &Transaction<'_>, run: i64, files: &[[u8; 32]]) -> rusqlite::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let mut insert = group.prepare("INSERT OR IGNORE INTO value_files (run, digest) VALUES (?1, ?2)")?;
    for digest in files {
        insert.execute(params![run, digest])?;
    }
    Ok(())
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}
