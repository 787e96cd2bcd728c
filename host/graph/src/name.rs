//! Names and mapping keys. Their alphabets are checked here, once: a value of these types is valid.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The longest name or mapping key, in bytes: with room for a suffix it still fits the 255 bytes of a file name.
pub const MAX_NAME_BYTES: usize = 200;

/// Why a text is no name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a {kind} cannot be empty")]
    Empty {
        /// What the text was to be.
        kind: &'static str,
    },
    /// The text is longer than [`MAX_NAME_BYTES`].
    #[error("a {kind} has at most {MAX_NAME_BYTES} bytes, this one has {bytes}")]
    TooLong {
        /// What the text was to be.
        kind: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// The text has a character that is not in the alphabet.
    #[error("`{}` is no {kind}: {allowed}", text.escape_debug())]
    BadCharacter {
        /// What the text was to be.
        kind: &'static str,
        /// The text.
        text: String,
        /// The alphabet, in words.
        allowed: &'static str,
    },
}

/// One kind of checked name: its alphabet and how messages call it.
struct Kind {
    name: &'static str,
    allowed: &'static str,
    is_valid: fn(&str) -> bool,
}

impl Kind {
    fn check(&self, text: &str) -> Result<(), NameError> {
        if text.is_empty() {
            return Err(NameError::Empty { kind: self.name });
        }
        if text.len() > MAX_NAME_BYTES {
            return Err(NameError::TooLong { kind: self.name, bytes: text.len() });
        }
        if !(self.is_valid)(text) {
            let text = text.to_owned();
            return Err(NameError::BadCharacter { kind: self.name, text, allowed: self.allowed });
        }
        Ok(())
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_identifier(text: &str) -> bool {
    is_word(text) && !text.starts_with(|first: char| first.is_ascii_digit())
}

fn is_dotted_identifier(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && is_identifier(part))
}

fn is_file_stem(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Defines a newtype over a checked text.
macro_rules! checked_name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $is_valid:path, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "CompactString", into = "CompactString")]
        pub struct $type(CompactString);

        impl $type {
            const KIND: Kind = Kind { name: $kind, allowed: $allowed, is_valid: $is_valid };

            /// The checked form of `text`.
            pub fn new(text: &str) -> Result<Self, NameError> {
                Self::KIND.check(text)?;
                Ok(Self(CompactString::new(text)))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<CompactString> for $type {
            type Error = NameError;
            fn try_from(text: CompactString) -> Result<Self, NameError> {
                Self::KIND.check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$type> for CompactString {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0.as_str())
            }
        }
    };
}

checked_name!(
    /// The name under which one item of a dynamic output is emitted. Case matters.
    MappingKey,
    "mapping key",
    is_word,
    "its characters are A-Z, a-z, 0-9 and _"
);
checked_name!(
    /// The name of a solid in a pipeline, with the groups it is in: `digest.process_file`.
    SolidName,
    "solid name",
    is_dotted_identifier,
    "its characters are A-Z, a-z, 0-9 and _, it does not start with a digit, and groups end in a dot"
);
checked_name!(
    /// The name of an input, an output, a pipeline, or of a solid in its plugin.
    Identifier,
    "name",
    is_identifier,
    "its characters are A-Z, a-z, 0-9 and _, and it does not start with a digit"
);
checked_name!(
    /// The name of a plugin: its file's name in the plugins directory without `.wasm`.
    PluginName,
    "plugin name",
    is_file_stem,
    "its characters are A-Z, a-z, 0-9, _ and -"
);

/// A solid where its code is: `plugin:solid`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SolidRef {
    /// The plugin that has the code.
    pub plugin: PluginName,
    /// The solid's own name in the plugin.
    pub solid: Identifier,
}

/// An output of a solid of the pipeline: `solid.output`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OutputRef {
    /// The solid's name in the pipeline.
    pub solid: SolidName,
    /// The output's name.
    pub output: Identifier,
}

/// Why a text is no reference of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    /// The separator is missing.
    #[error("`{}` is not of the form `{form}`", text.escape_debug())]
    Form {
        /// The text.
        text: String,
        /// What it should look like.
        form: &'static str,
    },
    /// One of the parts is no name.
    #[error(transparent)]
    Part(#[from] NameError),
}

