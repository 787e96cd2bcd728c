//! `fanfold events`: a run's event log, entry by entry, also of a run that another process drives.

use std::time::Duration;

use fanfold::diagnostic::printable;
use fanfold::event_json::event_json;
use fanfold::store::{RunRecord, Store};
use fanfold_graph::run::Run;
use serde_json::Value as Json;

use super::project::Project;
use super::terminal::print_with;
use super::{Exit, Failure, Outcome, recorded};
use crate::cli::{EventsArgs, Format};

/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn execute(args: &EventsArgs) -> Outcome {
    let project = Project::find()?;
    let (store, mut record) = recorded::find_run(&project, &args.store, &args.run)?;
    let mut run = recorded::fresh(&record)?;
    let mut seen = 0;
    loop {
        // Asked before the log is read: what came between is not missed.
        let has_ended = !args.follow || !is_driven(&store, &mut record)?;
        let printed = print_new(&store, &record, &mut run, seen, args.format)?;
        seen += printed;
        if has_ended {
            return Ok(Exit::Succeeded);
        }
        if printed == 0 {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether some process appends to the run.
fn is_driven(store: &Store, record: &mut RunRecord) -> Result<bool, Failure> {
    let failed = |error| Failure::store(&error);
    if let Some(newer) = store.find(record.run_id.as_str()).map_err(failed)? {
        *record = newer;
    }
    Ok(record.ended.is_none() && store.is_open(&record.run_id).map_err(failed)?)
}

/// Prints the entries from `seen` on; their number.
fn print_new(
    store: &Store,
    record: &RunRecord,
    run: &mut Run,
    seen: u64,
    format: Format,
) -> Result<u64, Failure> {
    let entries = store.entries_from(record, seen).map_err(|error| Failure::store(&error))?;
    let mut lines = Vec::with_capacity(entries.len());
    for entry in &entries {
        if let Some(event) = entry.event() {
            _ = run.apply(&event).map_err(|error| recorded::damaged(record, &error.to_string()))?;
        }
        let json = event_json(run, entry);
        lines.push(if format == Format::Json { json.to_string() } else { line(&json) });
    }
    print_with(|out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))?;
    Ok(entries.len() as u64)
}

/// `12  step_started  process_file[a]  {"attempt":0}`.
fn line(event: &Json) -> String {
    let text = |name: &str| event[name].as_str().map(printable);
    let mut facts = event.as_object().cloned().unwrap_or_default();
    let seq = facts.remove("seq").unwrap_or_default();
    for name in ["at_ms", "event", "step"] {
        facts.remove(name);
    }
    let facts = if facts.is_empty() { String::new() } else { Json::Object(facts).to_string() };
    let parts = [seq.to_string(), text("event").unwrap_or_default(), text("step").unwrap_or_default(), facts];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}
