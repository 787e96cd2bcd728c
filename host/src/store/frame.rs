//! Frames: runs of log entries, packed. One row of the store holds one frame, so that a million clones cost the
//! database a few thousand rows.
//!
//! Form: the entries one after another in postcard's encoding, each as `(at_ms, fact)`. Nothing of a frame is trusted
//! when it is read: what does not decode is an error.

use std::io;

use rusqlite::{Connection, OptionalExtension, params};

use super::entry::{Entry, Fact};

/// Entries that are packed and not yet written.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// The place of the first entry in the log.
    pub(super) first_seq: u64,
    /// How many entries it holds.
    pub(super) entries: u32,
    /// The packed entries.
    pub(super) body: Vec<u8>,
}

/// A frame that cannot be read: it was damaged, or written by a newer version.
#[derive(Debug, thiserror::Error)]
#[error("entry {seq} of the event log cannot be read")]
pub struct DamagedFrame {
    /// The entry.
    pub seq: u64,
}

impl Frame {
    /// An empty frame that continues a log of so many entries.
    pub(super) fn after(entries: u64) -> Self {
        Self { first_seq: entries, ..Self::default() }
    }

    /// Packs one more entry.
    pub(super) fn push(&mut self, at_ms: u64, fact: &Fact) {
        let body = std::mem::take(&mut self.body);
        self.body = postcard::to_extend(&(at_ms, fact), body).expect("every fact has a form");
        self.entries += 1;
    }
}

/// Unpacks a frame.
pub(super) fn unpack(first_seq: u64, entries: u32, body: &[u8]) -> Result<Vec<Entry>, DamagedFrame> {
    let mut rest = body;
    let mut unpacked = Vec::new();
    for seq in first_seq..first_seq.saturating_add(u64::from(entries)) {
        let damaged = |_| DamagedFrame { seq };
        let ((at_ms, fact), after) = postcard::take_from_bytes::<(u64, Fact)>(rest).map_err(damaged)?;
        rest = after;
        unpacked.push(Entry { seq, at_ms, fact });
    }
    if rest.is_empty() { Ok(unpacked) } else { Err(DamagedFrame { seq: first_seq + u64::from(entries) }) }
}

/// Reads the frame that holds an entry of a run's log.
pub(super) fn containing(connection: &Connection, run: i64, seq: u64) -> io::Result<Vec<Entry>> {
    let found: Option<(i64, u32, Vec<u8>)> = connection
        .prepare(
            "SELECT first_seq, entries, body FROM frames WHERE run = ?1 AND first_seq <= ?2
             ORDER BY first_seq DESC LIMIT 1",
        )
        .and_then(|mut query| {
            let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            query.query_row(params![run, seq.cast_signed()], columns).optional()
        })
        .map_err(io::Error::other)?;
    let Some((first_seq, entries, body)) = found else {
        return Err(io::Error::other(format!("the event log has no entry {seq}")));
    };
    unpack(first_seq.cast_unsigned(), entries, &body).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use fanfold_graph::name::MappingKey;
    use fanfold_graph::step::{Point, SolidId, StepId};

    use super::*;
    use crate::store::LoggedValue;

    fn facts() -> Vec<Fact> {
        let step = StepId { solid: SolidId(3), point: Point(1_000_000) };
        vec![
            Fact::StepStarted { step },
            Fact::OutputEmitted {
                step,
                output: 0,
                mapping_key: Some(MappingKey::new("a").unwrap()),
                value: LoggedValue::Json("17".into()),
                metadata: Vec::new(),
            },
            Fact::StepCanceled { step },
            Fact::RunCanceled,
        ]
    }

    #[test]
    fn entries_survive_their_packing() {
        let mut frame = Frame::after(7);
        for fact in facts() {
            frame.push(1_700_000_000_000, &fact);
        }
        let unpacked = unpack(frame.first_seq, frame.entries, &frame.body).unwrap();
        assert_eq!(unpacked.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [7, 8, 9, 10]);
        assert_eq!(unpacked.into_iter().map(|entry| entry.fact).collect::<Vec<_>>(), facts());
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let mut frame = Frame::after(0);
        for fact in facts() {
            frame.push(5, &fact);
        }
        for cut in 0..frame.body.len() {
            assert!(unpack(0, frame.entries, &frame.body[..cut]).is_err(), "cut at {cut}");
        }
        assert!(unpack(0, frame.entries - 1, &frame.body).is_err());
        assert!(unpack(0, u32::MAX, &[0xff; 64]).is_err());
    }
}
