//! What a run came to: for people on standard error with the result on standard output, for programs one JSON object.

use std::time::Duration;

use fanfold::diagnostic::printable;
use fanfold::orchestrator::Orchestrator;
use fanfold::report::{Failures, duration_text};
use fanfold::store::{RunId, outcome_word};
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
    outcome: Outcome,
) -> Result<(), Failure> {
    let (head, tail) = orchestrator.look(|run, report| {
        let steps = counts_json(&totals(run));
        let pipeline = json!(run.plan().pipeline().name);
        let head = format!(
            r#"{{"run_id":{},"pipeline":{pipeline},"status":"{}","#,
            json!(run_id.as_str()),
            outcome_word(outcome)
        );
        let (failures, mismatches) = (json!(report.failures().kept), mismatches_json(run));
        (head, format!(r#""steps":{steps},"failures":{failures},"mismatches":{mismatches}}}"#))
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
    outcome: Outcome,
    took: Duration,
) -> Result<(), Failure> {
    let took = duration_text(took.as_millis() as u64);
    let summary = orchestrator.look(|run, report| {
        let mut lines =
            vec![format!("run {run_id} {} in {took}: {}", outcome_word(outcome), counts_text(&totals(run)))];
        lines.extend(failure_lines(report.failures()));
        lines.extend(mismatch_lines(run));
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

/// The first failures in full, the number of the others, and what to do about the first.
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
    if let Some(hint) = failures.kept.iter().find_map(|failed| failed.hint.as_ref()) {
        lines.push(format!("hint: {}", printable(hint)));
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
