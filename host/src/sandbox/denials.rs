//! What a step was denied, for the operator: the guest itself learns of it as an error.

use std::collections::BTreeSet;

/// Different denials of one step that are kept, and how long what each says of the guest's wish may be, in bytes.
const MAX_DENIALS: usize = 100;
const MAX_WISH_BYTES: usize = 300;

/// Sentences, each once.
#[derive(Debug, Default)]
pub(super) struct Denials(BTreeSet<String>);

impl Denials {
    /// Notes what the guest wished for, and why it did not get it.
    pub(super) fn note(&mut self, wish: &str, problem: &str) {
        if self.0.len() < MAX_DENIALS {
            let wish = &wish[..wish.floor_char_boundary(MAX_WISH_BYTES)];
            self.0.insert(format!("denied {wish}: {problem}"));
        }
    }

    /// What was noted since this was last asked.
    pub(super) fn take(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.0)
    }
}
