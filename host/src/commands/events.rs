//! `fanfold events`: a run's event log, entry by entry, also of a run that another process drives.

use std::cell::Cell;

use fanfold::diagnostic::printable;
use fanfold::event_json::event_json;
use serde_json::Value as Json;

use super::project::Project;
use super::recorded::Told;
use super::{Exit, Outcome, recorded};
use crate::cli::{EventsArgs, Format};

pub(super) fn execute(args: &EventsArgs) -> Outcome {
    let project = Project::find()?;
    let (store, record) = recorded::find_run(&project, &args.store, &args.run)?;
    let left = Cell::new(args.limit.unwrap_or(u64::MAX));
    recorded::print_log(&store, record, args.follow, |run, entry| {
        if left.get() == 0 {
            return Told::Enough;
        }
        if args.after.is_some_and(|after| entry.seq <= after) {
            return Told::Nothing;
        }
        left.set(left.get() - 1);
        let json = event_json(run, entry);
        Told::Line(if args.format == Format::Json { json.to_string() } else { line(&json) })
    })?;
    Ok(Exit::Succeeded)
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
