//! Which mapping keys an output has emitted, so that a derived one can be told from them.
//!
//! A generator may emit millions: a key is remembered by a few bytes, in a few instructions, and without asking the host for
//! the randomness that the standard library's tables begin with.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::MappingKey;
use crate::mapping_key::fingerprint;

/// Fingerprints of keys. Two keys that have one in common would merely make a derived key longer than it needs to be.
#[derive(Default)]
pub(crate) struct EmittedKeys(HashSet<u64, BuildHasherDefault<AsItIs>>);

impl EmittedKeys {
    pub(crate) fn insert(&mut self, key: &MappingKey) {
        self.0.insert(fingerprint(key));
    }

    pub(crate) fn contains(&self, key: &MappingKey) -> bool {
        self.0.contains(&fingerprint(key))
    }
}

/// A fingerprint is a good hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("fingerprints are numbers")
    }
}
