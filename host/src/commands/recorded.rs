//! Runs that are recorded: found by name, and replayed from their log.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use fanfold::diagnostic::{Diagnostic, printable};
use fanfold::store::{Entry, RunRecord, Store};
use fanfold_graph::plan::Plan;
use fanfold_graph::run::Run;
use fanfold_graph::step::SolidId;

use super::Failure;
use super::project::Project;
use super::terminal::{self, print_while_read};
use crate::cli::StoreArgs;

/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(100);
/// What is printed at once of a log, in bytes.
const PAGE_BYTES: usize = 64 << 10;

/// The store that the command line means, with the run of that name.
pub(super) fn find_run(
    project: &Project,
    store: &StoreArgs,
    run_id: &str,
) -> Result<(Store, RunRecord), Failure> {
    let store = open(project, store)?.ok_or_else(|| no_run(run_id, &[]))?;
    let record = find(&store, run_id)?;
    Ok((store, record))
}

/// The run of that name.
pub(super) fn find(store: &Store, run_id: &str) -> Result<RunRecord, Failure> {
    match store.find(run_id)? {
        Some(record) => Ok(record),
        None => Err(no_run(run_id, &store.run_ids()?)),
    }
}

fn no_run(run_id: &str, known: &[String]) -> Failure {
    let unknown = Diagnostic::new(format!("there is no run `{run_id}`"));
    Failure::usage(unknown.did_you_mean(run_id, known.iter().map(String::as_str)))
}

/// The store that the command line means, if there is one. Of one that it names and that is not there, that is told.
pub(super) fn open(project: &Project, store: &StoreArgs) -> Result<Option<Store>, Failure> {
    if store.is_memory() {
        let message = "a store in memory ends with the run that is in it: there is nothing to look at";
        return Err(Failure::usage(
            Diagnostic::new(message).hint("run it without `--store memory`".to_owned()),
        ));
    }
    let directory = project.store_directory(store.store.as_deref());
    let opened = Store::open_existing(&directory)?;
    if let (None, Some(named)) = (&opened, &store.store) {
        terminal::tell(&format!("warning: there is no store in `{}`", printable(&named.to_string_lossy())));
    }
    Ok(opened.map(|store| store.with_io_managers(project.io_managers())))
}

/// The solid of that name in a run's plan.
pub(super) fn find_solid(run: &Run, name: &str) -> Result<SolidId, Failure> {
    let plan = run.plan();
    plan.find(name).ok_or_else(|| {
        let known: Vec<_> = plan.solids().map(|solid| plan.invocation(solid).name.to_string()).collect();
        let unknown = Diagnostic::new(format!("the run has no solid `{name}`"));
        Failure::usage(unknown.did_you_mean(name, known.iter().map(String::as_str)))
    })
}

/// A run's state before its first entry.
pub(super) fn fresh(record: &RunRecord) -> Result<Run, Failure> {
    let plan = Plan::new(record.pipeline.clone())
        .map_err(|errors| damaged(record, &errors.first().map_or_else(String::new, ToString::to_string)))?;
    Ok(Run::new(Arc::new(plan)))
}

/// A run's state after its whole log. `each` sees the entries, with the state after each.
pub(super) fn replayed(
    store: &Store,
    record: &RunRecord,
    mut each: impl FnMut(&Run, Entry),
) -> Result<Run, Failure> {
    let mut replay = Replay::new(record)?;
    replay.go_on(store, record, |run, entry| {
        each(run, entry);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(replay.run)
}

/// A log that is read from its beginning, as it grows.
pub(super) struct Replay {
    run: Run,
    next: u64,
}

impl Replay {
    pub(super) fn new(record: &RunRecord) -> Result<Self, Failure> {
        Ok(Self { run: fresh(record)?, next: 0 })
    }

    /// Reads what is new. True if there was something.
    pub(super) fn go_on(
        &mut self,
        store: &Store,
        record: &RunRecord,
        mut each: impl FnMut(&Run, Entry) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<bool, Failure> {
        let (run, from) = (&mut self.run, self.next);
        self.next = store.read_log(record, from, |entry| {
            if let Some(event) = entry.event() {
                _ = run.apply(&event).map_err(|error| damaged(record, &error.to_string()))?;
            }
            if entry.fact.step().is_some_and(|step| !run.knows(step)) {
                let problem = format!("entry {} of its log is about a step that there is not", entry.seq);
                return Err(damaged(record, &problem));
            }
            each(run, entry)
        })?;
        Ok(self.next > from)
    }
}

/// What is told of an entry.
pub(super) enum Told {
    Line(String),
    Nothing,
    /// Nor of any that comes after it.
    Enough,
}

/// Prints what `tell` says of the entries of a log, and goes on while some process drives the run, if `follow`.
pub(super) fn print_log(
    store: &Store,
    mut record: RunRecord,
    follow: bool,
    tell: impl Fn(&Run, &Entry) -> Told,
) -> Result<(), Failure> {
    let mut replay = Replay::new(&record)?;
    loop {
        // Asked before the log is read: what came between is not missed.
        let has_ended = !follow || !is_driven(store, &mut record)?;
        let mut page = String::new();
        let mut is_enough = false;
        let has_more = replay.go_on(store, &record, |run, entry| {
            match tell(run, &entry) {
                Told::Line(line) => page.extend([line.as_str(), "\n"]),
                Told::Nothing => {}
                Told::Enough => is_enough = true,
            }
            if page.len() > PAGE_BYTES {
                is_enough |= !print_page(&mut page)?;
            }
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let is_read = print_page(&mut page)?;
        if is_enough || !is_read || has_ended {
            return Ok(());
        }
        if !has_more {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Prints a page, and empties it. False if nobody reads any more.
fn print_page(page: &mut String) -> Result<bool, Failure> {
    let text = std::mem::take(page);
    print_while_read(|out| out.write_all(text.as_bytes()))
}

/// Whether some process appends to the run.
pub(super) fn is_driven(store: &Store, record: &mut RunRecord) -> Result<bool, Failure> {
    if let Some(newer) = store.find(record.run_id.as_str())? {
        *record = newer;
    }
    Ok(record.ended.is_none() && store.is_open(&record.run_id)?)
}

/// A record that makes no sense.
pub(super) fn damaged(record: &RunRecord, problem: &str) -> Failure {
    Failure::system(Diagnostic::new(format!("the record of run `{}` is damaged: {problem}", record.run_id)))
}
