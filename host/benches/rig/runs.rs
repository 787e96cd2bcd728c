//! Whole runs of a pipeline, from their record to their end.

use std::sync::Arc;

use fanfold::executor::{LocalExecutor, LocalSolid};
use fanfold::orchestrator::{Assembly, Hooks, Orchestrator};
use fanfold::report::Report;
use fanfold::sandbox::{Grants, Limits, Plugin};
use fanfold::store::{NewRun, PluginDigests, RunId, Store};
use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::plan::Plan;
use fanfold_graph::run::{Outcome, Run};

/// What a pipeline is run with.
pub(crate) struct Setup<'a> {
    pub(crate) plugin: &'a Plugin,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) threads: usize,
}

impl<'a> Setup<'a> {
    /// Nothing granted, the default limits.
    pub(crate) fn new(plugin: &'a Plugin, threads: usize) -> Self {
        Self { plugin, grants: Grants::none(), limits: Limits::default(), threads }
    }

    /// Runs a pipeline that succeeds; what it returned, as JSON.
    pub(crate) fn run(&self, pipeline: &Pipeline, store: &Store) -> String {
        let plan = Arc::new(Plan::new(pipeline.clone()).unwrap());
        let run_id = RunId::random().unwrap();
        let plugins = PluginDigests::new();
        let new = NewRun { pipeline: plan.pipeline(), plugins: &plugins, granted: &[], sources: &[] };
        let orchestrator = Orchestrator::new(Assembly {
            store: store.create(&run_id, &new).unwrap(),
            run_id,
            executor: Box::new(self.executor(&plan)),
            run: Run::new(Arc::clone(&plan)),
            report: Report::silent(),
            jobs: self.threads,
            concurrency: Vec::new(),
            parent: None,
            hooks: Hooks::default(),
        });
        assert_eq!(orchestrator.drive().unwrap(), Outcome::Succeeded);
        let mut result = Vec::new();
        orchestrator.write_json(&orchestrator.result().unwrap(), &mut result).unwrap();
        String::from_utf8(result).unwrap()
    }

    fn executor(&self, plan: &Plan) -> LocalExecutor {
        let solids = plan.solids().map(|solid| {
            let invocation = plan.invocation(solid);
            LocalSolid {
                name: invocation.name.to_string(),
                plugin: self.plugin.clone(),
                solid: invocation.solid.solid.clone(),
                config: invocation.config.as_ref().map_or_else(|| "null".to_owned(), ToString::to_string),
                grants: self.grants.clone(),
                limits: self.limits.clone(),
                timeout: None,
            }
        });
        LocalExecutor::new(solids.collect(), Vec::new())
    }
}
