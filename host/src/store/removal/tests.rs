use std::fs;

use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::run::{Outcome, Run};
use fanfold_graph::step::{Point, SolidId, StepId};

use super::*;
use crate::report::{Failures, Snapshot, TakenSteps};
use crate::sandbox::{Interrupt, Value};
use crate::store::{Fact, NewRun, OpenRun, PluginDigests, RetryMode, RunId, StoreError};

fn pipeline() -> Pipeline {
    serde_json::from_str(r#"{"name": "p", "definitions": {}, "solids": [], "result": {"list": []}}"#).unwrap()
}

fn id(name: &str) -> RunId {
    RunId::new(name).unwrap()
}

fn create(store: &Store, name: &str, parent: Option<(&str, RetryMode)>) -> Result<OpenRun, StoreError> {
    let (pipeline, plugins) = (pipeline(), PluginDigests::new());
    let new = NewRun { pipeline: &pipeline, plugins: &plugins, granted: &[], sources: &[] };
    match parent {
        None => store.create(&id(name), &new),
        Some((parent, mode)) => store.create_retry(&id(name), &new, &id(parent), &mode),
    }
}

fn state() -> Run {
    Run::new(std::sync::Arc::new(fanfold_graph::plan::Plan::new(pipeline()).unwrap()))
}

fn finish(run: &OpenRun) {
    let snapshot = Snapshot::of(&state(), &Failures::default(), &TakenSteps::default());
    run.finish(Outcome::Succeeded, snapshot).unwrap();
}

/// A value that is too large for the log, of this digit.
fn large(digit: u8) -> Value {
    Value::Bytes(vec![digit; 100_000])
}

fn write(run: &OpenRun, digit: u8) {
    let value = run.write_value(large(digit), None, &Interrupt::default()).unwrap();
    let step = StepId { solid: SolidId(0), point: Point(0) };
    let metadata = Vec::new();
    run.append(&state(), Fact::OutputEmitted { step, output: 0, mapping_key: None, value, metadata })
        .unwrap();
}

fn record(store: &Store, name: &str) -> RunRecord {
    store.find(name).unwrap().unwrap()
}

fn files(store: &Store) -> usize {
    let shards = ValueFiles::in_store(&store.directory).shards().unwrap();
    shards.iter().map(|shard| ValueFiles::digests(shard).unwrap().len()).sum()
}

const NOTHING: Removed = Removed { runs: 0, files: 0, bytes: 0 };

#[test]
fn a_run_goes_with_what_only_it_needs() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    for (name, digits) in [("a", 0..150), ("b", 100..151)] {
        let run = create(&store, name, None).unwrap();
        digits.for_each(|digit| write(&run, digit));
        finish(&run);
    }
    assert_eq!(files(&store), 151);
    assert_eq!(store.collect_garbage(false).unwrap(), NOTHING);
    let removed = store.remove(&record(&store, "a")).unwrap();
    assert_eq!(removed, Removed { runs: 1, files: 100, bytes: 10_000_000 });
    assert_eq!((files(&store), store.run_ids().unwrap()), (51, vec!["b".to_owned()]));
    assert!(!store.lock_file("a").exists());
    // What the other run needs is still there, and its name may be taken again.
    let values = record(&store, "b");
    assert_eq!(store.entries(&values).unwrap().len(), 51);
    drop(create(&store, "a", None).unwrap());
    store.remove(&record(&store, "b")).unwrap();
    assert_eq!((files(&store), store.collect_garbage(false).unwrap()), (0, NOTHING));
}

#[test]
fn what_is_in_use_or_needed_stays() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let parent = create(&store, "parent", None).unwrap();
    write(&parent, 1);
    // Written and in no log yet: a live run may be about to append it.
    _ = parent.write_value(large(2), None, &Interrupt::default()).unwrap();
    assert!(matches!(store.remove(&record(&store, "parent")), Err(StoreError::RunInUse(_))));
    assert_eq!((store.collect_garbage(false).unwrap(), files(&store)), (NOTHING, 2));
    finish(&parent);
    drop(parent);
    let retry = create(&store, "retry", Some(("parent", RetryMode::FromFailure))).unwrap();
    let needed = store.remove(&record(&store, "parent")).unwrap_err();
    assert_eq!(needed.to_string(), "run `parent` is needed by `retry`, a retry of it that has not ended");
    finish(&retry);
    drop(retry);
    store.remove(&record(&store, "parent")).unwrap();
    let gone = create(&store, "again", Some(("parent", RetryMode::Whole))).err().unwrap();
    assert_eq!(gone.to_string(), "run `parent` was removed");
}

