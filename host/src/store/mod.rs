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
mod fresh_files;
mod fresh_values;
mod lock;
mod open_run;
mod progress;
mod recorded_log;
mod removal;
mod run_id;
mod run_record;
mod schema;
mod value_files;
mod value_writer;
mod values;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, params};

pub use asset::{Asset, Materialization};
pub use cancel_request::{CancelRequest, Canceled, MadeRequest};
pub use entry::{Entry, Fact, KeptValue, LoggedValue, ValueFile, ValueForm};
pub use event_log::LogError;
pub use frame::DamagedFrame;
pub use open_run::{OpenRun, RunValues};
pub use progress::Progress;
pub use recorded_log::RecordedLog;
pub use removal::Removed;
pub use run_id::{RunId, RunIdError};
pub use run_record::{
    GrantedDirectory, GrantedHost, GrantedVariable, NewRun, PluginDigests, RetryMode, RetryOf, RunGrant,
    RunRecord, SourceFile, outcome_word,
};

use crate::io_manager::IoManagers;
use event_log::EventLog;
use fresh_values::FreshValues;
use value_files::ValueFiles;
use value_writer::ValueWriter;
use values::Values;

/// Fresh values that are kept in memory where the log is written, in bytes.
const MAX_FRESH_BYTES: usize = 16 << 20;
/// Frames of a log that are read at once.
const PAGE_FRAMES: u32 = 16;

