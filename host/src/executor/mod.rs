//! Executors run steps; the orchestrator decides which.

mod local;

use fanfold_graph::step::SolidId;

pub use local::{LocalExecutor, LocalSolid};

use crate::sandbox::{Input, Interrupt, StepFailure, StepHost, StepReport};

/// One execution of a step.
#[derive(Debug)]
pub struct Job {
    /// The solid, by its place in the plan.
    pub solid: SolidId,
    /// The keys of this clone, outermost first.
    pub mapping_keys: Vec<String>,
    /// What it reads, in the order of the definition.
    pub inputs: Vec<Input>,
    /// How often it was retried before.
    pub attempt: u32,
    /// Ends it early.
    pub interrupt: Interrupt,
}

/// Runs steps. The orchestrator's tests have one of their own that needs no plugins.
pub trait Executor: Send + Sync {
    /// Runs one step to its end, on the calling thread. Everything that it hands over goes to `host` while it runs.
    fn execute(&self, job: Job, host: Box<dyn StepHost>) -> Result<StepReport, StepFailure>;
}
