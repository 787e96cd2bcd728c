//! Frames: runs of log entries, packed. One row of the store holds one frame, so that a million clones cost the
//! database a few thousand rows.
//!
//! Form: a mark, and the entries one after another in postcard's encoding, each as `(since_ms, fact)`: how many milliseconds after
//! the entry before it, the first one since 1970. Frames of stores before version 3 have no mark, and `(at_ms, fact)` for each entry: a
//! third of their bytes was the same time again and again. Nothing of a frame is trusted when it is read: what does not decode is
//! an error.

use std::io;

use rusqlite::{Connection, OptionalExtension, params};

use super::entry::{Entry, Fact};

/// Frames without a mark begin with a time, which is not 0.
const MARK: u8 = 0;

/// Entries that are packed and not yet written.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// The place of the first entry in the log.
    pub(super) first_seq: u64,
    /// How many entries it holds.
    pub(super) entries: u32,
    /// The packed entries.
    pub(super) body: Vec<u8>,
    /// The time of the last entry; 0 in an empty frame.
    last_at_ms: u64,
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
        let mut body = std::mem::take(&mut self.body);
        if body.is_empty() {
            body.push(MARK);
        }
        // Clocks go back, too.
        let since_ms = at_ms.wrapping_sub(self.last_at_ms).cast_signed();
        self.last_at_ms = at_ms;
        self.body = postcard::to_extend(&(since_ms, fact), body).expect("every fact has a form");
        self.entries += 1;
    }
}

/// Unpacks a frame.
pub(super) fn unpack(first_seq: u64, entries: u32, body: &[u8]) -> Result<Vec<Entry>, DamagedFrame> {
    let marked = body.strip_prefix(&[MARK]);
    let mut rest = marked.unwrap_or(body);
    let mut at_ms = 0;
    let mut unpacked = Vec::new();
    for seq in first_seq..first_seq.saturating_add(u64::from(entries)) {
        let fact;
        (at_ms, fact, rest) = next(at_ms, marked.is_some(), rest).map_err(|_| DamagedFrame { seq })?;
        unpacked.push(Entry { seq, at_ms, fact });
    }
    if rest.is_empty() { Ok(unpacked) } else { Err(DamagedFrame { seq: first_seq + u64::from(entries) }) }
}

/// The time and the fact of the next entry, and what follows it.
fn next(last_at_ms: u64, is_marked: bool, rest: &[u8]) -> postcard::Result<(u64, Fact, &[u8])> {
    if is_marked {
        let ((since_ms, fact), rest) = postcard::take_from_bytes(rest)?;
        Ok((last_at_ms.wrapping_add_signed(since_ms), fact, rest))
    } else {
        let ((at_ms, fact), rest) = postcard::take_from_bytes(rest)?;
        Ok((at_ms, fact, rest))
    }
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

    /// By a clock that stands still, goes on, and is set back.
    fn entries() -> Vec<Entry> {
        let times = [1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_020, 1_600_000_000_000];
        let entries = facts().into_iter().zip(times).zip(7..);
        entries.map(|((fact, at_ms), seq)| Entry { seq, at_ms, fact }).collect()
    }

    #[test]
    fn entries_survive_their_packing() {
        let entries = entries();
        let mut frame = Frame::after(7);
        for entry in &entries {
            frame.push(entry.at_ms, &entry.fact);
        }
        assert_eq!(unpack(frame.first_seq, frame.entries, &frame.body).unwrap(), entries);
    }

    #[test]
    fn frames_of_older_stores_can_be_read() {
        let entries = entries();
        let body = entries
            .iter()
            .fold(Vec::new(), |body, entry| postcard::to_extend(&(entry.at_ms, &entry.fact), body).unwrap());
        assert_eq!(unpack(7, entries.len() as u32, &body).unwrap(), entries);
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
