//! The database: its tables, and how it is opened.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::StoreError;

/// Marks a file as a store of fanfold: "fanf" in ASCII.
const APPLICATION_ID: i32 = 0x6661_6e66;
/// How long a process waits for others that use the database, and between attempts to open it.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
/// Of the pragma `auto_vacuum`.
const INCREMENTAL: i32 = 2;
/// The newest version of the tables and of what is in them. A store of a newer version is refused, one of an older version migrated.
/// Version 3 has the tables of version 2, and [`frame`](super::frame)s that older programs cannot read.
const VERSION: i32 = 3;

const VERSION_1: &str = "
CREATE TABLE runs (
    number        INTEGER PRIMARY KEY,
    run_id        TEXT NOT NULL UNIQUE CHECK (length(run_id) BETWEEN 1 AND 64),
    pipeline      TEXT NOT NULL,
    plan          TEXT NOT NULL CHECK (json_valid(plan)),
    plugins       TEXT NOT NULL CHECK (json_valid(plugins)),
    granted       TEXT NOT NULL CHECK (json_valid(granted)),
    created_at_ms INTEGER NOT NULL CHECK (created_at_ms >= 0),
    ended_at_ms   INTEGER CHECK (ended_at_ms >= created_at_ms),
    outcome       TEXT CHECK (outcome IN ('succeeded', 'failed', 'canceled')),
    CHECK ((outcome IS NULL) = (ended_at_ms IS NULL))
) STRICT;

-- Entries first_seq to first_seq + entries - 1 of a run's event log, packed.
CREATE TABLE frames (
    run       INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    first_seq INTEGER NOT NULL CHECK (first_seq >= 0),
    entries   INTEGER NOT NULL CHECK (entries > 0),
    body      BLOB NOT NULL,
    PRIMARY KEY (run, first_seq)
) STRICT;

