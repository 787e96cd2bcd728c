//! A run in a pipe: what happens, line by line, and now and then how far each solid is.

use std::time::{Duration, Instant};

use fanfold_graph::run::Run;

use super::notes::{Budget, note};
use super::progress::Progress;
use crate::store::Entry;

/// Between two reports on a solid's progress.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes lines to standard error.
#[derive(Debug, Default)]
pub(super) struct Lines {
    budget: Budget,
    /// What was last told of each solid.
    told: Vec<Option<Progress>>,
    told_at: Option<Instant>,
}

impl Lines {
    pub(super) fn show(&mut self, run: &Run, entry: &Entry) {
        if let Some(line) = self.budget.pass(|| note(run, entry)) {
            eprintln!("{line}");
        }
    }

    pub(super) fn tick(&mut self, run: &Run) {
        let now = Instant::now();
        if now.duration_since(*self.told_at.get_or_insert(now)) >= PAUSE {
            self.tell(run);
        }
    }

    /// One line for each solid of which there is news.
    pub(super) fn tell(&mut self, run: &Run) {
        self.told_at = Some(Instant::now());
        self.told.resize(run.plan().solids().len(), None);
        for (solid, told) in run.plan().solids().zip(&mut self.told) {
            let progress = Progress::of(run, solid);
            if progress.has_begun() && *told != Some(progress) {
                eprintln!("{}  {}", run.plan().step_pattern(solid), progress.text());
                *told = Some(progress);
            }
        }
    }
}
