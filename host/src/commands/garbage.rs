//! `fanfold gc`, and the runs that a project keeps no longer.

use fanfold::diagnostic::bytes_text;
use fanfold::store::{Removed, Store, StoreError};
use serde_json::json;

use super::project::Project;
use super::terminal::{print, tell};
use super::{Exit, Failure, Outcome, recorded};
use crate::cli::{Format, GcArgs};

/// Runs that are removed after one run, at most: who begins to bound what is kept does not wait for all of it.
const MAX_REMOVED: u64 = 100;

pub(super) fn execute(args: &GcArgs) -> Outcome {
    let project = Project::find()?;
    let store = recorded::open(&project, &args.store)?;
    let removed = store.map_or(Ok(Removed::default()), |store| store.collect_garbage(args.dry_run))?;
    print_removed(removed, if args.dry_run { "would remove" } else { "removed" }, args.format)?;
    Ok(Exit::Succeeded)
}

/// Prints what was removed.
pub(super) fn print_removed(removed: Removed, verb: &str, format: Format) -> Result<(), Failure> {
    let Removed { runs, files, bytes } = removed;
    print(&match format {
        Format::Json => json!({ "runs": runs, "files": files, "bytes": bytes }).to_string(),
        Format::Text => format!("{verb} {}", removed_text(removed)),
    })
}

/// `2 runs, 14 files with 3.2 MiB`.
fn removed_text(removed: Removed) -> String {
    let Removed { runs, files, bytes } = removed;
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let content = if files > 0 { format!(" with {}", bytes_text(bytes)) } else { String::new() };
    format!("{runs} run{}, {files} value file{}{content}", plural(runs), plural(files))
}

/// Removes runs that are older or more than the settings keep. What cannot be removed is told, and harms nobody.
pub(super) fn retain(project: &Project, store: &Store) {
    let retention = project.settings().retention;
    let excess = store.excess(retention.max_age, retention.max_runs);
    match excess.and_then(|excess| remove_some(store, &excess)) {
        Ok(Removed { runs: 0, .. }) => {}
        Ok(removed) => tell(&format!("retention: removed {}", removed_text(removed))),
        Err(error) => tell(&format!("warning: cannot remove old runs: {error}")),
    }
}

fn remove_some(store: &Store, run_ids: &[String]) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    for run_id in run_ids {
        if removed.runs == MAX_REMOVED {
            break;
        }
        let Some(record) = store.find(run_id)? else { continue };
        match store.remove(&record) {
            // Their time comes.
            Err(StoreError::RunInUse(_) | StoreError::RunNeeded { .. }) => {}
            other => removed += other?,
        }
    }
    Ok(removed)
}
