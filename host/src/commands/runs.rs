//! `fanfold runs`: the runs that are recorded.

use fanfold::diagnostic::{Diagnostic, printable};
use fanfold::report::{FailedStep, Failures, TakenSteps};
use fanfold::store::{Fact, RunRecord, Store, outcome_word};
use fanfold_graph::run::Run;
use serde_json::{Value as Json, json};

use super::project::Project;
use super::terminal::print;
use super::{Exit, Failure, Outcome, recorded, summary};
use crate::cli::{Format, RunsLsArgs, RunsShowArgs, RunsVerb};

pub(super) fn execute(verb: &RunsVerb) -> Outcome {
    match verb {
        RunsVerb::Ls(args) => list(args),
        RunsVerb::Show(args) => show(args),
    }
}

fn list(args: &RunsLsArgs) -> Outcome {
    let project = Project::find()?;
    let store = recorded::open(&project, &args.store)?;
    let runs = store.as_ref().map_or(Ok(Vec::new()), Store::runs).map_err(|error| Failure::store(&error))?;
    let told = match args.format {
        Format::Json => json!(runs.iter().map(run_json).collect::<Vec<_>>()).to_string(),
        Format::Text => runs.iter().map(run_line).collect::<Vec<_>>().join("\n"),
    };
    if !told.is_empty() {
        print(&told)?;
    }
    Ok(Exit::Succeeded)
}

fn status(run: &RunRecord) -> &'static str {
    run.ended.map_or("unfinished", |(_, outcome)| outcome_word(outcome))
}

fn run_json(run: &RunRecord) -> Json {
    json!({
        "run_id": run.run_id.as_str(),
        "pipeline": run.pipeline.name,
        "status": status(run),
        "created_at_ms": run.created_at_ms,
        "ended_at_ms": run.ended.map(|(at, _)| at),
        "parent": run.retry_of.as_ref().map(|it| it.parent.as_str()),
        "retry_mode": run.retry_of.as_ref().map(|it| &it.mode),
    })
}

fn run_line(run: &RunRecord) -> String {
    let retry_of = run.retry_of.as_ref().map_or_else(String::new, |it| format!("  retry of {}", it.parent));
    format!("{:12}  {:11}  {}{retry_of}", run.run_id, status(run), run.pipeline.name)
}

fn show(args: &RunsShowArgs) -> Outcome {
    let project = Project::find()?;
    let (store, record) = recorded::find_run(&project, &args.store, &args.run)?;
    let entries = store.entries(&record).map_err(|error| Failure::store(&error))?;
    let mut run = recorded::fresh(&record)?;
    let mut failures = Failures::default();
    let mut taken = TakenSteps::default();
    for entry in &entries {
        if let Some(event) = entry.event() {
            _ = run.apply(&event).map_err(|error| Failure::system(Diagnostic::new(error.to_string())))?;
        }
        if let Fact::StepFailed { step, retry_after_ms: None, failure } = &entry.fact {
            failures.add(run.step_key(*step), failure);
        }
        taken.note(&entry.fact);
    }
    print(&match args.format {
        Format::Json => shown_json(&record, &run, &failures, &taken).to_string(),
        Format::Text => shown_text(&record, &run, &failures, &taken),
    })?;
    Ok(Exit::Succeeded)
}

fn shown_json(record: &RunRecord, run: &Run, failures: &Failures, taken: &TakenSteps) -> Json {
    let mut shown = run_json(record);
    let solids = run.plan().solids().map(|solid| {
        json!({ "solid": run.plan().invocation(solid).name, "steps": summary::counts_json(run.counts(solid)) })
    });
    shown["solids"] = solids.collect();
    shown["taken"] = taken.taken(run).into();
    shown["failures"] = json!(failures.kept);
    shown["mismatches"] = summary::mismatches_json(run);
    shown
}

fn shown_text(record: &RunRecord, run: &Run, failures: &Failures, taken: &TakenSteps) -> String {
    let taken = record.retry_of.as_ref().and_then(|it| summary::taken_text(it, taken, run));
    let mut lines = vec![run_line(record) + &taken.unwrap_or_default()];
    for solid in run.plan().solids() {
        let told = summary::counts_text(run.counts(solid));
        lines.push(format!("  {}  {told}", run.plan().step_pattern(solid)));
    }
    let failure = |it: &FailedStep| format!("  {}  {}: {}", it.step, it.kind, printable(&it.message));
    lines.extend(failures.kept.iter().map(failure));
    lines.extend(summary::mismatch_lines(run));
    lines.join("\n")
}
