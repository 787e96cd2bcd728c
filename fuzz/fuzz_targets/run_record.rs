//! A run's row in the store, one column a line: plan, plugins, grants, sources, parent and what is retried; then what is
//! kept beside it: how far it is, and the key and metadata of an asset.
#![no_main]

use fanfold::metadata_text;
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
    let [plan, plugins, granted, sources, parent, retry_mode, progress, asset, metadata] =
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
        check_progress(store, progress);
        check_asset(store, asset, metadata);
    });
});

fn check_progress(opened: &OpenedStore, body: Option<&str>) {
    let write = "REPLACE INTO progress (run, entries, body) VALUES (1, 0, ?1)";
    // The run's own row may be damaged by now, and is not needed.
    let Ok(Some(record)) = opened.store.find("r") else { return };
    if body.is_some() && opened.database.execute(write, [body]).is_ok() {
        let kept = opened.store.progress(&record).expect("what is not understood is not there");
        kept.iter().for_each(|kept| is_read_back(&kept.snapshot));
    }
}

fn check_asset(opened: &OpenedStore, key: Option<&str>, metadata: Option<&str>) {
    opened.database.execute("DELETE FROM materializations", ()).expect("the index is written");
    let write = "INSERT INTO materializations (asset, partition, run, seq, at_ms, step, metadata)
                 VALUES (?1, '', 1, 0, 0, 's', ?2)";
    if opened.database.execute(write, [key, metadata]).is_err() {
        return;
    }
    match opened.store.assets() {
        Ok(assets) => {
            let [asset] = assets.as_slice() else { panic!("one was made: {assets:?}") };
            is_read_back(&asset.key);
            is_read_back(&asset.latest.metadata);
            assert!(
                asset
                    .latest
                    .metadata
                    .iter()
                    .all(|entry| metadata_text::lines(entry).iter().all(|it| !it.contains(char::is_control)))
            );
        }
        Err(error) => assert!(matches!(error, StoreError::Damaged { .. }), "{error}"),
    }
}

fn is_read_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = serde_json::to_string(value).expect("it has a JSON form");
    assert_eq!(&serde_json::from_str::<T>(&text).expect("it is read back"), value);
}
