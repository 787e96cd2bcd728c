//! The run store: the truth about every run. An embedded database holds each run's plan and event log, files beside it
//! the large values.
//!
//! Invariants:
//! - A run changes by appending to its log, and by nothing else.
//! - One process at a time appends to a run: who opens it holds its lock.
//! - What a reader sees is a beginning of the log, whoever writes at the same time.
//!
//! Deliberately absent: what entries mean for a run (the core's), and when to retry or resume (the orchestrator's).

mod asset;
mod cancel_request;
mod entry;
mod event_log;
mod frame;
mod open_run;
mod recorded_log;
mod run_id;
mod run_record;
mod schema;
mod value_files;
mod values;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fanfold_graph::pipeline::Pipeline;
use rusqlite::{Connection, OptionalExtension, params};

pub use asset::{Asset, Materialization};
pub use cancel_request::{CancelRequest, Canceled, MadeRequest};
pub use entry::{Entry, Fact, KeptValue, LoggedValue, ValueForm};
pub use event_log::LogError;
pub use frame::DamagedFrame;
pub use open_run::{OpenRun, RunValues};
pub use recorded_log::RecordedLog;
pub use run_id::{RunId, RunIdError};
pub use run_record::{
    GrantedDirectory, GrantedHost, GrantedVariable, PluginDigests, RetryMode, RetryOf, RunGrant, RunRecord,
    outcome_word,
};

use crate::io_manager::IoManagers;
use event_log::EventLog;
use value_files::ValueFiles;
use values::Values;

/// A store, in a directory.
pub struct Store {
    directory: PathBuf,
    connection: Connection,
    io_managers: Arc<IoManagers>,
}

/// Why the store cannot do its part.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be used.
    #[error("cannot use the store directory `{}`: {error}", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// The database cannot be read or written.
    #[error("cannot use the store: {0}")]
    Database(#[from] rusqlite::Error),
    /// The file is something else.
    #[error("`{}` is a database, but no store of fanfold", .0.display())]
    NotAStore(PathBuf),
    /// A newer version wrote it.
    #[error("the store `{}` has form {version}, this version of fanfold knows {known}", file.display())]
    TooNew {
        /// The database.
        file: PathBuf,
        /// Its form.
        version: i32,
        /// The newest form that is known.
        known: i32,
    },
    /// A run of that name exists.
    #[error("there is a run `{0}` already")]
    RunExists(RunId),
    /// Another process has the run open.
    #[error("another process is running `{0}`")]
    RunInUse(RunId),
    /// A record of the store makes no sense.
    #[error("the store's record of run `{run_id}` is damaged: {problem}")]
    Damaged {
        /// The run.
        run_id: String,
        /// What is wrong.
        problem: String,
    },
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl StoreError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooNew { .. } => Some("upgrade fanfold, or use another `--store`".to_owned()),
            Self::RunExists(_) => Some("choose another `--run-id`".to_owned()),
            Self::RunInUse(_) => Some("wait until it ends, or cancel it there".to_owned()),
            Self::NotAStore(_) => Some("use another `--store`".to_owned()),
            _ => None,
        }
    }
}

