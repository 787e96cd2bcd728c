//! What people see of a run while it goes: lines in a pipe, live bars on a terminal, nothing where a program reads.
//!
//! A report only ever reads the run. Live and replayed runs are shown alike.

mod failures;
mod lines;
mod notes;
mod progress;
mod snapshot;
mod taken;
mod terminal;

use fanfold_graph::run::Run;
use fanfold_graph::step::StepId;

pub use failures::{FailedStep, Failures};
pub use snapshot::{Snapshot, SolidSnapshot, StepCounts};
pub use taken::TakenSteps;

use crate::store::{Entry, Fact};
use lines::Lines;
use terminal::Terminal;

/// Shows what happens in a run, and remembers what failed.
#[derive(Debug)]
pub struct Report {
    screen: Screen,
    failures: Failures,
    taken: TakenSteps,
}

#[derive(Debug)]
enum Screen {
    Silent,
    Lines(Lines),
    Terminal(Terminal),
}

impl Report {
    /// Shows nothing: a program reads what the run comes to.
    pub fn silent() -> Self {
        Self::on(Screen::Silent)
    }

    /// Shows each change as a line on standard error.
    pub fn lines() -> Self {
        Self::on(Screen::Lines(Lines::default()))
    }

    /// Shows the solids' progress live on standard error, which is a terminal.
    pub fn terminal() -> Self {
        Self::on(Screen::Terminal(Terminal::default()))
    }

    fn on(screen: Screen) -> Self {
        Self { screen, failures: Failures::default(), taken: TakenSteps::default() }
    }

    /// Takes note of an entry without showing it: one that an earlier process recorded.
    pub fn recall(&mut self, run: &Run, entry: &Entry) {
        self.taken.note(&entry.fact);
        if let Fact::StepFailed { step, retry_after_ms: None, failure } = &entry.fact {
            self.failures.add(run, *step, failure);
        }
    }

    /// Shows an entry that was just applied to the run.
    pub fn show(&mut self, run: &Run, entry: &Entry) {
        self.recall(run, entry);
        match &mut self.screen {
            Screen::Silent => {}
            Screen::Lines(lines) => lines.show(run, entry),
            Screen::Terminal(terminal) => terminal.show(run, entry),
        }
    }

    /// Shows how far a running step says it is.
    pub fn progress(&mut self, step: StepId, done: f64, total: Option<f64>, message: &str) {
        if let Screen::Terminal(terminal) = &mut self.screen {
            terminal.progress(step, done, total, message);
        }
    }

    /// Brings what is shown up to date; called a few times a second.
    pub fn tick(&mut self, run: &Run) {
        match &mut self.screen {
            Screen::Silent => {}
            Screen::Lines(lines) => lines.tick(run),
            Screen::Terminal(terminal) => terminal.tick(run),
        }
    }

    /// Clears what is live, before the summary.
    pub fn close(&mut self, run: &Run) {
        match &mut self.screen {
            Screen::Silent => {}
            Screen::Lines(lines) => lines.tell(run),
            Screen::Terminal(terminal) => terminal.close(run),
        }
    }

    /// How far the run is, with what was noted of it.
    pub fn snapshot(&self, run: &Run) -> Snapshot {
        Snapshot::of(run, &self.failures, &self.taken)
    }
}

/// A duration in milliseconds as people read it: `12 ms`, `1.5 s`, `2 min 5 s`.
pub fn duration_text(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}
