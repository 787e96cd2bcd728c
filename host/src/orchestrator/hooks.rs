//! Hooks: solids that are called when a step has ended, with the facts about it. What they do never changes the run.
//!
//! Which calls are due follows from the log alone: an end makes some, a hook's own end takes one away. So a run that is
//! taken up calls what was not called to its end, and nothing twice.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::sync::Arc;

use fanfold_graph::name::SolidRef;
use fanfold_graph::run::Run;
use fanfold_graph::step::{SolidId, StepId};
use serde_json::{Value as Json, json};

use super::Shared;
use crate::sandbox::{
    BlobRef, BlobSink, Emission, Input, InputValue, Interrupt, StepEvent, StepFailure, StepHost, Value,
};
use crate::store::{Entry, Fact};

/// The input of a hook's solid that receives the facts.
pub const INPUT: &str = "step";

/// Which end of a step a hook waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookEvent {
    /// It succeeded.
    Success,
    /// It failed, and is not retried.
    Failure,
}

/// A solid to call when steps have ended.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Which end it waits for.
    pub on: HookEvent,
    /// The solid.
    pub solid: SolidRef,
    /// Whose steps it is about; none: those of all solids.
    pub about: Option<BTreeSet<SolidId>>,
    /// What its other inputs receive, by name.
    pub defaults: Vec<(String, Json)>,
}

/// A run's hooks, and which calls are due.
#[derive(Debug, Default)]
pub struct Hooks {
    all: Vec<Hook>,
    /// In the order of the ends.
    calls: Vec<Call>,
    /// Steps whose end will be a copy: who waited for it heard of it in the run that it is from.
    taken: HashSet<StepId>,
}

/// A call that is due, or under way.
#[derive(Debug)]
struct Call {
    step: StepId,
    /// Which of the hooks.
    hook: usize,
    /// Why the step failed, if it did.
    failure: Option<Arc<StepFailure>>,
    /// Of a call that is under way.
    interrupt: Option<Interrupt>,
}

/// A call that has begun.
pub(super) struct Begun {
    pub(super) step: StepId,
    pub(super) hook: usize,
    pub(super) failure: Option<Arc<StepFailure>>,
    pub(super) interrupt: Interrupt,
}

impl Hooks {
    /// The hooks of a run that begins.
    pub fn new(all: Vec<Hook>) -> Self {
        Self { all, ..Self::default() }
    }

    /// Takes note of an entry of the run's log.
    pub fn note(&mut self, entry: &Entry) {
        if self.all.is_empty() {
            return;
        }
        match &entry.fact {
            Fact::StepTaken { step } => drop(self.taken.insert(*step)),
            Fact::StepSucceeded { step, .. } => self.ended(*step, HookEvent::Success, None),
            Fact::StepFailed { step, retry_after_ms: None, failure } => {
                self.ended(*step, HookEvent::Failure, Some(failure));
            }
            Fact::StepCanceled { step } => drop(self.taken.remove(step)),
            Fact::HookEnded { step, hook, .. } => self.heard(*step, hook),
            _ => {}
        }
    }

    fn ended(&mut self, step: StepId, on: HookEvent, failure: Option<&StepFailure>) {
        if self.taken.remove(&step) {
            return;
        }
        let is_about = |hook: &Hook| {
            hook.on == on && hook.about.as_ref().is_none_or(|about| about.contains(&step.solid))
        };
        let failure = failure.cloned().map(Arc::new);
        for (hook, _) in self.all.iter().enumerate().filter(|(_, hook)| is_about(hook)) {
            self.calls.push(Call { step, hook, failure: failure.clone(), interrupt: None });
        }
    }

    /// A hook of that name was called to its end. The settings may name others by now.
    fn heard(&mut self, step: StepId, name: &str) {
        let is_it = |call: &Call| call.step == step && self.all[call.hook].solid.to_string() == name;
        let under_way = self.calls.iter().position(|call| call.interrupt.is_some() && is_it(call));
        if let Some(place) = under_way.or_else(|| self.calls.iter().position(is_it)) {
            self.calls.remove(place);
        }
    }

    /// Whether a call can begin.
    pub(super) fn is_due(&self) -> bool {
        self.calls.iter().any(|call| call.interrupt.is_none())
    }

    /// Begins the first call that can begin.
    pub(super) fn begin(&mut self) -> Option<Begun> {
        let call = self.calls.iter_mut().find(|call| call.interrupt.is_none())?;
        let interrupt = Interrupt::default();
        call.interrupt = Some(interrupt.clone());
        Some(Begun { step: call.step, hook: call.hook, failure: call.failure.clone(), interrupt })
    }

    /// How the log and messages call a hook.
    pub(super) fn name(&self, hook: usize) -> String {
        self.all[hook].solid.to_string()
    }

    /// What the inputs of a hook receive.
    pub(super) fn inputs(&self, hook: usize, facts: Json) -> Vec<Input> {
        let inputs = self.all[hook].defaults.iter().cloned().chain([(INPUT.to_owned(), facts)]);
        let single = |value: Json| InputValue::Single(Value::Json(value.to_string().into()));
        inputs.map(|(name, value)| Input { name: name.into(), value: single(value) }).collect()
    }

    pub(super) fn interrupt_all(&self) {
        self.calls.iter().filter_map(|call| call.interrupt.as_ref()).for_each(Interrupt::cancel);
    }
}

/// What a hook learns of a step that has ended.
pub(super) fn facts(run_id: &str, run: &Run, begun: &Begun) -> Json {
    let step = begun.step;
    let outputs = &run.plan().definition(step.solid).outputs;
    let outputs = outputs.iter().zip(0..).map(|(output, place)| {
        let items = output.is_dynamic.then(|| run.items(step, place).len());
        let is_emitted = items.map_or_else(|| run.output(step, place).is_some(), |items| items > 0);
        json!({ "name": output.name, "is_emitted": is_emitted, "items": items })
    });
    let keys: Vec<&str> = run.mapping_keys(step).into_iter().map(AsRef::as_ref).collect();
    json!({
        "run_id": run_id,
        "pipeline": run.plan().pipeline().name,
        "step": run.step_key(step).to_string(),
        "solid": run.plan().invocation(step.solid).name,
        "mapping_keys": keys,
        "attempt": run.attempt(step),
        "outcome": if begun.failure.is_some() { "failed" } else { "succeeded" },
        "failure": begun.failure.as_deref(),
        "outputs": outputs.collect::<Vec<_>>(),
    })
}

/// A running hook's line to the orchestrator. What it logs and materializes is recorded as said about the step; what it
/// emits nobody reads.
pub(super) struct HookLine {
    pub(super) shared: Arc<Shared>,
    pub(super) step: StepId,
}

impl StepHost for HookLine {
    fn emit(&mut self, _: Emission) -> io::Result<()> {
        Ok(())
    }

    fn report(&mut self, event: StepEvent) -> io::Result<()> {
        let Some(fact) = Fact::reported(self.step, event) else { return Ok(()) };
        self.shared.record(&mut self.shared.lock(), fact).map_err(io::Error::other)
    }

    fn open_blob(&mut self, _: &BlobRef) -> io::Result<Box<dyn io::Read + Send>> {
        Err(io::Error::other("a hook receives no blobs"))
    }

    fn create_blob(&mut self, _: &str) -> io::Result<Box<dyn BlobSink>> {
        Err(io::Error::other("a hook's outputs are not kept"))
    }
}
