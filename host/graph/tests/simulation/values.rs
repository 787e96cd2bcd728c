//! Stand-ins for values: a text is its own content, its hash the reference.

use fanfold_graph::event::ValueRef;

/// A stable hash (FNV-1a, 64 bits): the randomness of behaviours.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A value as its content's hash.
pub(crate) fn value(content: &str) -> ValueRef {
    let id = hash(content);
    let mut digest = [0; 16];
    digest[..8].copy_from_slice(&id.to_le_bytes());
    ValueRef { id, digest }
}
