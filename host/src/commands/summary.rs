//! What a run came to: for people on standard error with the result on standard output, for programs one JSON object.

use std::time::Duration;

use fanfold::diagnostic::printable;
use fanfold::orchestrator::Orchestrator;
use fanfold::report::{Failures, TakenSteps, duration_text};
use fanfold::store::{RetryMode, RetryOf, RunId, outcome_word};
use fanfold_graph::run::{Outcome, Run};
use fanfold_graph::step::{StateCounts, StepState};
use serde_json::{Value as Json, json};

use super::Failure;
use super::terminal::{print_with, tell};

/// Failures that a summary tells in full.
const MAX_TOLD: usize = 10;

/// Keys of a zip that one side lacks, as JSON.
const MAX_MISMATCHES: usize = 1000;

/// One JSON object on standard output.
pub(super) fn print_json(
    orchestrator: &Orchestrator,
    run_id: &RunId,
    retry_of: Option<&RetryOf>,
    outcome: Outcome,
) -> Result<(), Failure> {
    let (head, tail) = orchestrator.look(|run, report| {
        let steps = counts_json(&totals(run));
        let pipeline = json!(run.plan().pipeline().name);
        let head = format!(
            r#"{{"run_id":{},"parent":{},"pipeline":{pipeline},"status":"{}","#,
            json!(run_id.as_str()),
            json!(retry_of.map(|it| it.parent.as_str())),
            outcome_word(outcome)
        );
        let taken = report.taken().taken(run);
        let (failures, mismatches) = (json!(report.failures().kept), mismatches_json(run));
        let tail =
            format!(r#""steps":{steps},"taken":{taken},"failures":{failures},"mismatches":{mismatches}}}"#);
        (head, tail)
    });
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
    outcome: Outcome,
    took: Duration,
) -> Result<(), Failure> {
    let took = duration_text(took.as_millis() as u64);
    let summary = orchestrator.look(|run, report| {
        let counts = counts_text(&totals(run));
        let taken = retry_of.and_then(|it| taken_text(it, report.taken(), run)).unwrap_or_default();
        let mut lines = vec![format!("run {run_id} {} in {took}: {counts}{taken}", outcome_word(outcome))];
        lines.extend(failure_lines(report.failures()));
        lines.extend(mismatch_lines(run));
        lines.extend(hints(run_id, outcome, report.failures(), report.taken().left_out(run)));
        lines.join("\n")
    });
    tell(&summary);
    match orchestrator.result().filter(|tree| !tree.is_null()) {
        Some(tree) => print_with(|out| {
            orchestrator.write_json(&tree, out)?;
            writeln!(out)
        }),
        None => Ok(()),
    }
}

fn totals(run: &Run) -> StateCounts {
    let mut totals = StateCounts::default();
    for solid in run.plan().solids() {
        totals.iter_mut().zip(run.counts(solid)).for_each(|(total, count)| *total += count);
    }
    totals
}

/// How many steps are in each state, where there are any.
pub(super) fn counts_json(counts: &StateCounts) -> Json {
    let states = StepState::ALL.iter().filter(|state| counts[**state as usize] > 0);
    states.map(|state| (state.as_str().to_owned(), Json::from(counts[*state as usize]))).collect()
}

/// `2042 steps succeeded, 4 failed, 1 not run`.
pub(super) fn counts_text(counts: &StateCounts) -> String {
    let count = |states: &[StepState]| states.iter().map(|state| counts[*state as usize]).sum::<u64>();
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
pub(super) fn taken_text(retry_of: &RetryOf, taken: &TakenSteps, run: &Run) -> Option<String> {
    let is_partial = retry_of.mode != RetryMode::Whole;
    is_partial.then(|| format!("; {} taken from run `{}`", taken.taken(run), retry_of.parent))
}

/// What to do next: about the run, with the first failure that knows more, and about what was left out.
fn hints(run_id: &RunId, outcome: Outcome, failures: &Failures, left_out: u64) -> Vec<String> {
    let (why, command) = match outcome {
        Outcome::Canceled => ("go on where it was", format!("fanfold resume {run_id}")),
        _ => ("run again what failed", format!("fanfold retry {run_id} --from-failure")),
    };
    let mut hints = Vec::new();
    if let Some(hint) = failures.kept.iter().find_map(|failed| failed.hint.as_ref()) {
        hints.push(format!("hint: {}, then: {command}", printable(hint)));
    } else if failures.count > 0 || outcome == Outcome::Canceled {
        hints.push(format!("hint: {why}: {command}"));
    }
    if left_out > 0 {
        let steps = if left_out == 1 { "1 step was" } else { &format!("{left_out} steps were") };
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
        lines.push(format!("  {}  {}: {}", failed.step, failed.kind, printable(&failed.message)));
        lines.extend(failed.last_words.iter().map(|line| format!("    | {}", printable(line))));
    }
    let told = lines.len().min(MAX_TOLD) as u64;
    if failures.count > told && failures.kept.len() > MAX_TOLD {
        lines.push(format!("  ... {} more", failures.count - MAX_TOLD as u64));
    }
    lines
}

/// The keys that a zip lacks, the first of them.
pub(super) fn mismatches_json(run: &Run) -> Json {
    run.mismatches().take(MAX_MISMATCHES).map(|mismatch| json!(mismatch)).collect()
}

/// The first keys that a zip lacks, and what to do about them.
pub(super) fn mismatch_lines(run: &Run) -> Vec<String> {
    let mut lines: Vec<String> =
        run.mismatches().take(MAX_TOLD).map(|mismatch| format!("  zip: {mismatch}")).collect();
    if !lines.is_empty() {
        lines.push("hint: emit the same keys, or leave out what is on one side only: `.zip(..., unmatched = \"skip\")`".to_owned());
    }
    lines
}
