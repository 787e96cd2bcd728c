//! Standard output and standard error of a guest, as log lines.
//!
//! Invariant: nothing a guest prints reaches the host's own terminal, and no more than one line is held at a time.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::failure::StepFailure;
use super::reporter::SharedReporter;
use super::value::{LogLevel, LogSource};

/// A line longer than this is split.
const MAX_LINE_BYTES: usize = 16 << 10;
/// What a guest may write at once.
const WRITE_BYTES: usize = 64 << 10;

/// One of the two streams. Clones write to the same stream.
#[derive(Clone)]
pub(super) struct Console {
    source: LogSource,
    reporter: SharedReporter,
    /// The line that has not ended yet.
    line: Arc<Mutex<Vec<u8>>>,
}

impl Console {
    pub(super) fn new(source: LogSource, reporter: SharedReporter) -> Self {
        Self { source, reporter, line: Arc::default() }
    }

    /// Passes on a last line that did not end.
    pub(super) fn finish(&self) -> Result<(), StepFailure> {
        let rest = std::mem::take(&mut *self.line.lock().unwrap_or_else(PoisonError::into_inner));
        if rest.is_empty() { Ok(()) } else { self.pass_on(&rest) }
    }

    fn write(&self, bytes: &[u8]) -> Result<(), StepFailure> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in piece.chunks(MAX_LINE_BYTES) {
                line.extend_from_slice(part);
                if part.ends_with(b"\n") || line.len() >= MAX_LINE_BYTES {
                    let ended = std::mem::take(&mut *line);
                    self.pass_on(ended.strip_suffix(b"\n").unwrap_or(&ended))?;
                }
            }
        }
        Ok(())
    }

    fn pass_on(&self, line: &[u8]) -> Result<(), StepFailure> {
        let level = match self.source {
            LogSource::Stderr => LogLevel::Warning,
            LogSource::Stdout | LogSource::Log | LogSource::Host => LogLevel::Info,
        };
        self.reporter.lock().log(level, self.source, String::from_utf8_lossy(line).into_owned())
    }
}

impl IsTerminal for Console {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Console {
    // Only the next version of WASI asks for this one.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Console {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Console {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        Console::write(self, &bytes).map_err(|failure| StreamError::Trap(wasmtime::Error::new(failure)))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}