#[test]
fn garbage_is_what_nobody_needs() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let run = create(&store, "r", None).unwrap();
    write(&run, 1);
    let open_blob = run.create_blob("text/plain").unwrap();
    // A file that no run knows of, half a file of a process that is gone, and files that are not ours.
    let values = directory.path().join("values");
    let orphan = values.join("ab").join("c".repeat(62));
    for (path, content) in [
        (&orphan, "orphan"),
        (&values.join("new/1-1"), "half"),
        (&values.join("ab/notes.txt"), "mine"),
        (&values.join("README"), "mine"),
    ] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let garbage = Removed { runs: 0, files: 2, bytes: 10 };
    assert_eq!(store.collect_garbage(true).unwrap(), garbage);
    assert!(orphan.exists());
    assert_eq!(store.collect_garbage(false).unwrap(), garbage);
    assert_eq!(store.collect_garbage(false).unwrap(), NOTHING);
    assert!(!orphan.exists() && values.join("ab/notes.txt").exists() && values.join("README").exists());
    open_blob.finish().unwrap();
    assert_eq!(files(&store), 2, "the run's value and the blob that was being written");
}

#[test]
fn an_interrupted_removal_hides_the_run_and_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let run = create(&store, "r", None).unwrap();
    (0..10).for_each(|digit| write(&run, digit));
    finish(&run);
    let before = record(&store, "r");
    store.connection.execute("UPDATE runs SET is_removed = 1", ()).unwrap();
    assert!(store.find("r").unwrap().is_none() && store.run_ids().unwrap().is_empty());
    drop(run);
    assert!(matches!(store.reopen(&before), Err(StoreError::RunGone(_))));
    let garbage = Removed { runs: 1, files: 10, bytes: 1_000_000 };
    assert_eq!(store.collect_garbage(true).unwrap(), garbage);
    assert_eq!(store.collect_garbage(false).unwrap(), garbage);
    assert_eq!(store.collect_garbage(false).unwrap(), NOTHING);
}

#[test]
fn space_is_given_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let run = create(&store, "r", None).unwrap();
    for _ in 0..200 {
        let value = run.write_value(Value::Bytes(vec![1; 60_000]), None, &Interrupt::default()).unwrap();
        let step = StepId { solid: SolidId(0), point: Point(0) };
        let metadata = Vec::new();
        run.append(&state(), Fact::OutputEmitted { step, output: 0, mapping_key: None, value, metadata })
            .unwrap();
    }
    finish(&run);
    drop(run);
    let pages =
        || store.connection.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0)).unwrap();
    let full = pages();
    store.remove(&record(&store, "r")).unwrap();
    store.collect_garbage(false).unwrap();
    assert!(pages() < full / 10, "{} of {full} pages are left", pages());
}

#[test]
fn runs_beyond_a_bound_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    for name in ["a", "b", "c", "d"] {
        finish(&create(&store, name, None).unwrap());
    }
    store
        .connection
        .execute("UPDATE runs SET created_at_ms = 5, ended_at_ms = 10 WHERE run_id IN ('a', 'c')", ())
        .unwrap();
    let day = Some(Duration::from_hours(24));
    let excess = |max_age, max_runs| store.excess(max_age, max_runs).unwrap().concat();
    assert_eq!(excess(None, None), "");
    assert_eq!(excess(None, Some(3)), "a");
    assert_eq!(excess(None, Some(1)), "abc");
    assert_eq!(excess(None, Some(9)), "");
    assert_eq!(excess(day, None), "ac");
    assert_eq!(excess(day, Some(2)), "abc");
}
