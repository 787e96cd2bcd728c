//! Drives a run to its end, new or resumed, with signals heard and progress shown, and tells what it came to.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fanfold::diagnostic::Diagnostic;
use fanfold::orchestrator::{Assembly, Orchestrator, Stopped};
use fanfold::report::Report;
use fanfold::store::RetryOf;
use fanfold_graph::run::Outcome as RunOutcome;

use super::continuation::Continuation;
use super::terminal::tell;
use super::{Exit, Failure, Outcome, signals, summary};
use crate::cli::Format;

/// How often what is shown is brought up to date.
const TICK: Duration = Duration::from_millis(100);
/// How often is kept how far the run is, for other processes to see; more rarely where that takes long.
const KEEP: Duration = Duration::from_millis(500);

/// Drives a run to its end, and prints what it came to. `retry_of` tells what it is a retry of, `continuation` how it can be gone
/// on with, if it is kept.
pub(super) fn drive(
    assembly: Assembly,
    retry_of: Option<&RetryOf>,
    continuation: Option<&Continuation>,
    format: Format,
) -> Outcome {
    let run_id = &assembly.run_id.clone();
    if format == Format::Text {
        tell(&format!("run {run_id}  {}", assembly.run.plan().pipeline().name));
    }
    let orchestrator = Orchestrator::new(assembly);
    signals::cancel_on_signal(orchestrator.clone())
        .map_err(|error| Failure::system(Diagnostic::caused_by("cannot listen for signals", &error)))?;
    let begun = Instant::now();
    let outcome = watched(&orchestrator).map_err(|stopped| {
        let hint =
            continuation.map(|it| format!("what was done is recorded; continue with: {}", it.resume(run_id)));
        Failure::system(Diagnostic::new(stopped.to_string()).hint(hint))
    })?;
    match format {
        Format::Json => summary::print_json(&orchestrator, run_id, retry_of, outcome)?,
        Format::Text => {
            summary::print_text(&orchestrator, run_id, retry_of, continuation, outcome, begun.elapsed())?;
        }
    }
    Ok(match outcome {
        RunOutcome::Succeeded => Exit::Succeeded,
        RunOutcome::Failed => Exit::Failed,
        RunOutcome::Canceled => Exit::Canceled,
    })
}

/// Drives the run while another thread shows how far it is, and hears what other processes ask for.
fn watched(orchestrator: &Orchestrator) -> Result<RunOutcome, Stopped> {
    let has_ended = AtomicBool::new(false);
    let driven = std::thread::scope(|scope| {
        let ticker = scope.spawn(|| {
            let mut keep_at = Instant::now() + KEEP;
            while !has_ended.load(Ordering::Acquire) {
                orchestrator.look(|run, report| report.tick(run));
                if Instant::now() >= keep_at {
                    let begun = Instant::now();
                    // The log's writer says what is wrong with the disk.
                    _ = orchestrator.keep_progress();
                    keep_at = Instant::now() + KEEP.max(begun.elapsed().saturating_mul(20));
                }
                // Where the store cannot be read, who asked learns nothing, and the log's writer soon says why.
                _ = orchestrator.answer_cancel_requests();
                std::thread::park_timeout(TICK);
            }
        });
        let driven = orchestrator.drive();
        has_ended.store(true, Ordering::Release);
        ticker.thread().unpark();
        driven
    });
    orchestrator.look(|run, report| report.close(run));
    driven
}

/// What shows the run while it goes.
pub(super) fn report(format: Format) -> Report {
    match format {
        Format::Json => Report::silent(),
        Format::Text if std::io::stderr().is_terminal() => Report::terminal(),
        Format::Text => Report::lines(),
    }
}
