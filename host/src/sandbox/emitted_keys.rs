//! Which mapping keys a running step has emitted on an output: a step may emit a million of them, and says each once.

use std::collections::HashSet;

use fanfold_graph::name::{MappingKey, nearest};

/// Keys that are remembered as they are, for hints.
const MAX_NAMED: usize = 1000;

/// A set of mapping keys, each kept in 24 bytes.
#[derive(Debug, Default)]
pub(super) struct EmittedKeys {
    marks: HashSet<Mark>,
    /// The first of them.
    named: Vec<MappingKey>,
}

impl EmittedKeys {
    /// Adds a key; false if it is in there already.
    pub(super) fn insert(&mut self, key: &MappingKey) -> bool {
        let is_new = self.marks.insert(mark(key));
        if is_new && self.named.len() < MAX_NAMED {
            self.named.push(key.clone());
        }
        is_new
    }

    pub(super) fn contains(&self, key: &MappingKey) -> bool {
        self.marks.contains(&mark(key))
    }

    /// A key among the first ones that this one may be a typo of.
    pub(super) fn nearest(&self, key: &MappingKey) -> Option<&str> {
        nearest(key.as_str(), self.named.iter().map(MappingKey::as_str))
    }
}

/// A short key itself and its length, or 184 bits of the BLAKE3 digest of a longer one and [`LONG`]. That two of a million
/// keys have these in common is as likely as guessing one of 2^144 numbers, and finding two on purpose takes 2^92 attempts.
type Mark = [u8; 24];

const LONG: u8 = u8::MAX;

fn mark(key: &MappingKey) -> Mark {
    let mut mark = [0; 24];
    let key = key.as_str().as_bytes();
    if key.len() < mark.len() {
        mark[..key.len()].copy_from_slice(key);
        mark[23] = key.len() as u8;
    } else {
        mark[..23].copy_from_slice(&blake3::hash(key).as_bytes()[..23]);
        mark[23] = LONG;
    }
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_told_from_every_other() {
        let mut keys = EmittedKeys::default();
        let lengths = [1, 2, 22, 23, 24, 25, 200];
        let named = lengths.iter().flat_map(|length| ["a", "b"].map(|letter| letter.repeat(*length)));
        let named: Vec<MappingKey> = named.map(|key| MappingKey::new(&key).unwrap()).collect();
        for key in &named {
            assert!(
                !keys.contains(key) && keys.insert(key) && keys.contains(key) && !keys.insert(key),
                "{key}"
            );
        }
        assert_eq!(keys.nearest(&MappingKey::new("aaa").unwrap()), Some("aa"));
    }
}
