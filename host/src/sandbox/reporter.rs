//! What a step says, on its way to the orchestrator: counted, and thinned out where there is too much of it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::failure::{FailureKind, StepFailure};
use super::limits::Limits;
use super::step_host::StepHost;
use super::value::{LogLevel, LogSource, StepEvent};
use crate::diagnostic::bytes_text;

/// What a log line costs besides its text, in bytes: many empty lines are not free.
const LINE_BYTES: u64 = 32;
/// Progress reaches the orchestrator about this often: people read it.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);
/// How many of the last lines on standard error a failure carries, and how long each may be.
const LAST_WORDS: usize = 8;
const LAST_WORD_BYTES: usize = 500;

/// The step's line to the orchestrator, shared by the contract's functions and the standard streams. Only the step's
/// own thread uses it, so the lock is never contended.
#[derive(Clone)]
pub(super) struct SharedReporter(Arc<Mutex<Reporter>>);

pub(super) struct Reporter {
    pub(super) host: Box<dyn StepHost>,
    log_limit: u64,
    log_bytes: u64,
    metadata_limit: u64,
    metadata_bytes: u64,
    progress_at: Option<Instant>,
    held_progress: Option<StepEvent>,
    last_words: VecDeque<String>,
}

impl SharedReporter {
    pub(super) fn new(host: Box<dyn StepHost>, limits: &Limits) -> Self {
        Self(Arc::new(Mutex::new(Reporter {
            host,
            log_limit: limits.log_bytes,
            log_bytes: 0,
            metadata_limit: limits.metadata_bytes,
            metadata_bytes: 0,
            progress_at: None,
            held_progress: None,
            last_words: VecDeque::new(),
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Reporter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter {
    /// Passes one log line on.
    pub(super) fn log(
        &mut self,
        level: LogLevel,
        source: LogSource,
        message: String,
    ) -> Result<(), StepFailure> {
        self.log_bytes += LINE_BYTES + message.len() as u64;
        if self.log_bytes > self.log_limit {
            let message = format!("the step logged more than {}", bytes_text(self.log_limit));
            return Err(StepFailure::limit(FailureKind::LogsTooLarge, message, "logs"));
        }
        if source == LogSource::Stderr {
            self.keep_last_words(&message);
        }
        self.report(StepEvent::Log { level, source, message })
    }

    /// Passes progress on, or holds it back until there is newer progress or the step ends.
    pub(super) fn progress(&mut self, progress: StepEvent) -> Result<(), StepFailure> {
        if self.progress_at.is_some_and(|last| last.elapsed() < PROGRESS_PAUSE) {
            self.held_progress = Some(progress);
            return Ok(());
        }
        self.progress_at = Some(Instant::now());
        self.held_progress = None;
        self.report(progress)
    }

    /// Counts metadata.
    pub(super) fn charge_metadata(&mut self, bytes: u64) -> Result<(), StepFailure> {
        self.metadata_bytes += bytes;
        if self.metadata_bytes <= self.metadata_limit {
            return Ok(());
        }
        let message = format!("the step's metadata exceeds {}", bytes_text(self.metadata_limit));
        Err(StepFailure::limit(FailureKind::MetadataTooLarge, message, "metadata"))
    }

    /// Passes any event on.
    pub(super) fn report(&mut self, event: StepEvent) -> Result<(), StepFailure> {
        self.host.report(event).map_err(|error| host_failed("cannot record an event", &error))
    }

    /// Passes on what was held back. Called once, when the step has ended.
    pub(super) fn finish(&mut self) -> Result<(), StepFailure> {
        self.held_progress.take().map_or(Ok(()), |progress| self.report(progress))
    }

    pub(super) fn take_last_words(&mut self) -> Vec<String> {
        std::mem::take(&mut self.last_words).into()
    }

    fn keep_last_words(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.last_words.len() == LAST_WORDS {
            self.last_words.pop_front();
        }
        self.last_words.push_back(line[..line.floor_char_boundary(LAST_WORD_BYTES)].to_owned());
    }
}

/// The failure of a step whose host could not do its part.
pub(super) fn host_failed(what: &str, error: &io::Error) -> StepFailure {
    StepFailure::new(FailureKind::HostFailed, format!("{what}: {error}"))
}
