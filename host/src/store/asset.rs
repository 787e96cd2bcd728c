//! Which assets runs have made: an index over the materializations in their logs, written with them.
//!
//! A run counts once for each partition of an asset, with its last materialization. When a run is removed, what the
//! runs before it made shows again.

use fanfold_graph::definition::MetadataEntry;
use rusqlite::{Row, Transaction, params};
use serde_json::Value as Json;

use super::entry::{Entry, Fact};
use super::{Store, StoreError};

/// The last materialization of an asset, or of one of its partitions.
#[derive(Debug, Clone, PartialEq)]
pub struct Materialization {
    /// The partition; none for an asset without partitions.
    pub partition: Option<String>,
    /// The run that made it.
    pub run_id: String,
    /// The place of the entry in that run's log.
    pub seq: u64,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
    /// The key of the step that made it.
    pub step: String,
    /// The solid's own facts about it.
    pub metadata: Vec<MetadataEntry>,
}

/// An asset that some run has made.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// Its key, outermost part first.
    pub key: Vec<String>,
    /// How many partitions of it there are; 0 for an asset without.
    pub partitions: u64,
    /// What was made last of it.
    pub latest: Materialization,
}

/// A row of the index that is yet to be written.
#[derive(Debug)]
pub(super) struct Made {
    seq: u64,
    at_ms: u64,
    asset: String,
    partition: String,
    step: String,
    metadata: String,
}

impl Made {
    /// What an entry of the log adds to the index; `step` is the key of its step.
    pub(super) fn of(entry: &Entry, step: Option<String>) -> Option<Self> {
        let (Fact::Materialized { asset_key, partition, metadata, .. }, Some(step)) = (&entry.fact, step)
        else {
            return None;
        };
        Some(Self {
            seq: entry.seq,
            at_ms: entry.at_ms,
            asset: Json::from(asset_key.clone()).to_string(),
            partition: partition.clone().unwrap_or_default(),
            step,
            metadata: serde_json::to_string(metadata).unwrap_or_default(),
        })
    }
}

/// Adds to the index what a run has made.
pub(super) fn index(group: &Transaction<'_>, run: i64, made: &[Made]) -> rusqlite::Result<()> {
    if made.is_empty() {
        return Ok(());
    }
    let mut insert = group.prepare(
        "INSERT INTO materializations (asset, partition, run, seq, at_ms, step, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET
             seq = excluded.seq, at_ms = excluded.at_ms, step = excluded.step, metadata = excluded.metadata",
    )?;
    for it in made {
        let (seq, at_ms) = (it.seq.cast_signed(), it.at_ms.cast_signed());
        insert.execute(params![it.asset, it.partition, run, seq, at_ms, it.step, it.metadata])?;
    }
    Ok(())
}

impl Store {
    /// All assets that runs have made, by key.
    pub fn assets(&self) -> Result<Vec<Asset>, StoreError> {
        // Beside max(), the other columns are those of its row: https://sqlite.org/lang_select.html#bareagg
        let mut query = self.connection.prepare(
            "SELECT partition, run_id, seq, max(at_ms), step, metadata, asset,
                    count(DISTINCT nullif(partition, ''))
             FROM materializations JOIN runs ON runs.number = run WHERE NOT is_removed GROUP BY asset ORDER BY asset",
        )?;
        let mut rows = query.query([])?;
        let mut assets = Vec::new();
        while let Some(row) = rows.next()? {
            assets.push(Asset {
                key: json(row, 6)?,
                partitions: row.get::<_, i64>(7)?.cast_unsigned(),
                latest: materialization(row)?,
            });
        }
        Ok(assets)
    }

    /// Shows what was made last of each partition of an asset, in the order of the partitions' names.
    pub fn each_partition<E: From<StoreError>>(
        &self,
        asset_key: &[String],
        mut show: impl FnMut(Materialization) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut query = self
            .connection
            .prepare(
                "SELECT partition, run_id, seq, max(at_ms), step, metadata
                 FROM materializations JOIN runs ON runs.number = run
                 WHERE asset = ?1 AND NOT is_removed GROUP BY partition ORDER BY partition",
            )
            .map_err(StoreError::from)?;
        let mut rows = query.query([Json::from(asset_key).to_string()]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            show(materialization(row)?)?;
        }
        Ok(())
    }
}

fn materialization(row: &Row<'_>) -> Result<Materialization, StoreError> {
    Ok(Materialization {
        partition: Some(row.get(0)?).filter(|partition: &String| !partition.is_empty()),
        run_id: row.get(1)?,
        seq: row.get::<_, i64>(2)?.cast_unsigned(),
        at_ms: row.get::<_, i64>(3)?.cast_unsigned(),
        step: row.get(4)?,
        metadata: json(row, 5)?,
    })
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, StoreError> {
    let read = |text: &str| serde_json::from_str(text);
    let text: String = row.get(column)?;
    read(&text).map_err(|error| {
        let run_id = row.get(1).unwrap_or_default();
        StoreError::Damaged { run_id, problem: format!("a materialization: {error}") }
    })
}
