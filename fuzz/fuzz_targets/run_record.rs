//! A run's row in the store, one column a line: plan, plugins, grants, sources, parent and what is
//! retried.
#![no_main]

use fanfold::store::{PluginDigests, RunGrant, SourceFile, StoreError};
use fanfold_fuzz::store::{self, OpenedStore};
use fanfold_graph::pipeline::Pipeline;
use libfuzzer_sys::fuzz_target;
use rusqlite::params;
use serde::Serialize;
use serde::de::DeserializeOwned;

thread_local! {
    static STORE: OpenedStore = store::with_one_run();
}

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let [plan, plugins, granted, sources, parent, retry_mode] =
        std::array::from_fn(|_| lines.next().filter(|it| !it.is_empty()));
    STORE.with(|store| {
        let written = store.database.execute(
            "UPDATE runs SET plan = ?1, plugins = ?2, granted = ?3, sources = ?4, parent = ?5, retry_mode = ?6",
            params![plan, plugins, granted, sources, parent, retry_mode],
        );
        // The database itself refuses what is no JSON at all.
        if written.is_err() {
            return;
        }
        match store.store.find("r") {
            Ok(record) => {
                let record = record.expect("the run is there");
                is_read_back::<Pipeline>(&record.pipeline);
                is_read_back::<PluginDigests>(&record.plugins);
                is_read_back::<Vec<RunGrant>>(&record.granted);
                is_read_back::<Vec<SourceFile>>(&record.sources);
                assert_eq!(record.retry_of.is_some(), parent.is_some());
            }
            Err(error) => assert!(matches!(error, StoreError::Damaged { .. }), "{error}"),
        }
    });
});

fn is_read_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = serde_json::to_string(value).expect("it has a JSON form");
    assert_eq!(&serde_json::from_str::<T>(&text).expect("it is read back"), value);
}
