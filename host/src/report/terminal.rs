//! A run on a terminal: one live line for each solid that has begun.

use std::collections::HashMap;

use fanfold_graph::run::Run;
use fanfold_graph::step::{SolidId, StepId, StepState};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::notes::{Budget, note};
use super::progress::Progress;
use crate::diagnostic::printable;
use crate::store::Entry;

/// Live lines at most; the terminal may have fewer, and indicatif then leaves some out.
const MAX_ROWS: usize = 20;
const BAR_WIDTH: u64 = 20;

/// Live lines on standard error.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    screen: MultiProgress,
    budget: Budget,
    rows: HashMap<SolidId, ProgressBar>,
    /// What running steps last said of themselves.
    said: HashMap<StepId, String>,
}

impl Terminal {
    pub(super) fn show(&mut self, run: &Run, entry: &Entry) {
        if let Some(step) = entry.fact.step().filter(|step| run.state(*step) != Some(StepState::Running)) {
            self.said.remove(&step);
        }
        if let Some(line) = self.budget.pass(|| note(run, entry)) {
            // A terminal that cannot be written to is no reason to stop the run.
            _ = self.screen.println(line);
        }
    }

    pub(super) fn progress(&mut self, step: StepId, done: f64, total: Option<f64>, message: &str) {
        let of = total.map_or(String::new(), |total| format!("/{total}"));
        self.said.insert(step, format!("{done}{of} {message}"));
    }

    /// Draws a row for each solid that runs, and for as many of the others as there is room for.
    pub(super) fn tick(&mut self, run: &Run) {
        let width =
            run.plan().solids().map(|solid| run.plan().step_pattern(solid).len()).max().unwrap_or(0).min(40);
        for solid in run.plan().solids() {
            let progress = Progress::of(run, solid);
            if !progress.has_begun() || (self.rows.len() >= MAX_ROWS && !self.rows.contains_key(&solid)) {
                continue;
            }
            let said =
                self.said.iter().find(|(step, _)| step.solid == solid).map(|(_, said)| printable(said));
            let screen = &self.screen;
            let row = self.rows.entry(solid).or_insert_with(|| {
                let style = ProgressStyle::with_template("{wide_msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_bar());
                screen.add(ProgressBar::no_length().with_style(style))
            });
            let name = run.plan().step_pattern(solid);
            row.set_message(format!(
                "  {name:width$}  {}{}  {}",
                bar(&progress),
                progress.text(),
                said.unwrap_or_default()
            ));
        }
    }

    /// Leaves the last state of each row on the screen.
    pub(super) fn close(&mut self, run: &Run) {
        self.said.clear();
        self.tick(run);
        self.rows.values().for_each(ProgressBar::abandon);
    }
}

/// `########------------  `, for a solid with clones.
fn bar(progress: &Progress) -> String {
    if progress.total() < 2 {
        return String::new();
    }
    let full = progress.ended() * BAR_WIDTH / progress.total();
    format!("{}{}  ", "#".repeat(full as usize), "-".repeat((BAR_WIDTH - full) as usize))
}
