//! Runs steps in this process, each in a sandbox of its own.

use std::sync::Arc;
use std::time::Duration;

use fanfold_graph::name::Identifier;

use super::{Code, Executor, Job};
use crate::sandbox::{
    FailureKind, Grants, Limits, Plugin, Seed, StepFailure, StepHost, StepReport, StepRequest,
};

/// What all steps of one solid of the plan have in common.
#[derive(Debug)]
pub struct LocalSolid {
    /// Its name in the pipeline.
    pub name: String,
    /// Has the code.
    pub plugin: Plugin,
    /// The solid's name in the plugin.
    pub solid: Identifier,
    /// Its configuration as JSON text.
    pub config: String,
    /// What it may see of the world.
    pub grants: Grants,
    /// What it may use.
    pub limits: Limits,
    /// How long the pipeline lets an execution take.
    pub timeout: Option<Duration>,
}

/// The solids of one run.
#[derive(Debug)]
pub struct LocalExecutor {
    solids: Vec<SeededSolid>,
    hooks: Vec<SeededSolid>,
}

/// A solid, and where its steps' randomness starts.
#[derive(Debug)]
struct SeededSolid {
    solid: LocalSolid,
    seed: Seed,
}

impl LocalExecutor {
    /// Runs the solids of a plan, by their place in it, and those of its hooks.
    pub fn new(solids: Vec<LocalSolid>, hooks: Vec<LocalSolid>) -> Self {
        let seeded = |solids: Vec<LocalSolid>| {
            solids.into_iter().map(|solid| SeededSolid { seed: solid.seed(), solid }).collect()
        };
        Self { solids: seeded(solids), hooks: seeded(hooks) }
    }
}

impl Executor for LocalExecutor {
    fn execute(&self, job: Job, host: Box<dyn StepHost>) -> Result<StepReport, StepFailure> {
        let SeededSolid { solid, seed } = match job.code {
            Code::Solid(solid) => &self.solids[solid.0 as usize],
            Code::Hook(hook) => &self.hooks[hook],
        };
        let timeout = solid.timeout.filter(|timeout| *timeout < solid.limits.wall);
        let limits = match timeout {
            Some(wall) => &Limits { wall, ..solid.limits.clone() },
            None => &solid.limits,
        };
        let executed = solid.plugin.execute(StepRequest {
            solid: solid.solid.as_str(),
            seed: seed.of_clone(Arc::clone(&job.mapping_keys)),
            mapping_keys: &job.mapping_keys,
            config: &solid.config,
            inputs: job.inputs,
            attempt: job.attempt,
            grants: &solid.grants,
            limits,
            interrupt: job.interrupt,
            host,
        });
        executed.map_err(|mut failure| {
            if let Some(timeout) = timeout.filter(|_| failure.kind == FailureKind::TimedOut) {
                let seconds = timeout.as_secs_f64();
                failure.hint =
                    Some(format!("the pipeline says `.with_timeout({seconds})`: give it more time"));
            }
            failure
        })
    }
}

impl LocalSolid {
    /// Equal work sees equal randomness, whichever run and attempt it is in.
    fn seed(&self) -> Seed {
        Seed::of(&[&self.plugin.digest(), self.name.as_bytes(), self.config.as_bytes()])
    }
}
