//! A store with one run, whose rows are written past it: what a damaged disk or a stranger may have left there.

use fanfold::store::{NewRun, PluginDigests, RunId, RunRecord, Store};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::example;

/// A store and its database.
pub struct OpenedStore {
    /// As the program sees it.
    pub store: Store,
    /// As it is on disk.
    pub database: Connection,
    _directory: TempDir,
}

/// A store whose only run, `r`, is one of [`example::nested`].
pub fn with_one_run() -> OpenedStore {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a store");
    let run_id = RunId::new("r").expect("a run id");
    let (pipeline, plugins) = (example::nested(), PluginDigests::new());
    let new = NewRun { pipeline: &pipeline, plugins: &plugins, granted: &[], sources: &[] };
    drop(store.create(&run_id, &new).expect("a run"));
    let database = Connection::open(directory.path().join("runs.db")).expect("the database");
    // What is fuzzed is what rows say, not how the database gets them to the disk.
    database.pragma_update(None, "synchronous", "OFF").expect("a setting");
    OpenedStore { store, database, _directory: directory }
}

impl OpenedStore {
    /// The record of the run.
    pub fn record(&self) -> RunRecord {
        self.store.find("r").expect("the store is read").expect("it is there")
    }
}
