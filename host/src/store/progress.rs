//! How far a run is, kept beside its log by whoever drives it. Only the log is the truth: what is kept here tells up to
//! which entry it is true, and can be made again from there.

use rusqlite::{OptionalExtension, params};

use super::{OpenRun, RunRecord, Store, StoreError};
use crate::report::Snapshot;

/// A snapshot, and how many entries of the log it tells about.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Entries of the log.
    pub entries: u64,
    /// What the run was like after them.
    pub snapshot: Snapshot,
}

impl Store {
    /// What was kept last of how far a run is, if anything was.
    pub fn progress(&self, run: &RunRecord) -> Result<Option<Progress>, StoreError> {
        let kept: Option<(i64, String)> = self
            .connection
            .query_row("SELECT entries, body FROM progress WHERE run = ?1", [run.number], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        // What another version kept may read otherwise: then there is still the log.
        Ok(kept.and_then(|(entries, body)| {
            let snapshot = serde_json::from_str(&body).ok()?;
            Some(Progress { entries: entries.cast_unsigned(), snapshot })
        }))
    }
}

impl OpenRun {
    /// Keeps how far the run is.
    pub fn keep_progress(&self, progress: &Progress) -> Result<(), StoreError> {
        self.connection().execute(
            "INSERT INTO progress (run, entries, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (run) DO UPDATE SET entries = excluded.entries, body = excluded.body",
            params![self.number, progress.entries.cast_signed(), super::json(&progress.snapshot)?],
        )?;
        Ok(())
    }
}
