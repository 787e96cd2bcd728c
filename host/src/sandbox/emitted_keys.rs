//! Which mapping keys a running step has emitted on an output: a step may emit a million of them, and says each once.

use std::collections::HashSet;

use fanfold_graph::name::{MappingKey, nearest};

/// Keys that are remembered as they are, for hints.
const MAX_NAMED: usize = 1000;

/// A set of mapping keys.
///
/// Kept are 128 bits of each key's BLAKE3 digest, however long the key is. That two of a million keys have
/// these in common is as likely as guessing one of 2^88 numbers, and finding two on purpose takes 2^64 attempts.
#[derive(Debug, Default)]
pub(super) struct EmittedKeys {
    digests: HashSet<[u8; 16]>,
    /// The first of them.
    named: Vec<MappingKey>,
}

impl EmittedKeys {
    /// Adds a key; false if it is in there already.
    pub(super) fn insert(&mut self, key: &MappingKey) -> bool {
        let is_new = self.digests.insert(digest(key));
        if is_new && self.named.len() < MAX_NAMED {
            self.named.push(key.clone());
        }
        is_new
    }

    pub(super) fn contains(&self, key: &MappingKey) -> bool {
        self.digests.contains(&digest(key))
    }

    /// A key among the first ones that this one may be a typo of.
    pub(super) fn nearest(&self, key: &MappingKey) -> Option<&str> {
        nearest(key.as_str(), self.named.iter().map(MappingKey::as_str))
    }
}

fn digest(key: &MappingKey) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(key.as_str().as_bytes()).as_bytes()[..16]);
    half
}
