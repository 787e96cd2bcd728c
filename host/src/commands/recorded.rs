//! Runs that are recorded: found by name, and replayed from their log.

use std::sync::Arc;

use fanfold::diagnostic::Diagnostic;
use fanfold::store::{Entry, RunRecord, Store};
use fanfold_graph::plan::Plan;
use fanfold_graph::run::Run;

use super::Failure;
use super::project::Project;
use crate::cli::StoreArgs;

/// The store that the command line means, with the run of that name.
pub(super) fn find_run(
    project: &Project,
    store: &StoreArgs,
    run_id: &str,
) -> Result<(Store, RunRecord), Failure> {
    let no_run = |known: &[String]| {
        let unknown = Diagnostic::new(format!("there is no run `{run_id}`"));
        Failure::usage(unknown.did_you_mean(run_id, known.iter().map(String::as_str)))
    };
    let store = open(project, store)?.ok_or_else(|| no_run(&[]))?;
    match store.find(run_id).map_err(|error| Failure::store(&error))? {
        Some(record) => Ok((store, record)),
        None => Err(no_run(&store.run_ids().map_err(|error| Failure::store(&error))?)),
    }
}

/// The store that the command line means, if there is one.
pub(super) fn open(project: &Project, store: &StoreArgs) -> Result<Option<Store>, Failure> {
    let directory = project.store_directory(store.store.as_deref());
    let store = Store::open_existing(&directory).map_err(|error| Failure::store(&error))?;
    Ok(store.map(|store| store.with_io_managers(project.io_managers())))
}

/// A run's state before its first entry.
pub(super) fn fresh(record: &RunRecord) -> Result<Run, Failure> {
    let plan = Plan::new(record.pipeline.clone())
        .map_err(|errors| damaged(record, &errors.first().map_or_else(String::new, ToString::to_string)))?;
    Ok(Run::new(Arc::new(plan)))
}

/// A run's state after these entries.
pub(super) fn replayed(record: &RunRecord, entries: &[Entry]) -> Result<Run, Failure> {
    let mut run = fresh(record)?;
    for event in entries.iter().filter_map(Entry::event) {
        _ = run.apply(&event).map_err(|error| damaged(record, &error.to_string()))?;
    }
    Ok(run)
}

/// A record that makes no sense.
pub(super) fn damaged(record: &RunRecord, problem: &str) -> Failure {
    Failure::system(Diagnostic::new(format!("the record of run `{}` is damaged: {problem}", record.run_id)))
}
