//! The name under which a dynamic output emits one item.
//!
//! Invariant: a [`MappingKey`] is always valid, so emitting one can fail as a duplicate but never as malformed.
//!
//! Two schemes make keys out of other things; both are pure functions, so a key is the same in every run:
//! - [`MappingKey::derive`] keeps text that is a valid key already, and marks all other text with a hash.
//! - [`MappingKey::from_path`] writes `.` as `_`, `_` as `__` and `/` as `___`, which a reader can undo, and falls
//!   back to a hash only where that would be ambiguous.
//!
//! The hash is 64-bit FNV-1a with a finishing mix, written as 13 characters `0-9a-v`. It keeps different texts
//! apart in practice; it is no protection against somebody who looks for a collision, whose step would
//! merely fail with a duplicate key.

use std::fmt;
use std::path::{Component, Path};

/// Names one item of a dynamic output: one to 200 of the characters `A-Z a-z 0-9 _`.
///
/// The key shows in step keys such as `process_file[notes_md]`, and is unique within its output and step.
///
/// ```
/// use std::path::Path;
/// use fanfold_sdk::MappingKey;
///
/// assert_eq!(MappingKey::from(7_u32).as_str(), "7");
/// assert_eq!(MappingKey::derive(&"north").as_str(), "north");
/// assert_eq!(MappingKey::from_path(Path::new("src/main.rs")).as_str(), "src___main_rs");
/// assert!(MappingKey::new("no spaces").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MappingKey(String);

/// Why a text is no mapping key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidMappingKey {
    text: String,
}

impl MappingKey {
    /// The longest key, in characters.
    pub const MAX_LEN: usize = 200;

    /// Takes `text` as it is, or fails if it is no valid key.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidMappingKey> {
        let text = text.into();
        if is_valid(&text) { Ok(Self(text)) } else { Err(InvalidMappingKey { text }) }
    }

    /// A key from the host, which hands out only those that it has checked.
    pub(crate) fn from_host(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Makes a key out of any value's text.
    ///
    /// Text that is a valid key is kept. In any other, each run of other characters becomes one `_` and a hash
    /// of the whole text follows, so that `a b` and `a-b` get different keys. Equal texts get equal keys; where
    /// they are to be told apart, use [`DynamicOutput::emit_derived`](crate::DynamicOutput::emit_derived).
    pub fn derive(value: &(impl ToString + ?Sized)) -> Self {
        let text = value.to_string();
        if is_valid(&text) { Self(text) } else { Self::hashed(&text, text.as_bytes()) }
    }

    /// Makes a key out of a path, so that different paths get different keys.
    ///
    /// `.` becomes `_`, `_` becomes `__` and `/` becomes `___`: `docs/my_notes.md` is `docs___my__notes_md`. A path
    /// with other characters, with two of these beside each other or that is too long is cleaned as by
    /// [`derive`](Self::derive) and ends in a hash of the path. `./a`, `a//b` and `a/./b` count as `a` and `a/b`.
    pub fn from_path(path: &Path) -> Self {
        let bytes = normalized(path);
        match std::str::from_utf8(&bytes).ok().and_then(spelled_out) {
            Some(key) => Self(key),
            None => Self::hashed(&String::from_utf8_lossy(&bytes), &bytes),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The `count`th key of the same text: `a`, `a_2`, `a_3`.
    pub(crate) fn numbered(&self, count: usize) -> Self {
        let suffix = format!("_{count}");
        let kept = self.0.len().min(Self::MAX_LEN - suffix.len());
        Self(format!("{}{suffix}", &self.0[..kept]))
    }

    /// `readable`, cleaned, and a hash of `exact`.
    fn hashed(readable: &str, exact: &[u8]) -> Self {
        let suffix = base32(hash(exact));
        let mut key = String::new();
        for c in readable.chars() {
            if key.len() + suffix.len() + 1 == Self::MAX_LEN {
                break;
            }
            if c.is_ascii_alphanumeric() {
                key.push(c);
            } else if !key.ends_with('_') {
                key.push('_');
            }
        }
        if !key.ends_with('_') {
            key.push('_');
        }
        Self(key + &suffix)
    }
}

/// Whether `text` may be a mapping key.
fn is_valid(text: &str) -> bool {
    (1..=MappingKey::MAX_LEN).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The path's bytes without the parts that mean nothing.
fn normalized(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::RootDir => bytes.push(b'/'),
            other => {
                if !bytes.is_empty() && bytes.last() != Some(&b'/') {
                    bytes.push(b'/');
                }
                bytes.extend_from_slice(other.as_os_str().as_encoded_bytes());
            }
        }
    }
    bytes
}

/// The path in the notation that a reader can undo; none where it would be ambiguous or no valid key.
fn spelled_out(path: &str) -> Option<String> {
    let mut key = String::with_capacity(path.len() + 8);
    let mut after_mark = false;
    for c in path.chars() {
        let mark = match c {
            '.' => "_",
            '_' => "__",
            '/' => "___",
            _ => "",
        };
        // Marks are told apart by their length, which two neighbours would blur.
        if after_mark && !mark.is_empty() {
            return None;
        }
        after_mark = !mark.is_empty();
        if after_mark {
            key.push_str(mark);
        } else {
            key.push(c);
        }
    }
    is_valid(&key).then_some(key)
}

/// FNV-1a, mixed so that all bits depend on the last bytes too.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// All 64 bits in 13 characters.
fn base32(mut number: u64) -> String {
    let mut digits = [b'0'; 13];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuv"[(number & 31) as usize];
        number >>= 5;
    }
    digits.iter().copied().map(char::from).collect()
}