/// How often, and after how long, a run's lock is tried again.
const LOCK_ATTEMPTS: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A store, in a directory.
pub struct Store {
    directory: PathBuf,
    /// Where it ends with this process.
    temporary: Option<tempfile::TempDir>,
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
    /// Another run may take steps from it.
    #[error("run `{run_id}` is needed by `{by}`, a retry of it that has not ended")]
    RunNeeded {
        /// The run.
        run_id: RunId,
        /// The other run.
        by: String,
    },
    /// There is no such run any more.
    #[error("run `{0}` was removed")]
    RunGone(RunId),
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
            Self::RunNeeded { .. } => Some("let that one end, or remove it first".to_owned()),
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
        Ok(Self { directory: directory.to_owned(), temporary: None, connection, io_managers: Arc::default() })
    }

    /// A store that ends with this process: logs are not written, values stay in memory, large ones in a temporary
    /// directory. What it costs is durability: a run in it cannot be looked at or resumed by anybody else.
    pub fn in_memory() -> Result<Self, StoreError> {
        let unusable = |error| StoreError::Directory { directory: std::env::temp_dir(), error };
        let temporary = tempfile::Builder::new().prefix("fanfold-").tempdir().map_err(unusable)?;
        let store = Self::open(temporary.path())?;
        store.connection.pragma_update(None, "synchronous", "OFF")?;
        Ok(Self { temporary: Some(temporary), ..store })
    }

    /// False if it ends with this process.
    pub fn is_kept(&self) -> bool {
        self.temporary.is_none()
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
    pub fn create(&self, run_id: &RunId, new: &NewRun<'_>) -> Result<OpenRun, StoreError> {
        self.insert(run_id, new, None)
    }

    /// Records a new run that takes steps from another one, and opens it.
    pub fn create_retry(
        &self,
        run_id: &RunId,
        new: &NewRun<'_>,
        parent: &RunId,
        mode: &RetryMode,
    ) -> Result<OpenRun, StoreError> {
        self.insert(run_id, new, Some((parent, mode)))
    }

    fn insert(
        &self,
        run_id: &RunId,
        new: &NewRun<'_>,
        retry_of: Option<(&RunId, &RetryMode)>,
    ) -> Result<OpenRun, StoreError> {
        let lock = self.lock(run_id)?;
        let inserted = self.connection.execute(
            "INSERT INTO runs (run_id, pipeline, plan, plugins, granted, sources, created_at_ms, parent, retry_mode)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
             WHERE ?8 IS NULL OR EXISTS (SELECT 1 FROM runs WHERE run_id = ?8 AND NOT is_removed)",
            params![
                run_id.as_str(),
                new.pipeline.name.as_str(),
                json(new.pipeline)?,
                json(new.plugins)?,
                json(&new.granted)?,
                json(&new.sources)?,
                now_ms().cast_signed(),
                retry_of.map(|(parent, _)| parent.as_str()),
                retry_of.map(|(_, mode)| json(mode)).transpose()?,
            ],
        );
        match (inserted, retry_of) {
            (Err(rusqlite::Error::SqliteFailure(error, _)), _)
                if error.code == rusqlite::ErrorCode::ConstraintViolation =>
            {
                return Err(StoreError::RunExists(run_id.clone()));
            }
            (Ok(0), Some((parent, _))) => return Err(StoreError::RunGone(parent.clone())),
            (other, _) => other?,
        };
        self.open_run(self.connection.last_insert_rowid(), 0, lock)
    }

    /// Opens a recorded run to continue it. Nobody else can until it is dropped.
    pub fn reopen(&self, record: &RunRecord) -> Result<OpenRun, StoreError> {
        let lock = self.lock(&record.run_id)?;
        let reopened = self.connection.execute(
            "UPDATE runs SET ended_at_ms = NULL, outcome = NULL WHERE number = ?1 AND NOT is_removed",
            [record.number],
        )?;
        if reopened == 0 {
            return Err(StoreError::RunGone(record.run_id.clone()));
        }
        // Made to somebody who is gone.
        self.connection.execute("DELETE FROM cancel_requests WHERE run = ?1", [record.number])?;
        self.open_run(record.number, self.log_length(record)?, lock)
    }

    /// The run of that name.
    pub fn find(&self, run_id: &str) -> Result<Option<RunRecord>, StoreError> {
        let mut query = self.connection.prepare(&format!("{} AND run_id = ?1", run_record::SELECT))?;
        query.query_row([run_id], run_record::row).optional()?.map(RunRecord::try_from).transpose()
    }

    /// The newest runs, all of them without a limit.
    pub fn runs(&self, limit: Option<u32>) -> Result<Vec<RunRecord>, StoreError> {
        let newest = format!("{} ORDER BY number DESC LIMIT ?1", run_record::SELECT);
        let mut query = self.connection.prepare(&newest)?;
        // A negative limit is none.
        let limit = limit.map_or(-1, i64::from);
        let rows = query.query_map([limit], run_record::row)?.collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(RunRecord::try_from).collect()
    }

    /// The names of all runs, newest first.
    pub fn run_ids(&self) -> Result<Vec<String>, StoreError> {
        let mut query =
            self.connection.prepare("SELECT run_id FROM runs WHERE NOT is_removed ORDER BY number DESC")?;
        Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// True while some process has the run open.
    pub fn is_open(&self, run_id: &RunId) -> Result<bool, StoreError> {
        let is_free = lock::is_free(&self.lock_file(run_id.as_str()));
        Ok(!is_free.map_err(|error| self.unusable(error))?)
    }

    /// Hands over a run's log entry by entry, as far as it is on disk and a page at a time, from an entry on that begins a
    /// frame: 0, or what this returned before. Returns the place of the entry that comes next, unless `each` ended it.
    pub fn read_log<E: From<StoreError>>(
        &self,
        run: &RunRecord,
        from: u64,
        mut each: impl FnMut(Entry) -> Result<ControlFlow<()>, E>,
    ) -> Result<u64, E> {
        let mut next = from;
        loop {
            let page = self.page(run, next)?;
            if page.is_empty() {
                return Ok(next);
            }
            next += page.len() as u64;
            for entry in page {
                if each(entry)?.is_break() {
                    return Ok(next);
                }
            }
        }
    }

    /// A run's whole log, as far as it is on disk.
    pub fn entries(&self, run: &RunRecord) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        self.read_log(run, 0, |entry| {
            entries.push(entry);
            Ok::<_, StoreError>(ControlFlow::Continue(()))
        })?;
        Ok(entries)
    }

    /// Some frames' entries.
    fn page(&self, run: &RunRecord, from: u64) -> Result<Vec<Entry>, StoreError> {
        let mut query = self.connection.prepare(
            "SELECT first_seq, entries, body FROM frames WHERE run = ?1 AND first_seq >= ?2
             ORDER BY first_seq LIMIT ?3",
        )?;
        let mut rows = query.query(params![run.number, from.cast_signed(), PAGE_FRAMES])?;
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

    /// How many entries of a run's log are on disk.
    pub fn log_length(&self, run: &RunRecord) -> Result<u64, StoreError> {
        let last = "SELECT first_seq + entries FROM frames WHERE run = ?1 ORDER BY first_seq DESC LIMIT 1";
        let length = self.connection.query_row(last, [run.number], |row| row.get::<_, i64>(0)).optional()?;
        Ok(length.map_or(0, i64::cast_unsigned))
    }

    /// Reads the values of a recorded run.
    pub fn values(&self, run: &RunRecord) -> Result<RunValues, StoreError> {
        Ok(RunValues::new(self.run_values(run.number)?))
    }

    /// Reads single entries of a recorded run's log.
    pub fn log(&self, run: &RunRecord) -> Result<RecordedLog, StoreError> {
        Ok(RecordedLog::new(run.number, schema::open(&database(&self.directory))?))
    }

    fn open_run(&self, number: i64, entries: u64, lock: File) -> Result<OpenRun, StoreError> {
        let file = database(&self.directory);
        let log = if self.is_kept() {
            let log = EventLog::continue_after(entries, number, schema::open(&file)?);
            log.map_err(|error| self.unusable(error))?
        } else {
            EventLog::unwritten()
        };
        Ok(OpenRun::new(number, log, self.run_values(number)?, schema::open(&file)?, lock))
    }

    fn run_values(&self, number: i64) -> Result<Values, StoreError> {
        let file = database(&self.directory);
        let files = ValueFiles::in_store(&self.directory);
        let writer = ValueWriter::new(number, files.clone(), schema::open(&file)?, self.is_kept())?;
        let io_managers = Arc::clone(&self.io_managers);
        let fresh = FreshValues::of(if self.is_kept() { MAX_FRESH_BYTES } else { usize::MAX });
        Ok(Values::new(number, files, writer, io_managers, fresh, schema::open(&file)?))
    }

    /// Takes a run's lock. Who only [looks](Self::is_open) has it for a moment, and is waited for.
    fn lock(&self, run_id: &RunId) -> Result<File, StoreError> {
        let file = self.lock_file(run_id.as_str());
        for _ in 0..LOCK_ATTEMPTS {
            if let Some(lock) = lock::lock(&file).map_err(|error| self.unusable(error))? {
                return Ok(lock);
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        Err(StoreError::RunInUse(run_id.clone()))
    }

    fn lock_file(&self, run_id: &str) -> PathBuf {
        self.directory.join("locks").join(run_id)
    }

    fn unusable(&self, error: io::Error) -> StoreError {
        StoreError::Directory { directory: self.directory.clone(), error }
    }
}

fn database(directory: &Path) -> PathBuf {
    directory.join("runs.db")
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The JSON text that a column holds.
fn json(value: &impl serde::Serialize) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
