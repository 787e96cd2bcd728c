//! The name of a new project: its directory's, its plugin's and its crate's at once.

use std::fmt;

/// The longest name, as package registries have it.
const MAX_BYTES: usize = 64;

/// Words of the language, which no crate can be called by.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// Crates that a plugin's crate sees beside itself.
const TAKEN: &[&str] = &[
    "alloc",
    "core",
    "fanfold_sdk",
    "fanfold_sdk_macros",
    "proc_macro",
    "schemars",
    "serde",
    "serde_json",
    "std",
    "test",
];

/// A checked name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProjectName(String);

/// Why a text is no project name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProjectNameError {
    /// It has characters that cannot be, or none at all.
    #[error("`{}` cannot be a project's name", .0.escape_debug())]
    Characters(String),
    /// It is too long.
    #[error("a project's name has at most {MAX_BYTES} characters, this one has {0}")]
    TooLong(usize),
    /// It is a word of Rust.
    #[error("`{0}` is a word of Rust, so that no crate can have this name")]
    Keyword(String),
    /// It is another crate's.
    #[error("`{0}` is the name of a crate that plugins use")]
    Taken(String),
}

impl ProjectNameError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Characters(text) => {
                let rule = "its characters are a-z, 0-9, - and _, and it starts with a letter";
                match suggestion(text) {
                    Some(name) => format!("{rule}: `{name}`?"),
                    None => rule.to_owned(),
                }
            }
            Self::TooLong(_) => "choose a shorter one".to_owned(),
            Self::Keyword(name) | Self::Taken(name) => format!("`my-{name}`?"),
        }
    }
}

impl ProjectName {
    /// Checks a name.
    pub(crate) fn new(text: &str) -> Result<Self, ProjectNameError> {
        let is_allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-' || it == b'_';
        if !text.starts_with(|first: char| first.is_ascii_lowercase()) || !text.bytes().all(is_allowed) {
            return Err(ProjectNameError::Characters(text.to_owned()));
        }
        if text.len() > MAX_BYTES {
            return Err(ProjectNameError::TooLong(text.len()));
        }
        let in_code = text.replace('-', "_");
        if KEYWORDS.contains(&in_code.as_str()) {
            return Err(ProjectNameError::Keyword(text.to_owned()));
        }
        if TAKEN.contains(&in_code.as_str()) {
            return Err(ProjectNameError::Taken(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name like the wanted one, if there is one: the last part of a path, in lower case, with `-` for all that cannot be.
fn suggestion(wanted: &str) -> Option<String> {
    let last = wanted.trim_end_matches('/').rsplit('/').next()?.to_ascii_lowercase();
    let name: String =
        last.chars().map(|it| if it.is_ascii_alphanumeric() || it == '_' { it } else { '-' }).collect();
    let name = name.trim_matches(|it: char| !it.is_ascii_alphabetic() && !it.is_ascii_digit());
    let name = name.trim_start_matches(|it: char| !it.is_ascii_lowercase());
    ProjectName::new(name).ok().map(|name| name.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_crate_plugin_and_directory_can_have() {
        let longest = "a".repeat(MAX_BYTES);
        for good in ["digest", "a", "word-count", "x9_y", "types", &longest] {
            assert_eq!(ProjectName::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn other_names_are_refused_with_advice() {
        let told = |text: &str| {
            let error = ProjectName::new(text).unwrap_err();
            format!("{error}; {}", error.hint())
        };
        let rule = "its characters are a-z, 0-9, - and _, and it starts with a letter";
        let cases = [
            ("", format!("`` cannot be a project's name; {rule}")),
            ("Digest", format!("`Digest` cannot be a project's name; {rule}: `digest`?")),
            ("9lives", format!("`9lives` cannot be a project's name; {rule}: `lives`?")),
            ("a b", format!("`a b` cannot be a project's name; {rule}: `a-b`?")),
            ("../x/y/", format!("`../x/y/` cannot be a project's name; {rule}: `y`?")),
            ("-x", format!("`-x` cannot be a project's name; {rule}: `x`?")),
            ("\u{1b}[2J", format!("`\\u{{1b}}[2J` cannot be a project's name; {rule}: `j`?")),
            ("日本", format!("`日本` cannot be a project's name; {rule}")),
            (
                "match",
                "`match` is a word of Rust, so that no crate can have this name; `my-match`?".to_owned(),
            ),
            (
                "fanfold-sdk",
                "`fanfold-sdk` is the name of a crate that plugins use; `my-fanfold-sdk`?".to_owned(),
            ),
            ("serde", "`serde` is the name of a crate that plugins use; `my-serde`?".to_owned()),
        ];
        for (text, wanted) in cases {
            assert_eq!(told(text), wanted);
        }
        assert!(told(&"a".repeat(MAX_BYTES + 1)).starts_with("a project's name has at most 64 characters"));
    }
}
