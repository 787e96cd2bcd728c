//! A recorded run's log, entry by entry: frames are read as they are asked for, and a few of them kept.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::entry::Entry;
use super::frame;

/// Frames that are kept unpacked: entries are asked for in about the order in which they were written, by several
/// threads.
const MAX_FRAMES: usize = 8;

/// Reads entries of one run's log. Usable from any thread.
#[derive(Debug)]
pub struct RecordedLog {
    run: i64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    /// The entries of some frames.
    frames: VecDeque<Vec<Entry>>,
}

impl RecordedLog {
    pub(super) fn new(run: i64, connection: Connection) -> Self {
        Self { run, state: Mutex::new(State { connection, frames: VecDeque::new() }) }
    }

    /// The entry at this place of the log.
    pub fn entry(&self, seq: u64) -> io::Result<Entry> {
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = state.frames.iter().find_map(|frame| find(frame, seq)) {
            return Ok(entry);
        }
        let frame = frame::containing(&state.connection, self.run, seq)?;
        let entry = find(&frame, seq);
        state.frames.push_back(frame);
        if state.frames.len() > MAX_FRAMES {
            state.frames.pop_front();
        }
        entry.ok_or_else(|| io::Error::other(format!("the event log has no entry {seq}")))
    }
}

fn find(frame: &[Entry], seq: u64) -> Option<Entry> {
    let place = usize::try_from(seq.checked_sub(frame.first()?.seq)?).ok()?;
    frame.get(place).cloned()
}
