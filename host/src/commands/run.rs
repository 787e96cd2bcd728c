//! `fanfold run`: composes a pipeline, and runs it.

use std::sync::Arc;

use fanfold::diagnostic::Diagnostic;
use fanfold::orchestrator::{Assembly, Hooks};
use fanfold::store::{NewRun, RunId, Store};
use fanfold_graph::run::Run;

use super::composition::Sources;
use super::continuation::Continuation;
use super::loaded::LoadedPlugins;
use super::project::Project;
use super::{Failure, Outcome, drive, freshness, garbage, grants, sandbox};
use crate::cli::{RunArgs, StoreArgs};

pub(super) fn execute(args: &RunArgs) -> Outcome {
    let project = Project::find()?;
    let jobs = project.jobs(args.jobs);
    let run_id = run_id(args.run_id.as_deref())?;
    if args.plugins.plugins.is_none() {
        freshness::build_changed(&project)?;
    }
    let engine = sandbox::engine(project.settings().engine_options(jobs))?;
    let plugins = LoadedPlugins::load(&project, &engine, args.plugins.plugins.as_deref())?;
    let sources = Sources::read(&args.pipeline, &args.run_config)?;
    let plan = sources.compose(&plugins, project.settings())?;
    let granted = grants::for_this_run(&args.grants, &plugins)?;
    let (executor, hooks) = grants::executor(&project, &plan, &plugins, &granted)?;
    let io_managers = project.io_managers();
    io_managers.check(&plan).map_err(Failure::all_invalid)?;
    let store = open(&project, &args.store)?;
    let store = store.with_io_managers(io_managers);
    let (pipeline, plugins) = (plan.pipeline(), &plugins.digests(&plan));
    let new = NewRun { pipeline, plugins, granted: &granted, sources: &sources.files()? };
    let opened = store.create(&run_id, &new)?;
    let assembly = Assembly {
        run_id,
        run: Run::new(Arc::new(plan)),
        store: opened,
        executor: Box::new(executor),
        report: drive::report(args.format),
        jobs,
        concurrency: project.settings().concurrency.clone(),
        parent: None,
        hooks: Hooks::new(hooks),
    };
    let continuation = store.is_kept().then(|| Continuation::new(&args.store, &args.plugins));
    let ended = drive::drive(assembly, None, continuation.as_ref(), args.format);
    garbage::retain(&project, &store);
    ended
}

/// The store that the command line means: on disk, or in memory.
fn open(project: &Project, args: &StoreArgs) -> Result<Store, Failure> {
    if args.is_memory() {
        return Ok(Store::in_memory()?);
    }
    Ok(Store::open(&project.store_directory(args.store.as_deref()))?)
}

/// The id that was given, or a new one.
pub(super) fn run_id(given: Option<&str>) -> Result<RunId, Failure> {
    match given {
        Some(given) => RunId::new(given).map_err(|error| Failure::usage(Diagnostic::new(error.to_string()))),
        None => RunId::random()
            .map_err(|error| Failure::system(Diagnostic::caused_by("cannot draw a run id", &error))),
    }
}
