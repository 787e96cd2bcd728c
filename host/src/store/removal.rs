//! Removes runs, and the values that no run needs.
//!
//! Invariants:
//! - A run that some process drives is not removed, nor is one whose steps a retry may still take.
//! - A run that is being removed is found by nobody. When that is interrupted, the next garbage collection goes on.
//! - A value file goes in one transaction with the last word that somebody needs it; a run says so before its file
//!   appears ([`ValueWriter`](super::value_writer::ValueWriter)).
//! - The database is never held for long: a run that is recorded meanwhile waits for one batch at most.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::lock::{lock, lock_existing};
use super::value_files::ValueFiles;
use super::{RunRecord, Store, StoreError, now_ms};

/// Rows or files that are removed at once: a few megabytes of the log, a few milliseconds.
const BATCH: u32 = 64;
/// Pages of the database that are given back at once.
const PAGES: u32 = 1024;

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Runs.
    pub runs: u64,
    /// Files: values, and what was left of some.
    pub files: u64,
    /// The length of these files, in bytes.
    pub bytes: u64,
}

impl Removed {
    fn file(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl std::ops::AddAssign for Removed {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

impl Store {
    /// Removes a run: its log, and the values that no other run needs. What an IO manager keeps stays there.
    pub fn remove(&self, run: &RunRecord) -> Result<Removed, StoreError> {
        let lock = self.lock(&run.run_id)?;
        let change = self.change()?;
        let needed_by: Option<String> = change
            .query_row(
                "SELECT run_id FROM runs
                 WHERE parent = ?1 AND (outcome IS NULL OR outcome = 'canceled') AND NOT is_removed LIMIT 1",
                [run.run_id.as_str()],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(by) = needed_by {
            return Err(StoreError::RunNeeded { run_id: run.run_id.clone(), by });
        }
        change.execute("UPDATE runs SET is_removed = 1 WHERE number = ?1", [run.number])?;
        change.commit()?;
        let removed = self.take_down(run.number, run.run_id.as_str());
        drop(lock);
        removed
    }

    /// The names of the runs that are older than `max_age`, or not among the newest `max_runs`, oldest first.
    pub fn excess(
        &self,
        max_age: Option<Duration>,
        max_runs: Option<u32>,
    ) -> Result<Vec<String>, StoreError> {
        if max_age.is_none() && max_runs.is_none() {
            return Ok(Vec::new());
        }
        let oldest = max_age.map(|age| now_ms().saturating_sub(age.as_millis() as u64).cast_signed());
        let mut query = self.connection.prepare(
            "SELECT run_id FROM runs WHERE NOT is_removed AND (
                 coalesce(ended_at_ms, created_at_ms) < ?1 OR number <=
                     (SELECT number FROM runs WHERE NOT is_removed ORDER BY number DESC LIMIT 1 OFFSET ?2))
             ORDER BY number",
        )?;
        // As an offset, a number that no store reaches.
        let max_runs = max_runs.map_or(i64::MAX, i64::from);
        Ok(query.query_map(params![oldest, max_runs], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Removes what nobody needs: the rest of runs whose removal was interrupted, value files of no run, and what is left
    /// of files that were never finished. A dry run removes nothing, and tells the same.
    pub fn collect_garbage(&self, is_dry: bool) -> Result<Removed, StoreError> {
        let mut removed = Removed::default();
        for (number, run_id) in self.half_removed()? {
            let path = self.lock_file(&run_id);
            // Where somebody has the lock, he is removing it.
            let Some(lock) = lock(&path).map_err(|error| self.unusable(error))? else { continue };
            removed.runs += u64::from(is_dry);
            if !is_dry {
                removed += self.take_down(number, &run_id)?;
            }
            drop(lock);
        }
        let files = ValueFiles::in_store(&self.directory);
        remove_unfinished(&files, is_dry, &mut removed).map_err(|error| self.unusable(error))?;
        for shard in files.shards().map_err(|error| self.unusable(error))? {
            let digests = ValueFiles::digests(&shard).map_err(|error| self.unusable(error))?;
            for batch in digests.chunks(BATCH as usize) {
                self.remove_unneeded(&files, batch, is_dry, &mut removed)?;
            }
        }
        if !is_dry {
            self.give_back_space()?;
        }
        Ok(removed)
    }

    /// Removes all of a run that is marked as removed, and whose lock is held.
    fn take_down(&self, run: i64, run_id: &str) -> Result<Removed, StoreError> {
        let files = ValueFiles::in_store(&self.directory);
        let mut removed = Removed { runs: 1, ..Removed::default() };
        while self.remove_value_files(&files, run, &mut removed)? {}
        for batch in [
            "DELETE FROM frames WHERE run = ?1 AND first_seq IN
                 (SELECT first_seq FROM frames WHERE run = ?1 LIMIT ?2)",
            "DELETE FROM materializations WHERE run = ?1 AND (asset, partition) IN
                 (SELECT asset, partition FROM materializations WHERE run = ?1 LIMIT ?2)",
        ] {
            while self.connection.execute(batch, params![run, BATCH])? > 0 {}
        }
        self.connection.execute("DELETE FROM runs WHERE number = ?1", [run])?;
        remove_if_there(&self.lock_file(run_id)).map_err(|error| self.unusable(error))?;
        Ok(removed)
    }

    /// Removes some of a run's value files, except those that others need; false if there are none left.
    fn remove_value_files(
        &self,
        files: &ValueFiles,
        run: i64,
        removed: &mut Removed,
    ) -> Result<bool, StoreError> {
        let change = self.change()?;
        let digests: Vec<[u8; 32]> = change
            .prepare("SELECT digest FROM value_files WHERE run = ?1 LIMIT ?2")?
            .query_map(params![run, BATCH], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for digest in &digests {
            change
                .prepare("DELETE FROM value_files WHERE run = ?1 AND digest = ?2")?
                .execute(params![run, digest])?;
            if !is_needed(&change, *digest)? {
                let bytes = files.remove(*digest).map_err(|error| self.unusable(error))?;
                removed.file(bytes);
            }
        }
        change.commit()?;
        Ok(!digests.is_empty())
    }

    fn remove_unneeded(
        &self,
        files: &ValueFiles,
        digests: &[[u8; 32]],
        is_dry: bool,
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        let change = self.change()?;
        for digest in digests {
            if is_needed(&change, *digest)? {
                continue;
            }
            removed.file(files.size(*digest));
            if !is_dry {
                _ = files.remove(*digest).map_err(|error| self.unusable(error))?;
            }
        }
        change.commit()?;
        Ok(())
    }

    /// Gives the database's free pages back to the file system, a few at a time.
    fn give_back_space(&self) -> Result<(), StoreError> {
        let free = |connection: &Connection| {
            connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0))
        };
        let mut before = free(&self.connection)?;
        while before > 0 {
            self.connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
            let now = free(&self.connection)?;
            if now >= before {
                break;
            }
            before = now;
        }
        // The file itself shrinks at a checkpoint; where a reader is in the way, at the next.
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(())
    }

    fn half_removed(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let mut query = self.connection.prepare("SELECT number, run_id FROM runs WHERE is_removed")?;
        Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    fn change(&self) -> Result<Transaction<'_>, StoreError> {
        Ok(Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?)
    }
}

fn is_needed(connection: &Connection, digest: [u8; 32]) -> Result<bool, rusqlite::Error> {
    connection.prepare(
        "SELECT 1 FROM value_files JOIN runs ON number = run WHERE digest = ?1 AND NOT is_removed LIMIT 1",
    )?.exists([digest])
}

/// Removes files that nobody is writing any more.
pub(super) fn remove_unfinished(files: &ValueFiles, is_dry: bool, removed: &mut Removed) -> io::Result<()> {
    for path in files.unfinished()? {
        let Some(left) = lock_existing(&path)? else { continue };
        removed.file(left.metadata()?.len());
        if !is_dry {
            remove_if_there(&path)?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests;
