//! What of a run is worth a line while it goes: failures, retries, and what solids warn of.

use fanfold_graph::run::Run;

use crate::diagnostic::printable;
use crate::sandbox::LogLevel;
use crate::store::{Entry, Fact};

/// Lines that are shown; what comes after them is in the run store. A million failures need no million lines.
const MAX_NOTES: u32 = 100;

/// How many lines have been shown.
#[derive(Debug, Default)]
pub(super) struct Budget {
    spent: u32,
}

impl Budget {
    /// Makes a line unless there were too many; the last one says so.
    pub(super) fn pass(&mut self, line: impl FnOnce() -> Option<String>) -> Option<String> {
        if self.spent > MAX_NOTES {
            return None;
        }
        let line = line()?;
        self.spent += 1;
        if self.spent > MAX_NOTES {
            Some("... more of this is in the run store".to_owned())
        } else {
            Some(line)
        }
    }
}

/// The line for an entry, if it deserves one.
pub(super) fn note(run: &Run, entry: &Entry) -> Option<String> {
    let key = |step| run.step_key(step);
    match &entry.fact {
        Fact::StepFailed { step, retry_after_ms: None, failure } => {
            Some(format!("{}  {}", key(*step), printable(&failure.to_string())))
        }
        Fact::StepFailed { step, retry_after_ms: Some(pause), failure } => Some(format!(
            "{}  runs again in {}: {}",
            key(*step),
            super::duration_text(u64::from(*pause)),
            printable(&failure.to_string())
        )),
        Fact::Logged { step, level: level @ (LogLevel::Warning | LogLevel::Error), message, .. } => {
            Some(format!("{}  {level}: {}", key(*step), printable(message)))
        }
        Fact::Expectation { step, label, passed: false, .. } => {
            Some(format!("{}  expectation `{}` not met", key(*step), printable(label)))
        }
        Fact::HookEnded { step, hook, failure: Some(failure) } => Some(format!(
            "{}  warning: hook `{hook}` failed: {}",
            key(*step),
            printable(&failure.to_string())
        )),
        Fact::RunCanceled => Some("canceling: running steps are interrupted".to_owned()),
        _ => None,
    }
}
