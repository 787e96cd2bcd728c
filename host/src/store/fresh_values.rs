//! The values that a run appended last: a clone that reads what was just emitted touches no disk.

use std::collections::VecDeque;

use super::entry::{KeptValue, LoggedValue, ValueFile};

/// Values are kept and dropped so many at a time, or fewer if they take
const CHUNK: usize = 1024;
/// so many bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// Values by the places of their entries in the log, the newest of them.
pub(super) struct FreshValues {
    /// In the order of the log. None is empty.
    chunks: VecDeque<Chunk>,
    /// The chunk where the last one was found. Steps read them in about that order, too: the next one is near,
    last_found: usize,
    /// and often in this place of the same chunk, right after it.
    place_after: usize,
    bytes: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct Chunk {
    /// Apart from the values, so that a search touches little memory.
    seqs: Vec<u64>,
    values: Vec<LoggedValue>,
    bytes: usize,
}

impl Chunk {
    fn may_have(&self, seq: u64) -> bool {
        self.seqs.first().is_some_and(|first| *first <= seq)
            && self.seqs.last().is_some_and(|last| seq <= *last)
    }
}

impl FreshValues {
    /// Keeps about so many bytes; what a value costs besides its content is counted too.
    pub(super) fn of(max_bytes: usize) -> Self {
        Self { chunks: VecDeque::new(), last_found: 0, place_after: 0, bytes: 0, max_bytes }
    }

    /// Keeps a value whose entry comes after all others, and drops the oldest if these are too many.
    pub(super) fn keep(&mut self, seq: u64, value: LoggedValue) {
        let is_full = |chunk: &Chunk| chunk.values.len() == CHUNK || chunk.bytes >= CHUNK_BYTES;
        if self.chunks.back().is_none_or(is_full) {
            self.chunks.push_back(Chunk::default());
        }
        let Some(last) = self.chunks.back_mut() else { return };
        let cost = cost(&value);
        last.seqs.push(seq);
        last.values.push(value);
        last.bytes += cost;
        self.bytes += cost;
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.chunks.pop_front()
        {
            self.bytes -= oldest.bytes;
            self.last_found = self.last_found.saturating_sub(1);
        }
    }

    /// The value of that entry, if it is still here.
    pub(super) fn find(&mut self, seq: u64) -> Option<&LoggedValue> {
        if !self.chunks.get(self.last_found).is_some_and(|chunk| chunk.may_have(seq)) {
            let after = self.chunks.partition_point(|chunk| chunk.seqs[0] <= seq);
            self.last_found = after.checked_sub(1)?;
        }
        let Chunk { seqs, values, .. } = &self.chunks[self.last_found];
        let is_next = seqs.get(self.place_after) == Some(&seq);
        let place = if is_next { self.place_after } else { seqs.binary_search(&seq).ok()? };
        self.place_after = place + 1;
        Some(&values[place])
    }
}

/// What a value takes in memory, in bytes.
fn cost(value: &LoggedValue) -> usize {
    size_of::<(u64, LoggedValue)>()
        + match value {
            LoggedValue::Json(text) => text.len(),
            LoggedValue::Bytes(bytes) => bytes.len(),
            LoggedValue::Blob { media_type, .. } => size_of::<ValueFile>() + media_type.len(),
            LoggedValue::JsonFile(_) | LoggedValue::BytesFile(_) => size_of::<ValueFile>(),
            LoggedValue::Kept(kept) => {
                size_of::<KeptValue>() + kept.keeper.io_manager.len() + kept.keeper.path.len()
            }
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(max_bytes: usize, values: u64, each: usize) -> FreshValues {
        let mut fresh = FreshValues::of(max_bytes);
        (0..values).for_each(|value| fresh.keep(3 * value, LoggedValue::Bytes(vec![value as u8; each])));
        fresh
    }

    #[test]
    fn every_value_is_found_and_nothing_else() {
        let mut fresh = kept(usize::MAX, 5000, 1);
        // In order, from the end, and far from each other.
        let orders: [Vec<u64>; 3] =
            [(0..5000).collect(), (0..5000).rev().collect(), (0..5000).map(|at| at * 3571 % 5000).collect()];
        for value in orders.concat() {
            assert_eq!(fresh.find(3 * value), Some(&LoggedValue::Bytes(vec![value as u8])));
            assert_eq!(fresh.find(3 * value + 1), None);
        }
        assert_eq!(fresh.find(15_000), None);
        assert_eq!(kept(1000, 0, 0).find(0), None);
    }

    #[test]
    fn the_oldest_go_and_memory_stays_bounded() {
        for (max_bytes, values, each) in [(1 << 20, 100_000, 8), (1 << 20, 1000, 40 << 10), (1000, 10, 2000)]
        {
            let mut fresh = kept(max_bytes, values, each);
            let here: usize = fresh.chunks.iter().flat_map(|chunk| &chunk.values).map(cost).sum();
            assert!(here <= max_bytes && here == fresh.bytes, "{here}");
            assert_eq!(fresh.find(0), None);
            let last = fresh.find(3 * (values - 1));
            assert_eq!(last.is_some(), each < max_bytes);
        }
    }
}
