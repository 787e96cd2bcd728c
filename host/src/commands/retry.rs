//! `fanfold retry`: runs a recorded run's plan again, as a new run that takes from it what need not run.

use std::collections::HashMap;

use fanfold::diagnostic::Diagnostic;
use fanfold::orchestrator::{Assembly, Hooks, Parent};
use fanfold::store::{Fact, NewRun, RetryMode, RetryOf, RunGrant, RunRecord, Store};
use fanfold_graph::run::Run;
use fanfold_graph::selection::{Rule, Selection, SelectionError};
use fanfold_graph::step::{StepId, StepState};

use super::continuation::Continuation;
use super::loaded::LoadedPlugins;
use super::project::Project;
use super::terminal::tell;
use super::{Failure, Outcome, composition, drive, freshness, garbage, grants, recorded, run, sandbox};
use crate::cli::RetryArgs;

pub(super) fn execute(args: &RetryArgs) -> Outcome {
    let project = Project::find()?;
    let run_id = run::run_id(args.run_id.as_deref())?;
    let (store, record) = recorded::find_run(&project, &args.store, &args.run)?;
    let mode = mode(args);
    let parent = parent(&store, &record, &mode)?;
    if args.plugins.plugins.is_none() {
        freshness::build_changed(&project)?;
    }
    let jobs = project.jobs(args.jobs);
    let engine = sandbox::engine(project.settings().engine_options(jobs))?;
    let plugins = LoadedPlugins::load(&project, &engine, args.plugins.plugins.as_deref())?;
    let hint = format!("the pipeline has to be composed anew: `fanfold run` instead of `retry {}`", args.run);
    composition::check_definitions(&record.pipeline, &plugins, &hint)?;
    for plugin in plugins.changed_since(&record.plugins)? {
        tell(&format!("warning: plugin `{plugin}` has changed since run `{}`", record.run_id));
    }
    let run = recorded::fresh(&record)?;
    let granted = granted(&record, grants::for_this_run(&args.grants, &plugins)?);
    store.io_managers().check(run.plan()).map_err(Failure::all_invalid)?;
    let (executor, hooks) = grants::executor(&project, run.plan(), &plugins, &granted)?;
    let plugins = &plugins.digests(run.plan());
    let new = NewRun { pipeline: &record.pipeline, plugins, granted: &granted, sources: &record.sources };
    let opened = store.create_retry(&run_id, &new, &record.run_id, &mode)?;
    let assembly = Assembly {
        run_id,
        run,
        store: opened,
        executor: Box::new(executor),
        report: drive::report(args.format),
        jobs,
        concurrency: project.settings().concurrency.clone(),
        parent,
        hooks: Hooks::new(hooks),
    };
    let retry_of = RetryOf { parent: record.run_id, mode };
    let continuation = Continuation::new(&args.store, &args.plugins);
    let ended = drive::drive(assembly, Some(&retry_of), Some(&continuation), args.format);
    garbage::retain(&project, &store);
    ended
}

fn mode(args: &RetryArgs) -> RetryMode {
    match (args.from_failure, args.select.is_empty()) {
        (true, _) => RetryMode::FromFailure,
        (false, false) => RetryMode::Select(args.select.clone()),
        (false, true) => RetryMode::Whole,
    }
}

/// What is taken from a run; none if all of its plan runs again.
fn parent(store: &Store, record: &RunRecord, mode: &RetryMode) -> Result<Option<Parent>, Failure> {
    let (run, failures) = stopped(store, record)?;
    if *mode == RetryMode::FromFailure && has_only_succeeded(&run) {
        let message =
            format!("every step of run `{}` has succeeded: there is no failure to go on from", record.run_id);
        let hint = "run all of it again without `--from-failure`, or some of it with `--select`".to_owned();
        return Err(Failure::usage(Diagnostic::new(message).hint(hint)));
    }
    taking(store, record, run, failures, mode)
}

/// True when no step failed, was canceled or has yet to run: also none that the run's outcome makes up for.
fn has_only_succeeded(run: &Run) -> bool {
    let is_good = |state: &StepState| matches!(state, StepState::Succeeded | StepState::Skipped);
    let mut others = StepState::ALL.into_iter().filter(|state| !is_good(state));
    others.all(|state| run.plan().solids().all(|solid| run.counts(solid)[state as usize] == 0))
}

/// What a retry that is taken up again takes from the run that it is a retry of.
pub(super) fn parent_of(store: &Store, retry: &RunRecord) -> Result<Option<Parent>, Failure> {
    let Some(RetryOf { parent, mode }) = &retry.retry_of else { return Ok(None) };
    if *mode == RetryMode::Whole {
        return Ok(None);
    }
    let Some(record) = store.find(parent.as_str()).map_err(|error| Failure::store(&error))? else {
        let message = format!("run `{}` takes steps from run `{parent}`, which is gone", retry.run_id);
        return Err(Failure::usage(Diagnostic::new(message)));
    };
    let (run, failures) = stopped(store, &record)?;
    taking(store, &record, run, failures, mode)
}

/// The state of a run that nobody drives, and the entries that tell why steps failed for good.
fn stopped(store: &Store, record: &RunRecord) -> Result<(Run, HashMap<StepId, u64>), Failure> {
    if store.is_open(&record.run_id).map_err(|error| Failure::store(&error))? {
        let message = format!("run `{}` is still running", record.run_id);
        let hint = "wait until it ends, or cancel it there".to_owned();
        return Err(Failure::usage(Diagnostic::new(message).hint(hint)));
    }
    let mut failures = HashMap::new();
    let run = recorded::replayed(store, record, |_, entry| {
        if let Fact::StepFailed { step, retry_after_ms: None, .. } = entry.fact {
            failures.insert(step, entry.seq);
        }
    })?;
    Ok((run, failures))
}

fn taking(
    store: &Store,
    record: &RunRecord,
    run: Run,
    failures: HashMap<StepId, u64>,
    mode: &RetryMode,
) -> Result<Option<Parent>, Failure> {
    let rule = match mode {
        RetryMode::Whole => return Ok(None),
        RetryMode::FromFailure => Rule::FromFailure,
        RetryMode::Select(patterns) => {
            let selection = Selection::new(&run, patterns.iter().map(String::as_str));
            Rule::Except(selection.map_err(|error| refused(&error))?)
        }
    };
    let log = store.log(record).map_err(|error| Failure::store(&error))?;
    Ok(Some(Parent::new(record.run_id.clone(), run, failures, log, rule)))
}

fn refused(error: &SelectionError) -> Failure {
    let problem = Diagnostic::new(error.to_string());
    Failure::usage(match error.unknown() {
        Some((wanted, known)) => problem.did_you_mean(wanted, known.iter().map(String::as_str)),
        None => problem,
    })
}

/// What is granted now, and what was granted with the run besides.
fn granted(record: &RunRecord, now: Vec<RunGrant>) -> Vec<RunGrant> {
    let is_taken = |earlier: &RunGrant| now.iter().any(|grant| grants::replaces(grant, earlier));
    let still: Vec<_> = record.granted.iter().filter(|earlier| !is_taken(earlier)).cloned().collect();
    still.into_iter().chain(now).collect()
}
