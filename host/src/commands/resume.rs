//! `fanfold resume`: takes up a run that was canceled or interrupted, with its own plan and plugins.

use fanfold::diagnostic::Diagnostic;
use fanfold::orchestrator::{Assembly, Hooks};
use fanfold::store::{Fact, RunRecord, SourceFile};
use fanfold_graph::run::Outcome as RunOutcome;

use super::continuation::Continuation;
use super::loaded::LoadedPlugins;
use super::project::Project;
use super::terminal::tell;
use super::{Failure, Outcome, drive, garbage, grants, recorded, retry, sandbox};
use crate::cli::ResumeArgs;

pub(super) fn execute(args: &ResumeArgs) -> Outcome {
    let project = Project::find()?;
    let (store, record) = recorded::find_run(&project, &args.store, &args.run)?;
    if let Some((_, RunOutcome::Succeeded | RunOutcome::Failed)) = record.ended {
        let message = format!("run `{}` has ended: there is nothing to resume", record.run_id);
        return Err(Failure::usage(Diagnostic::new(message)));
    }
    let jobs = project.jobs(args.jobs);
    let engine = sandbox::engine(project.settings().engine_options(jobs))?;
    let plugins = LoadedPlugins::load(&project, &engine, args.plugins.plugins.as_deref())?;
    let changes = changes(&record, &plugins)?;
    if !args.allow_changed && !changes.is_empty() {
        return Err(Failure::all_invalid(changes));
    }
    let fresh = recorded::fresh(&record)?;
    store.io_managers().check(fresh.plan()).map_err(Failure::all_invalid)?;
    let (executor, hooks) = grants::executor(&project, fresh.plan(), &plugins, &record.granted)?;
    let parent = retry::parent_of(&store, &record)?;
    let opened = store.reopen(&record)?;
    let mut report = drive::report(args.format);
    let mut hooks = Hooks::new(hooks);
    let mut run = recorded::replayed(&store, &record, |run, entry| {
        report.recall(run, &entry);
        hooks.note(&entry);
    })?;
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
    let continuation = Continuation::new(&args.store, &args.plugins);
    let ended = drive::drive(assembly, record.retry_of.as_ref(), Some(&continuation), args.format);
    garbage::retain(&project, &store);
    ended
}

/// What is not as it was when the run began. It goes on with its own plan, and with the plugins that are there.
fn changes(record: &RunRecord, plugins: &LoadedPlugins) -> Result<Vec<Diagnostic>, Failure> {
    let began = format!("has changed since run `{}` began", record.run_id);
    let mut changes = Vec::new();
    for source in &record.sources {
        let shown = source.path.display();
        match SourceFile::read(&source.path) {
            Ok(now) if now == *source => {}
            Ok(_) => {
                let hint = "the run goes on with what it said then; accept that: `--allow-changed`, or begin anew: \
                            `fanfold run`";
                changes.push(Diagnostic::new(format!("`{shown}` {began}")).hint(hint.to_owned()));
            }
            Err(_) => tell(&format!("warning: `{shown}` is gone; the run goes on with what it said")),
        }
    }
    for name in plugins.changed_since(&record.plugins)? {
        let hint = "build it as it was, or accept it: `--allow-changed`".to_owned();
        changes.push(Diagnostic::new(format!("plugin `{name}` {began}")).hint(hint));
    }
    Ok(changes)
}