/// A fingerprint of a key, for remembering many keys in little memory.
pub(crate) fn fingerprint(key: &MappingKey) -> u64 {
    hash(key.0.as_bytes())
}

macro_rules! from_integers {
    ($($integer:ty)*) => {$(
        /// The number's digits; a negative number starts with `minus_`.
        impl From<$integer> for MappingKey {
            fn from(number: $integer) -> Self {
                let digits = number.to_string();
                match digits.strip_prefix('-') {
                    None => Self(digits),
                    Some(digits) => Self(format!("minus_{digits}")),
                }
            }
        }
    )*};
}
from_integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// A copy, so that a key can be passed on by reference.
impl From<&MappingKey> for MappingKey {
    fn from(key: &MappingKey) -> Self {
        key.clone()
    }
}

impl AsRef<str> for MappingKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for MappingKey {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for MappingKey {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for InvalidMappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = MappingKey::MAX_LEN;
        let shown: String = self.text.chars().take(40).collect();
        write!(
            f,
            "`{}` is no mapping key: it needs 1 to {max} of the characters A-Z a-z 0-9 _",
            shown.escape_debug()
        )?;
        if self.text.len() > max {
            write!(f, " and has {}", self.text.chars().count())?;
        }
        f.write_str("; `MappingKey::derive` makes a key out of any text")
    }
}

impl std::error::Error for InvalidMappingKey {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn path_key(path: &str) -> String {
        MappingKey::from_path(Path::new(path)).to_string()
    }

    #[test]
    fn new_takes_exactly_the_valid_keys() {
        for valid in ["a", "0", "_", "A_9", &"x".repeat(200)] {
            assert_eq!(MappingKey::new(valid).unwrap(), *valid);
        }
        for invalid in ["", " ", "a b", "a\n", "é", "a-b", "a.b", "a/b", "?", &"x".repeat(201)] {
            assert!(MappingKey::new(invalid).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn refusal_names_the_text_and_the_way_out() {
        let message = MappingKey::new("a b").unwrap_err().to_string();
        assert!(message.starts_with("`a b` is no mapping key") && message.contains("derive"), "{message}");
        let message = MappingKey::new("x".repeat(300)).unwrap_err().to_string();
        assert!(message.contains("and has 300"), "{message}");
    }

    #[test]
    fn integers_are_their_digits() {
        assert_eq!(MappingKey::from(0), "0");
        assert_eq!(MappingKey::from(u64::MAX), "18446744073709551615");
        assert_eq!(MappingKey::from(-5), "minus_5");
    }

    #[test]
    fn derive_keeps_valid_text_and_marks_the_rest() {
        assert_eq!(MappingKey::derive("snake_case"), "snake_case");
        assert_eq!(MappingKey::derive(&12.0), "12");
        let keys = ["a b", "a-b", "a  b", " a b", "a_b"].map(MappingKey::derive);
        assert_eq!(BTreeSet::from(keys.clone()).len(), keys.len());
        assert!(keys[0].as_str().starts_with("a_b_"));
    }

    #[test]
    fn derived_keys_are_valid_whatever_the_text() {
        for text in ["", "é", "日本語", "\n", &"long ".repeat(100), &"x".repeat(201)] {
            let key = MappingKey::derive(text);
            assert!(is_valid(key.as_str()), "{key}");
            assert!(is_valid(key.numbered(usize::MAX).as_str()));
        }
    }

    #[test]
    fn paths_are_spelled_so_that_a_reader_can_undo_it() {
        assert_eq!(path_key("notes.md"), "notes_md");
        assert_eq!(path_key("src/my_main.rs"), "src___my__main_rs");
        assert_eq!(path_key("/data/a"), "___data___a");
        assert_eq!(path_key(".gitignore"), "_gitignore");
        assert_eq!(path_key("./a//b/./c"), "a___b___c");
    }

    #[test]
    fn different_paths_never_share_a_key() {
        let paths = [
            "a", "/a", "a.b", "a_b", "a/b", "a..b", "a__b", "a._b", "a_.b", "a/.b", "a./b", "a/_b", "a_/b",
            "a b", "a-b", "a/../b", "é", "è", "..", "日", "本", "a/b_", "a/b.",
        ];
        let keys: BTreeSet<_> = paths.map(path_key).into();
        assert_eq!(keys.len(), paths.len(), "{keys:#?}");
        let long = |last| path_key(&("d/".repeat(200) + last));
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn keys_do_not_change_between_versions() {
        assert_eq!(MappingKey::derive("a b"), "a_b_7220j3l5a3rc8");
    }

    #[cfg(unix)]
    #[test]
    fn paths_outside_utf8_are_told_apart_by_their_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let key = |bytes| MappingKey::from_path(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        assert_ne!(key(b"a\xff"), key(b"a\xfe"));
    }

    #[test]
    fn many_similar_texts_keep_different_hashes() {
        let keys: BTreeSet<_> = (0..100_000).map(|n| MappingKey::derive(&format!("row-{n}"))).collect();
        assert_eq!(keys.len(), 100_000);
    }
}
