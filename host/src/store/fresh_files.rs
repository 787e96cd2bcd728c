//! The contents of the value files that a run wrote last: a clone that reads a large value which was just emitted touches no
//! disk either.

use std::collections::VecDeque;
use std::sync::Arc;

/// So much content is kept, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// Contents by their digests, the newest of them.
#[derive(Default)]
pub(super) struct FreshFiles {
    /// The oldest first. No digest is there twice.
    files: VecDeque<([u8; 32], Arc<Vec<u8>>)>,
    bytes: usize,
}

impl FreshFiles {
    /// Keeps the content of a file, and drops the oldest if that is too much.
    pub(super) fn keep(&mut self, digest: [u8; 32], content: Vec<u8>) {
        if content.len() > MAX_BYTES || self.find(digest).is_some() {
            return;
        }
        self.bytes += content.len();
        self.files.push_back((digest, Arc::new(content)));
        while self.bytes > MAX_BYTES
            && let Some((_, oldest)) = self.files.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }

    /// The content of a file, if it is still here. It is most likely one of the newest.
    pub(super) fn find(&self, digest: [u8; 32]) -> Option<Arc<Vec<u8>>> {
        let found = self.files.iter().rev().find(|(it, _)| *it == digest);
        found.map(|(_, content)| Arc::clone(content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_found_and_memory_stays_bounded() {
        const EACH: usize = MAX_BYTES / 4;
        let digest = |file: u8| [file; 32];
        let mut fresh = FreshFiles::default();
        for file in [0, 1, 2, 3, 3, 4] {
            fresh.keep(digest(file), vec![file; EACH]);
        }
        assert_eq!(fresh.find(digest(0)), None);
        for file in 1..=4 {
            assert_eq!(fresh.find(digest(file)).map(|content| content[0]), Some(file));
        }
        fresh.keep(digest(5), vec![5; MAX_BYTES + 1]);
        assert_eq!((fresh.find(digest(5)), fresh.files.len(), fresh.bytes), (None, 4, MAX_BYTES));
    }
}
