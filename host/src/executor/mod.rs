//! Executors run steps; the orchestrator decides which.

mod local;

use std::sync::Arc;

use fanfold_graph::name::MappingKey;
use fanfold_graph::step::SolidId;

pub use local::{LocalExecutor, LocalSolid};

use crate::sandbox::{Input, Interrupt, StepFailure, StepHost, StepReport};

/// One execution of a step.
#[derive(Debug)]
pub struct Job {
    /// What is executed.
    pub code: Code,
    /// The keys of this clone, outermost first.
    pub mapping_keys: Arc<[MappingKey]>,
    /// What it reads, in the order of the definition.
    pub inputs: Vec<Input>,
    /// How often it was retried before.
    pub attempt: u32,
    /// Ends it early.
    pub interrupt: Interrupt,
}

/// What an execution is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A solid, by its place in the plan.
    Solid(SolidId),
    /// A hook, by its place among the run's hooks.
    Hook(usize),
}

/// Runs steps. The orchestrator's tests have one of their own that needs no plugins.
pub trait Executor: Send + Sync {
    /// Runs one step to its end, on the calling thread. Everything that it hands over goes to `host` while it runs.
    fn execute(&self, job: Job, host: Box<dyn StepHost>) -> Result<StepReport, StepFailure>;
}