impl FromStr for SolidRef {
    type Err = RefError;
    fn from_str(text: &str) -> Result<Self, RefError> {
        let form = || RefError::Form { text: text.to_owned(), form: "plugin:solid" };
        let (plugin, solid) = text.split_once(':').ok_or_else(form)?;
        Ok(Self { plugin: PluginName::new(plugin)?, solid: Identifier::new(solid)? })
    }
}

impl FromStr for OutputRef {
    type Err = RefError;
    fn from_str(text: &str) -> Result<Self, RefError> {
        let form = || RefError::Form { text: text.to_owned(), form: "solid.output" };
        let (solid, output) = text.rsplit_once('.').ok_or_else(form)?;
        Ok(Self { solid: SolidName::new(solid)?, output: Identifier::new(output)? })
    }
}

impl fmt::Display for SolidRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.plugin, self.solid)
    }
}

impl fmt::Display for OutputRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.solid, self.output)
    }
}

/// `Debug` and the conversions that serde goes through, from `Display` and `FromStr`.
macro_rules! text_form {
    ($type:ident) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{self}\"")
            }
        }

        impl TryFrom<String> for $type {
            type Error = RefError;
            fn try_from(text: String) -> Result<Self, RefError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(reference: $type) -> Self {
                reference.to_string()
            }
        }
    };
}

text_form!(SolidRef);
text_form!(OutputRef);

/// The known word nearest to `wanted`, if one is near enough to be a typo of it.
///
/// Distance is Damerau's (insert, delete, replace, swap neighbours: each costs one); near means at most a third
/// of the longer word.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (distance(wanted, word), word))
        .filter(|(distance, word)| *distance * 3 <= wanted.chars().count().max(word.chars().count()))
        .min()
        .map(|(_, word)| word)
}

/// Optimal string alignment distance, in three rows.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before_last = vec![0; right.len() + 1];
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i; right.len() + 1];
        for j in 1..=right.len() {
            let replaced = last[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            let swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if swapped {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapping_keys_have_dagsters_alphabet_and_a_bounded_length() {
        for good in ["a", "A_9", "0", "_", "class", "None"] {
            assert_eq!(MappingKey::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "?", ".", "-", "/", " ", "é", "a\n", "a b", "a\0"] {
            assert!(MappingKey::new(bad).is_err(), "{bad:?}");
        }
        assert!(MappingKey::new(&"k".repeat(MAX_NAME_BYTES)).is_ok());
        assert!(MappingKey::new(&"k".repeat(MAX_NAME_BYTES + 1)).is_err());
    }

    #[test]
    fn references_survive_their_text_form() {
        for text in ["files:process_file", "my-plugin:x"] {
            assert_eq!(text.parse::<SolidRef>().unwrap().to_string(), text);
        }
        for text in ["a.result", "group.inner.echo_2.result"] {
            assert_eq!(text.parse::<OutputRef>().unwrap().to_string(), text);
        }
        for bad in ["", "a", ":", "a:", "a:b:c", "a b:c"] {
            assert!(bad.parse::<SolidRef>().is_err(), "{bad:?}");
        }
        for bad in ["", "a", ".", "a.", ".a", "a..b", "9.a"] {
            assert!(bad.parse::<OutputRef>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_typo_finds_its_word_and_nonsense_does_not() {
        let known = ["process_file", "files_in_directory", "fail"];
        assert_eq!(nearest("process_fle", known), Some("process_file"));
        assert_eq!(nearest("fial", known), Some("fail"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest("x", []), None);
        // A third of the longer word, and no more.
        assert_eq!(nearest("abx", ["abc"]), Some("abc"));
        assert_eq!(nearest("abcxy", ["abcde"]), None);
    }

    #[test]
    fn each_edit_and_each_swap_of_neighbours_costs_one() {
        let cases = [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("ab", "ba", 1),
            ("abcd", "acbd", 1),
            ("abcdefgh", "abcdefhg", 1),
            ("xabcdefgh", "abcdefhg", 2),
            ("abcdefgh", "badcfehg", 4),
            ("kitten", "sitting", 3),
            // No part is edited twice, or this would be two.
            ("ca", "abc", 3),
            ("aa", "a", 1),
            ("abab", "baba", 2),
        ];
        for (left, right, wanted) in cases {
            assert_eq!((distance(left, right), distance(right, left)), (wanted, wanted), "{left} {right}");
        }
    }
}
