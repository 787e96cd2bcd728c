//! What a run came to: for people on standard error with the result on standard output, for programs one JSON object.

use std::time::Duration;

use fanfold::diagnostic::printable;
use fanfold::orchestrator::Orchestrator;
use fanfold::report::{Failures, Snapshot, StepCounts, duration_text};
use fanfold::store::{RetryMode, RetryOf, RunId, outcome_word};
use fanfold_graph::run::{Mismatch, Outcome};
use fanfold_graph::step::StepState;
use serde_json::json;

use super::Failure;
use super::continuation::Continuation;
use super::terminal::{print_with, tell};

/// Failures that a summary tells in full.
const MAX_TOLD: usize = 10;

/// One JSON object on standard output.
pub(super) fn print_json(
    orchestrator: &Orchestrator,
    run_id: &RunId,
    retry_of: Option<&RetryOf>,
    outcome: Outcome,
) -> Result<(), Failure> {
    let snapshot = orchestrator.snapshot();
    let head = format!(
        r#"{{"run_id":{},"parent":{},"pipeline":{},"status":"{}","#,
        json!(run_id.as_str()),
        json!(retry_of.map(|it| it.parent.as_str())),
        orchestrator.look(|run, _| json!(run.plan().pipeline().name)),
        outcome_word(outcome)
    );
    let tail = format!(
        r#""steps":{},"taken":{},"failures":{},"mismatches":{}}}"#,
        json!(snapshot.totals()),
        snapshot.taken,
        json!(snapshot.failures.kept),
        json!(snapshot.mismatches)
    );
    print_with(|out| {
        write!(out, "{head}\"result\":")?;
        match orchestrator.result() {
            Some(tree) => orchestrator.write_json(&tree, out)?,
            None => write!(out, "null")?,
        }
        writeln!(out, ",{tail}")
    })
}

/// The summary on standard error, the result as JSON on standard output.
pub(super) fn print_text(
    orchestrator: &Orchestrator,
    run_id: &RunId,
    retry_of: Option<&RetryOf>,
    continuation: Option<&Continuation>,
    outcome: Outcome,
    took: Duration,
) -> Result<(), Failure> {
    let took = duration_text(took.as_millis() as u64);
    let snapshot = orchestrator.snapshot();
    let counts = counts_text(&snapshot.totals());
    let taken = retry_of.and_then(|it| taken_text(it, snapshot.taken)).unwrap_or_default();
    let mut lines = vec![format!("run {run_id} {} in {took}: {counts}{taken}", outcome_word(outcome))];
    lines.extend(failure_lines(&snapshot.failures));
    lines.extend(mismatch_lines(&snapshot.mismatches));
    if let Some(continuation) = continuation {
        lines.extend(hints(continuation, run_id, outcome, &snapshot));
    }
    tell(&lines.join("\n"));
    match orchestrator.result().filter(|tree| !tree.is_null()) {
        Some(tree) => print_with(|out| {
            orchestrator.write_json(&tree, out)?;
            writeln!(out)
        }),
        None => Ok(()),
    }
}

/// `2042 steps succeeded, 4 failed, 1 not run`.
pub(super) fn counts_text(counts: &StepCounts) -> String {
    let count = |states: &[StepState]| states.iter().filter_map(|state| counts.get(state)).sum::<u64>();
    let succeeded = count(&[StepState::Succeeded]);
    let mut text = format!("{succeeded} step{} succeeded", if succeeded == 1 { "" } else { "s" });
    for (states, word) in [
        (&[StepState::Failed][..], "failed"),
        (&[StepState::Skipped], "skipped"),
        (&[StepState::Canceled], "canceled"),
        (&[StepState::UpstreamFailed, StepState::Waiting, StepState::Ready], "not run"),
    ] {
        if count(states) > 0 {
            text += &[", ", &count(states).to_string(), " ", word].concat();
        }
    }
    text
}

/// How many steps were taken from which run, where something could be.
pub(super) fn taken_text(retry_of: &RetryOf, taken: u64) -> Option<String> {
    let is_partial = retry_of.mode != RetryMode::Whole;
    is_partial.then(|| format!("; {taken} taken from run `{}`", retry_of.parent))
}

/// What to do next: about the run, with the first failure that knows more, and about what was left out.
fn hints(continuation: &Continuation, run_id: &RunId, outcome: Outcome, snapshot: &Snapshot) -> Vec<String> {
    let Snapshot { failures, left_out, .. } = snapshot;
    let (why, command) = match outcome {
        Outcome::Canceled => ("go on where it was", continuation.resume(run_id)),
        _ => ("run again what failed", continuation.retry_from_failure(run_id)),
    };
    let mut hints = Vec::new();
    if let Some(hint) = failures.kept.iter().find_map(|failed| failed.hint.as_ref()) {
        hints.push(format!("hint: {}, then: {command}", printable(hint)));
    } else if failures.count > 0 || outcome == Outcome::Canceled {
        hints.push(format!("hint: {why}: {command}"));
    }
    if *left_out > 0 {
        let steps = if *left_out == 1 { "1 step was" } else { &format!("{left_out} steps were") };
        hints.push(format!(
            "hint: {steps} not selected and did not run; `*` after a pattern selects what follows"
        ));
    }
    hints
}

/// The first failures in full, and the number of the others.
fn failure_lines(failures: &Failures) -> Vec<String> {
    let mut lines = Vec::new();
    for failed in failures.kept.iter().take(MAX_TOLD) {
        lines.push(format!("  {failed}"));
        lines.extend(failed.last_words.iter().map(|line| format!("    | {}", printable(line))));
    }
    let told = lines.len().min(MAX_TOLD) as u64;
    if failures.count > told && failures.kept.len() > MAX_TOLD {
        lines.push(format!("  ... {} more", failures.count - MAX_TOLD as u64));
    }
    lines
}

/// The first keys that a zip lacks, and what to do about them.
pub(super) fn mismatch_lines(mismatches: &[Mismatch]) -> Vec<String> {
    let mut lines: Vec<String> =
        mismatches.iter().take(MAX_TOLD).map(|mismatch| format!("  zip: {mismatch}")).collect();
    if !lines.is_empty() {
        lines.push("hint: emit the same keys, or leave out what is on one side only: `.zip(..., unmatched = \"skip\")`".to_owned());
    }
    lines
}
