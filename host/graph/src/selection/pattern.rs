//! Patterns as they are written: `+process_file[a]*`.

use std::fmt::Write as _;
use std::str::FromStr;

use super::{Keys, SelectionError};
use crate::name::{MappingKey, SolidName};

/// One pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) before: Reach,
    pub(super) solid: SolidName,
    /// The keys that were written; at most as many as the solid has.
    pub(super) keys: Keys,
    pub(super) after: Reach,
}

/// How far a pattern reaches beyond the steps that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// So many steps far; 0: not at all.
    Levels(usize),
    /// To the end.
    All,
}

impl Pattern {
    /// The steps that it names, without what is around them.
    pub(super) fn step_text(&self) -> String {
        let mut text = self.solid.to_string();
        for key in &self.keys {
            _ = write!(text, "[{}]", key.as_ref().map_or("*", MappingKey::as_str));
        }
        text
    }
}

impl FromStr for Pattern {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, SelectionError> {
        let (before, rest) = match text.strip_prefix('*') {
            Some(rest) => (Reach::All, rest),
            None => levels(text, text.trim_start_matches('+')),
        };
        let (after, step) = match rest.strip_suffix('*') {
            Some(step) => (Reach::All, step),
            None => levels(rest, rest.trim_end_matches('+')),
        };
        let form = || SelectionError::Form(text.to_owned());
        let (solid, keys) = match step.split_once('[') {
            None => (step, Vec::new()),
            Some((solid, keys)) => {
                let keys = keys.strip_suffix(']').ok_or_else(form)?;
                (solid, keys.split("][").map(key).collect::<Result<_, _>>()?)
            }
        };
        // What is left over of `**name` or `name+*` is better told as a whole than as a bad name.
        if solid.is_empty() || solid.contains(['+', '*', ']']) {
            return Err(form());
        }
        Ok(Self { before, solid: SolidName::new(solid)?, keys, after })
    }
}

/// What was trimmed off a text, as a number of levels.
fn levels<'t>(text: &str, trimmed: &'t str) -> (Reach, &'t str) {
    (Reach::Levels(text.len() - trimmed.len()), trimmed)
}

fn key(text: &str) -> Result<Option<MappingKey>, SelectionError> {
    match text {
        "*" | "?" => Ok(None),
        key => Ok(Some(MappingKey::new(key)?)),
    }
}
