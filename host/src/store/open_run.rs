//! A run whose log and values are at hand.

use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fanfold_graph::event::ValueRef;
use fanfold_graph::run::{Outcome, Run};
use rusqlite::{Connection, params};

use super::entry::{Entry, Fact, LoggedValue};
use super::event_log::{EventLog, LogError};
use super::run_record::outcome_word;
use super::values::Values;
use super::{Progress, StoreError, now_ms};
use crate::io_manager::Keeper;
use crate::report::Snapshot;
use crate::sandbox::{BlobRef, BlobSink, Interrupt, Value};

/// A run that this process appends to. Usable from any thread.
pub struct OpenRun {
    pub(super) number: i64,
    log: EventLog,
    values: Values,
    connection: Mutex<Connection>,
    _lock: File,
}

impl OpenRun {
    pub(super) fn new(
        number: i64,
        log: EventLog,
        values: Values,
        connection: Connection,
        lock: File,
    ) -> Self {
        Self { number, log, values, connection: Mutex::new(connection), _lock: lock }
    }

    /// Appends a fact that happened now, in a run of that state, which one thread at a time changes. It will be on disk
    /// soon; [`finish`](Self::finish) waits for it.
    pub fn append(&self, run: &Run, fact: Fact) -> Result<Entry, LogError> {
        self.append_at(run, now_ms(), fact)
    }

    /// As [`append`](Self::append), by a clock that was looked at before: milliseconds since 1970-01-01T00:00:00Z.
    pub fn append_at(&self, run: &Run, now_ms: u64, fact: Fact) -> Result<Entry, LogError> {
        let made_by = matches!(fact, Fact::Materialized { .. }).then(|| fact.step()).flatten();
        let made_by = made_by.map(|step| run.step_key(step).to_string());
        let entry = self.log.append(now_ms, fact, made_by)?;
        if let Fact::OutputEmitted { value, .. } = &entry.fact {
            self.values.keep_fresh(entry.seq, value.clone());
        }
        Ok(entry)
    }

    /// The form in which a value goes into the log. A large one is on disk when this returns, and with a keeper any is in
    /// its IO manager. Waiting for one ends with `interrupt`.
    pub fn write_value(
        &self,
        value: Value,
        keeper: Option<Keeper>,
        interrupt: &Interrupt,
    ) -> io::Result<LoggedValue> {
        self.values.write(value, keeper, interrupt)
    }

    /// Reads a value that is in the log. Waiting for an IO manager ends with `interrupt`.
    pub fn read_value(&self, value: ValueRef, interrupt: &Interrupt) -> io::Result<Value> {
        self.values.read(value, Some(&self.log), interrupt)
    }

    /// Opens a blob's content. Waiting for an IO manager ends with `interrupt`.
    pub fn open_blob(&self, blob: &BlobRef, interrupt: &Interrupt) -> io::Result<Box<dyn io::Read + Send>> {
        self.values.open_blob(blob, interrupt)
    }

    /// Begins a blob.
    pub fn create_blob(&self, media_type: &str) -> io::Result<Box<dyn BlobSink>> {
        self.values.create_blob(media_type)
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many entries the log has, on disk or not yet.
    pub fn log_length(&self) -> u64 {
        self.log.length()
    }

    /// Waits until the whole log is on disk, and records how the run ended, and how far it is.
    pub fn finish(&self, outcome: Outcome, snapshot: Snapshot) -> Result<(), StoreError> {
        self.log.flush()?;
        self.keep_progress(&Progress { entries: self.log_length(), snapshot })?;
        self.connection().execute(
            "UPDATE runs SET ended_at_ms = max(?2, created_at_ms), outcome = ?3 WHERE number = ?1",
            params![self.number, now_ms().cast_signed(), outcome_word(outcome)],
        )?;
        Ok(())
    }
}

/// Reads the values of a run that is recorded.
pub struct RunValues(Values);

impl RunValues {
    pub(super) fn new(values: Values) -> Self {
        Self(values)
    }

    /// Reads a value that is in the log.
    pub fn read(&self, value: ValueRef) -> io::Result<Value> {
        self.0.read(value, None, &Interrupt::default())
    }
}
