//! `fanfold cancel`: asks the process that drives a run to end it, or one of its steps.

use std::time::Duration;

use fanfold::diagnostic::Diagnostic;
use fanfold::store::{MadeRequest, RunRecord, Store};
use fanfold_graph::step::{StepKey, StepKeyError};

use super::continuation::Continuation;
use super::project::Project;
use super::terminal::tell;
use super::{Exit, Failure, Outcome, recorded};
use crate::cli::CancelArgs;

/// How often the answer is looked for.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn execute(args: &CancelArgs) -> Outcome {
    let project = Project::find()?;
    let (store, record) = recorded::find_run(&project, &args.store, &args.run)?;
    if let Some(step) = &args.step {
        let checked: Result<StepKey, StepKeyError> = step.parse();
        checked.map_err(|error| Failure::usage(Diagnostic::new(error.to_string())))?;
    }
    let failed = |error| Failure::store(&error);
    if !store.is_open(&record.run_id).map_err(failed)? {
        return Err(not_running(&record));
    }
    let request = store.request_cancel(&record, args.step.as_deref()).map_err(failed)?;
    let answered = answered(&store, &record, &request);
    store.withdraw(&request).map_err(failed)?;
    answered?;
    if let Some(step) = &args.step {
        tell(&format!("step {step} of run {} is canceled", record.run_id));
        return Ok(Exit::Succeeded);
    }
    while store.is_open(&record.run_id).map_err(failed)? {
        std::thread::sleep(PAUSE);
    }
    let resume = Continuation::in_store(&args.store).resume(&record.run_id);
    tell(&format!("run {} is canceled; continue with: {resume}", record.run_id));
    Ok(Exit::Succeeded)
}

/// Waits for the answer, as long as there is somebody to give one.
fn answered(store: &Store, record: &RunRecord, request: &MadeRequest) -> Result<(), Failure> {
    let failed = |error| Failure::store(&error);
    loop {
        // In this order: who answers last and then ends is heard.
        let is_open = store.is_open(&record.run_id).map_err(failed)?;
        if let Some(canceled) = store.take_answer(request).map_err(failed)? {
            return canceled.map_err(|why_not| Failure::usage(Diagnostic::new(why_not)));
        }
        if !is_open {
            return Err(not_running(record));
        }
        std::thread::sleep(PAUSE);
    }
}

fn not_running(record: &RunRecord) -> Failure {
    let message = format!("no process is running `{}`: there is nothing to cancel", record.run_id);
    Failure::usage(Diagnostic::new(message))
}
