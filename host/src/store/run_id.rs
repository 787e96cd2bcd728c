//! Names of runs.

use std::fmt;

/// The name of a run: unique in its store, and a file name there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// The longest run id, in bytes.
const MAX_BYTES: usize = 64;
/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
/// The length of a random run id: a thousand million names.
const RANDOM_BYTES: usize = 6;

/// A text that is no run id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no run id: it has 1 to {MAX_BYTES} characters of A-Z, a-z, 0-9, _ and -, and starts with a letter or digit", .0.escape_debug())]
pub struct RunIdError(String);

impl RunId {
    /// The checked form of `text`.
    pub fn new(text: &str) -> Result<Self, RunIdError> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let is_valid = text.len() <= MAX_BYTES
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
            && text.bytes().all(is_word);
        if is_valid { Ok(Self(text.to_owned())) } else { Err(RunIdError(text.to_owned())) }
    }

    /// A new name, short enough to type.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes)?;
        let letter = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
        Ok(Self(bytes.into_iter().map(letter).collect()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_file_names_and_nothing_else() {
        for good in ["a", "9", "nightly-2026_11", &"r".repeat(64)] {
            assert_eq!(RunId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "_", ".", "..", "a/b", "a b", "é", "a\n", &"r".repeat(65)] {
            assert!(RunId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn random_run_ids_are_valid_and_differ() {
        let one = RunId::random().unwrap();
        assert_eq!(RunId::new(one.as_str()), Ok(one.clone()));
        assert!((0..8).any(|_| RunId::random().unwrap() != one));
    }
}
