//! `fanfold resume`: takes up a run that was canceled or interrupted, with its own plan and plugins.

use fanfold::diagnostic::Diagnostic;
use fanfold::orchestrator::{Assembly, Hooks};
use fanfold::store::{Fact, RunRecord};
use fanfold_graph::run::Outcome as RunOutcome;

use super::loaded::LoadedPlugins;
use super::project::Project;
use super::{Failure, Outcome, drive, grants, recorded, retry};
use crate::cli::ResumeArgs;

pub(super) fn execute(args: &ResumeArgs) -> Outcome {
    let project = Project::find()?;
    let (store, record) = recorded::find_run(&project, &args.store, &args.run)?;
    if let Some((_, RunOutcome::Succeeded | RunOutcome::Failed)) = record.ended {
        let message = format!("run `{}` has ended: there is nothing to resume", record.run_id);
        return Err(Failure::usage(Diagnostic::new(message)));
    }
    let jobs = project.jobs(args.jobs);
    let engine = drive::engine(jobs, project.settings().counts_fuel())?;
    let plugins = LoadedPlugins::load(&project, &engine, args.plugins.plugins.as_deref())?;
    if !args.allow_changed_plugins {
        check_unchanged(&record, &plugins)?;
    }
    let fresh = recorded::fresh(&record)?;
    store.io_managers().check(fresh.plan()).map_err(Failure::all_invalid)?;
    let (executor, hooks) = grants::executor(&project, fresh.plan(), &plugins, &record.granted)?;
    let parent = retry::parent_of(&store, &record)?;
    let (opened, entries) = store.reopen(&record).map_err(|error| Failure::store(&error))?;
    let mut run = recorded::replayed(&record, &entries)?;
    let mut report = drive::report(args.format);
    let mut hooks = Hooks::new(hooks);
    for entry in &entries {
        report.recall(entry);
        hooks.note(entry);
    }
    let resumed = opened.append(&run, Fact::RunResumed).map_err(|error| Failure::store(&error.into()))?;
    if let Some(event) = resumed.event() {
        _ = run.apply(&event).map_err(|error| Failure::system(Diagnostic::new(error.to_string())))?;
    }
    let assembly = Assembly {
        run_id: record.run_id,
        run,
        store: opened,
        executor: Box::new(executor),
        report,
        jobs,
        concurrency: project.settings().concurrency.clone(),
        parent,
        hooks,
    };
    drive::drive(assembly, record.retry_of.as_ref(), args.format)
}

/// Checks that the plugins are those with which the run began.
fn check_unchanged(record: &RunRecord, plugins: &LoadedPlugins) -> Result<(), Failure> {
    let changed = plugins.changed_since(&record.plugins)?;
    let told = changed.into_iter().map(|name| {
        let hint = "build it as it was, or accept it: `--allow-changed-plugins`".to_owned();
        let message = format!("plugin `{name}` has changed since run `{}` began", record.run_id);
        Diagnostic::new(message).hint(hint)
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() { Ok(()) } else { Err(Failure::all_invalid(told)) }
}