impl Store {
    /// Opens the store in a directory, making it if there is none.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let unusable = |error| StoreError::Directory { directory: directory.to_owned(), error };
        std::fs::create_dir_all(directory.join("locks")).map_err(unusable)?;
        let connection = schema::open(&database(directory))?;
        Ok(Self { directory: directory.to_owned(), connection, io_managers: Arc::default() })
    }

    /// Opens the store in a directory, if there is one.
    pub fn open_existing(directory: &Path) -> Result<Option<Self>, StoreError> {
        if database(directory).exists() { Self::open(directory).map(Some) } else { Ok(None) }
    }

    /// The store with these IO managers, which may keep values of its runs.
    #[must_use]
    pub fn with_io_managers(self, io_managers: IoManagers) -> Self {
        Self { io_managers: Arc::new(io_managers), ..self }
    }

    /// The IO managers that may keep values of its runs.
    pub fn io_managers(&self) -> &IoManagers {
        &self.io_managers
    }

    /// Records a new run, and opens it.
    pub fn create(
        &self,
        run_id: &RunId,
        pipeline: &Pipeline,
        plugins: &PluginDigests,
        granted: &[RunGrant],
    ) -> Result<OpenRun, StoreError> {
        self.insert(run_id, pipeline, plugins, granted, None)
    }

    /// Records a new run of a recorded one's pipeline, and opens it.
    pub fn create_retry(
        &self,
        run_id: &RunId,
        parent: &RunRecord,
        mode: &RetryMode,
        plugins: &PluginDigests,
        granted: &[RunGrant],
    ) -> Result<OpenRun, StoreError> {
        self.insert(run_id, &parent.pipeline, plugins, granted, Some((&parent.run_id, mode)))
    }

    fn insert(
        &self,
        run_id: &RunId,
        pipeline: &Pipeline,
        plugins: &PluginDigests,
        granted: &[RunGrant],
        retry_of: Option<(&RunId, &RetryMode)>,
    ) -> Result<OpenRun, StoreError> {
        let lock = self.lock(run_id)?;
        let inserted = self.connection.execute(
            "INSERT INTO runs (run_id, pipeline, plan, plugins, granted, created_at_ms, parent, retry_mode)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                run_id.as_str(),
                pipeline.name.as_str(),
                json(pipeline)?,
                json(plugins)?,
                json(&granted)?,
                now_ms().cast_signed(),
                retry_of.map(|(parent, _)| parent.as_str()),
                retry_of.map(|(_, mode)| json(mode)).transpose()?,
            ],
        );
        match inserted {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == rusqlite::ErrorCode::ConstraintViolation =>
            {
                return Err(StoreError::RunExists(run_id.clone()));
            }
            other => other?,
        };
        self.open_run(self.connection.last_insert_rowid(), 0, lock)
    }

    /// Opens a recorded run to continue it, and returns its log so far. Nobody else can until it is dropped.
    pub fn reopen(&self, record: &RunRecord) -> Result<(OpenRun, Vec<Entry>), StoreError> {
        let lock = self.lock(&record.run_id)?;
        self.connection.execute(
            "UPDATE runs SET ended_at_ms = NULL, outcome = NULL WHERE number = ?1",
            [record.number],
        )?;
        // Made to somebody who is gone.
        self.connection.execute("DELETE FROM cancel_requests WHERE run = ?1", [record.number])?;
        let entries = self.entries(record)?;
        Ok((self.open_run(record.number, entries.len() as u64, lock)?, entries))
    }

    /// The run of that name.
    pub fn find(&self, run_id: &str) -> Result<Option<RunRecord>, StoreError> {
        let mut query = self.connection.prepare(&format!("{} WHERE run_id = ?1", run_record::SELECT))?;
        query.query_row([run_id], run_record::row).optional()?.map(RunRecord::try_from).transpose()
    }

    /// All runs, newest first.
    pub fn runs(&self) -> Result<Vec<RunRecord>, StoreError> {
        let mut query = self.connection.prepare(&format!("{} ORDER BY number DESC", run_record::SELECT))?;
        let rows = query.query_map([], run_record::row)?.collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(RunRecord::try_from).collect()
    }

    /// The names of all runs, newest first.
    pub fn run_ids(&self) -> Result<Vec<String>, StoreError> {
        let mut query = self.connection.prepare("SELECT run_id FROM runs ORDER BY number DESC")?;
        Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// True while some process has the run open.
    pub fn is_open(&self, run_id: &RunId) -> Result<bool, StoreError> {
        match self.lock(run_id) {
            Ok(_) => Ok(false),
            Err(StoreError::RunInUse(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// A run's log, as far as it is on disk.
    pub fn entries(&self, run: &RunRecord) -> Result<Vec<Entry>, StoreError> {
        self.entries_from(run, 0)
    }

    /// A run's log from an entry on that begins a frame: 0, or the end of what was read before.
    pub fn entries_from(&self, run: &RunRecord, from: u64) -> Result<Vec<Entry>, StoreError> {
        let mut query = self.connection.prepare(
            "SELECT first_seq, entries, body FROM frames WHERE run = ?1 AND first_seq >= ?2 ORDER BY first_seq",
        )?;
        let mut rows = query.query(params![run.number, from.cast_signed()])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let first_seq = row.get::<_, i64>(0)?.cast_unsigned();
            let damaged = |problem: String| StoreError::Damaged { run_id: run.run_id.to_string(), problem };
            let next = from + entries.len() as u64;
            if first_seq != next {
                return Err(damaged(format!("entry {next} of its log is missing")));
            }
            let unpacked =
                frame::unpack(first_seq, row.get(1)?, row.get_ref(2)?.as_blob().unwrap_or_default());
            entries.extend(unpacked.map_err(|error| damaged(error.to_string()))?);
        }
        Ok(entries)
    }

    /// Reads the values of a recorded run.
    pub fn values(&self, run: &RunRecord) -> Result<RunValues, StoreError> {
        let connection = schema::open(&database(&self.directory))?;
        Ok(RunValues::new(self.run_values(run.number, connection)))
    }

    /// Reads single entries of a recorded run's log.
    pub fn log(&self, run: &RunRecord) -> Result<RecordedLog, StoreError> {
        Ok(RecordedLog::new(run.number, schema::open(&database(&self.directory))?))
    }

    fn open_run(&self, number: i64, entries: u64, lock: File) -> Result<OpenRun, StoreError> {
        let file = database(&self.directory);
        let log = EventLog::continue_after(entries, number, schema::open(&file)?);
        let unusable = |error| StoreError::Directory { directory: self.directory.clone(), error };
        let values = self.run_values(number, schema::open(&file)?);
        Ok(OpenRun::new(number, log.map_err(unusable)?, values, schema::open(&file)?, lock))
    }

    fn run_values(&self, number: i64, connection: Connection) -> Values {
        let files = ValueFiles::in_store(&self.directory);
        Values::new(number, files, Arc::clone(&self.io_managers), connection)
    }

    /// Takes a run's lock. The system gives it back when the process ends, however it ends.
    fn lock(&self, run_id: &RunId) -> Result<File, StoreError> {
        let path = self.directory.join("locks").join(run_id.as_str());
        let unusable = |error| StoreError::Directory { directory: self.directory.clone(), error };
        let lock = File::create(path).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::RunInUse(run_id.clone())),
            Err(std::fs::TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}

fn database(directory: &Path) -> PathBuf {
    directory.join("runs.db")
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The JSON text that a column holds.
fn json(value: &impl serde::Serialize) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
