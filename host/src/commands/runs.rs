//! `fanfold runs`: the runs that are recorded.

use std::time::Duration;

use fanfold::report::{Failures, Snapshot, TakenSteps};
use fanfold::store::{Fact, Removed, RunRecord, Store, StoreError, outcome_word};
use serde_json::{Value as Json, json};

use super::project::Project;
use super::terminal::{print, print_while_read};
use super::{Exit, Failure, Outcome, garbage, recorded, summary};
use crate::cli::{Format, RunsLsArgs, RunsRmArgs, RunsShowArgs, RunsVerb};

/// How often a run that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) fn execute(verb: &RunsVerb) -> Outcome {
    match verb {
        RunsVerb::Ls(args) => list(args),
        RunsVerb::Show(args) => show(args),
        RunsVerb::Rm(args) => remove(args),
    }
}

fn list(args: &RunsLsArgs) -> Outcome {
    let project = Project::find()?;
    let mut told = Vec::new();
    if let Some(store) = recorded::open(&project, &args.store)? {
        for run in store.runs(args.limit)? {
            let status = status(&store, &run)?;
            told.push(match args.format {
                Format::Json => run_json(&run, status).to_string(),
                Format::Text => run_line(&run, status),
            });
        }
    }
    match args.format {
        Format::Json => print(&format!("[{}]", told.join(",")))?,
        Format::Text if told.is_empty() => {}
        Format::Text => print(&told.join("\n"))?,
    }
    Ok(Exit::Succeeded)
}

/// How a run stands: how it ended, or whether somebody drives it.
fn status(store: &Store, run: &RunRecord) -> Result<&'static str, StoreError> {
    Ok(match run.ended {
        Some((_, outcome)) => outcome_word(outcome),
        None if store.is_open(&run.run_id)? => "running",
        None => "interrupted",
    })
}

fn run_json(run: &RunRecord, status: &str) -> Json {
    json!({
        "run_id": run.run_id.as_str(),
        "pipeline": run.pipeline.name,
        "status": status,
        "created_at_ms": run.created_at_ms,
        "ended_at_ms": run.ended.map(|(at, _)| at),
        "parent": run.retry_of.as_ref().map(|it| it.parent.as_str()),
        "retry_mode": run.retry_of.as_ref().map(|it| &it.mode),
    })
}

fn run_line(run: &RunRecord, status: &str) -> String {
    let retry_of = run.retry_of.as_ref().map_or_else(String::new, |it| format!("  retry of {}", it.parent));
    format!("{:12}  {status:11}  {}{retry_of}", run.run_id, run.pipeline.name)
}

fn show(args: &RunsShowArgs) -> Outcome {
    let project = Project::find()?;
    let (store, mut record) = recorded::find_run(&project, &args.store, &args.run)?;
    if args.follow && !follow(&store, &mut record, args.format)? {
        return Ok(Exit::Succeeded);
    }
    let (status, snapshot) = (status(&store, &record)?, snapshot(&store, &record)?);
    print(&match args.format {
        Format::Json => shown_json(&record, status, &snapshot).to_string(),
        Format::Text => shown_text(&record, status, &snapshot),
    })?;
    Ok(Exit::Succeeded)
}

/// Prints how far a run is, again and again while somebody drives it. False if nobody reads any more.
fn follow(store: &Store, record: &mut RunRecord, format: Format) -> Result<bool, Failure> {
    let mut last = None;
    while recorded::is_driven(store, record)? {
        let now = store.progress(record)?.map(|progress| progress.snapshot);
        if let Some(snapshot) = now.as_ref().filter(|_| now != last) {
            let line = match format {
                Format::Json => shown_json(record, "running", snapshot).to_string(),
                Format::Text => format!("{}  {}", record.run_id, summary::counts_text(&snapshot.totals())),
            };
            if !print_while_read(|out| writeln!(out, "{line}"))? {
                return Ok(false);
            }
        }
        last = now;
        std::thread::sleep(PAUSE);
    }
    Ok(true)
}

/// How far a run is: as it was kept, where that is up to date or somebody keeps it so; else as its log says.
fn snapshot(store: &Store, record: &RunRecord) -> Result<Snapshot, Failure> {
    let is_open = store.is_open(&record.run_id)?;
    if let Some(kept) = store.progress(record)?
        && (is_open || kept.entries == store.log_length(record)?)
    {
        return Ok(kept.snapshot);
    }
    let mut failures = Failures::default();
    let mut taken = TakenSteps::default();
    let run = recorded::replayed(store, record, |run, entry| {
        if let Fact::StepFailed { step, retry_after_ms: None, failure } = &entry.fact {
            failures.add(run, *step, failure);
        }
        taken.note(&entry.fact);
    })?;
    Ok(Snapshot::of(&run, &failures, &taken))
}

fn shown_json(record: &RunRecord, status: &str, snapshot: &Snapshot) -> Json {
    let mut shown = run_json(record, status);
    let solids = snapshot.solids.iter().map(|it| json!({ "solid": it.solid, "steps": it.steps }));
    shown["solids"] = solids.collect();
    shown["taken"] = snapshot.taken.into();
    shown["failures"] = json!(snapshot.failures.kept);
    shown["mismatches"] = json!(snapshot.mismatches);
    shown
}

fn shown_text(record: &RunRecord, status: &str, snapshot: &Snapshot) -> String {
    let taken = record.retry_of.as_ref().and_then(|it| summary::taken_text(it, snapshot.taken));
    let mut lines = vec![run_line(record, status) + &taken.unwrap_or_default()];
    let solids = snapshot.solids.iter();
    lines.extend(solids.map(|it| format!("  {}  {}", it.pattern, summary::counts_text(&it.steps))));
    lines.extend(snapshot.failures.kept.iter().map(|failed| format!("  {failed}")));
    lines.extend(summary::mismatch_lines(&snapshot.mismatches));
    lines.join("\n")
}

fn remove(args: &RunsRmArgs) -> Outcome {
    let project = Project::find()?;
    let mut removed = Removed::default();
    // All names are looked at before anything goes.
    let found = args.runs.iter().map(|run_id| recorded::find_run(&project, &args.store, run_id));
    for (store, record) in found.collect::<Result<Vec<_>, _>>()? {
        removed += store.remove(&record)?;
    }
    garbage::print_removed(removed, "removed", args.format)?;
    Ok(Exit::Succeeded)
}