-- Which value files a run needs.
CREATE TABLE value_files (
    run    INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (run, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX value_files_by_digest ON value_files (digest);
";

const VERSION_2: &str = "
-- The run that a run is a retry of, and what it takes from it.
ALTER TABLE runs ADD COLUMN parent TEXT CHECK (length(parent) BETWEEN 1 AND 64);
ALTER TABLE runs ADD COLUMN retry_mode TEXT
    CHECK (json_valid(retry_mode) AND (retry_mode IS NULL) = (parent IS NULL));

-- What other processes ask of the one that drives a run.
CREATE TABLE cancel_requests (
    number INTEGER PRIMARY KEY,
    run    INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    step   TEXT,
    answer TEXT
) STRICT;
CREATE INDEX cancel_requests_by_run ON cancel_requests (run) WHERE answer IS NULL;

-- What each run made last of each partition of an asset; the empty partition for an asset without.
CREATE TABLE materializations (
    asset     TEXT NOT NULL CHECK (json_type(asset) = 'array'),
    partition TEXT NOT NULL,
    run       INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    seq       INTEGER NOT NULL CHECK (seq >= 0),
    at_ms     INTEGER NOT NULL,
    step      TEXT NOT NULL,
    metadata  TEXT NOT NULL CHECK (json_valid(metadata)),
    PRIMARY KEY (asset, partition, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX materializations_by_run ON materializations (run);

-- The files that a run's pipeline was made from.
ALTER TABLE runs ADD COLUMN sources TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(sources));

-- True from the moment when a run's removal begins: what is left of it is garbage.
ALTER TABLE runs ADD COLUMN is_removed INTEGER NOT NULL DEFAULT 0 CHECK (is_removed IN (0, 1));
CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;

-- How far a run is, as its log says up to some entry: kept so that nobody has to read all of that.
CREATE TABLE progress (
    run     INTEGER PRIMARY KEY REFERENCES runs (number) ON DELETE CASCADE,
    entries INTEGER NOT NULL CHECK (entries >= 0),
    body    TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
";

/// Opens the database in a file, making or migrating its tables.
///
/// Of two processes that make a database at the same time, one is told at once that it is locked, lest they wait for each
/// other; that one begins anew.
pub(super) fn open(file: &Path) -> Result<Connection, StoreError> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match open_once(file) {
            Err(StoreError::Database(error))
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < give_up =>
            {
                std::thread::sleep(PAUSE);
            }
            opened => return opened,
        }
    }
}

fn open_once(file: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(PATIENCE)?;
    // Heard while the file is empty; later it would be a write for each connection. Space is given back on request, a
    // little at a time.
    if connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i32>(0))? != INCREMENTAL {
        connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit is on disk when it returns: it happens some 20 times a second, off the run's way.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let version = version(&connection, file)?;
    if version < VERSION {
        migrate(&mut connection)?;
    }
    Ok(connection)
}

fn version(connection: &Connection, file: &Path) -> Result<i32, StoreError> {
    // One look: between two of them another process may make the tables, and they would seem to be a stranger's.
    let connection = connection.unchecked_transaction()?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(StoreError::NotAStore(file.to_owned()));
    }
    if version > VERSION {
        return Err(StoreError::TooNew { file: file.to_owned(), version, known: VERSION });
    }
    Ok(version)
}

/// Brings the tables to [`VERSION`]. Another process may do the same at the same time: who comes second finds it done.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let change = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i32 = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < 1 {
        change.execute_batch(VERSION_1)?;
    }
    if version < 2 {
        change.execute_batch(VERSION_2)?;
    }
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    change.pragma_update(None, "user_version", VERSION)?;
    change.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_a_store_that_is_there_writes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("runs.db");
        let _kept = open(&file).unwrap();
        let written = || std::fs::read(directory.path().join("runs.db-wal")).unwrap();
        let before = written();
        let again = open(&file).unwrap();
        assert_eq!(written(), before);
        let vacuum: i32 = again.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).unwrap();
        assert_eq!(vacuum, INCREMENTAL);
    }

    #[test]
    fn many_make_one_store_at_the_same_time() {
        for _ in 0..20 {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("runs.db");
            std::thread::scope(|scope| {
                let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&file).map(drop))).collect();
                for opener in openers {
                    opener.join().unwrap().unwrap();
                }
            });
        }
    }

    #[test]
    fn a_migration_that_ends_half_way_has_changed_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("runs.db");
        let old = Connection::open(&file).unwrap();
        // The last table of the new version is in the way.
        old.execute_batch(VERSION_1).unwrap();
        old.execute_batch("CREATE TABLE progress (x)").unwrap();
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        assert!(open(&file).is_err());
        assert_eq!(version(&old, &file).unwrap(), 1);
        assert!(old.prepare("SELECT parent FROM runs").is_err());
        old.execute_batch("DROP TABLE progress").unwrap();
        drop(old);
        assert_eq!(version(&open(&file).unwrap(), &file).unwrap(), VERSION);
    }

    #[test]
    fn a_store_of_version_1_is_migrated_with_its_runs() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("runs.db");
        let old = Connection::open(&file).unwrap();
        old.execute_batch(VERSION_1).unwrap();
        old.execute_batch(
            "INSERT INTO runs (run_id, pipeline, plan, plugins, granted, created_at_ms)
             VALUES ('r', 'p', '{}', '{}', '[]', 0)",
        )
        .unwrap();
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        drop(old);
        let new = open(&file).unwrap();
        assert_eq!(version(&new, &file).unwrap(), VERSION);
        let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let kept: (String, Option<String>) =
            new.query_row("SELECT run_id, parent FROM runs", (), columns).unwrap();
        assert_eq!(kept, ("r".to_owned(), None));
        // A parent and what is taken of it go together.
        assert!(new.execute("UPDATE runs SET parent = 'q'", ()).is_err());
        assert!(new.execute("UPDATE runs SET parent = 'q', retry_mode = '\"whole\"'", ()).is_ok());
    }
}
