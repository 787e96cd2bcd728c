//! Steps: a solid in one run. A solid inside a map is one step for each combination of mapping keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{MappingKey, NameError, SolidName};

/// A solid of a plan, by its place in the plan's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SolidId(pub u32);

/// A point of a scope: one combination of items, by its place in the order in which they came into being.
/// The empty scope has one point, [`Point::ROOT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Point(pub u32);

impl Point {
    /// The only point of the empty scope.
    pub const ROOT: Self = Self(0);
}

/// A step of a run, in eight bytes. It means the same in every replay of the run's log; people read its
/// [`StepKey`] instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(SolidId, Point)", into = "(SolidId, Point)")]
pub struct StepId {
    /// The solid.
    pub solid: SolidId,
    /// Which of its clones: a point of the solid's scope.
    pub point: Point,
}

impl From<(SolidId, Point)> for StepId {
    fn from((solid, point): (SolidId, Point)) -> Self {
        Self { solid, point }
    }
}

impl From<StepId> for (SolidId, Point) {
    fn from(step: StepId) -> Self {
        (step.solid, step.point)
    }
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum StepState {
    /// Something that it reads is not there yet, or its map has as many clones at work as it may.
    Waiting,
    /// It may start.
    Ready,
    /// It has started and not ended.
    Running,
    /// It ended well; all its required outputs are there.
    Succeeded,
    /// It ended badly, and will not run again.
    Failed,
    /// Something that it reads was skipped, so it will not run.
    Skipped,
    /// Something that it reads failed or was canceled, so it will not run.
    UpstreamFailed,
    /// It was interrupted on request.
    Canceled,
}

impl StepState {
    /// How many states there are.
    pub const COUNT: usize = 8;

    /// All states, in the order of a step's life.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Waiting,
        Self::Ready,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Skipped,
        Self::UpstreamFailed,
        Self::Canceled,
    ];

    /// Its word in messages, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::UpstreamFailed => "upstream-failed",
            Self::Canceled => "canceled",
        }
    }
}

/// How many steps are in each state, in the order of [`StepState::ALL`].
pub type StateCounts = [u64; StepState::COUNT];

impl fmt::Display for StepState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How people name a step: `process_file`, `process_file[a]`, `process_row[a][7]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepKey {
    /// The solid.
    pub solid: SolidName,
    /// The keys of the clone, outermost first.
    pub mapping_keys: Vec<MappingKey>,
}

/// Why a text is no step key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepKeyError {
    /// A bracket is missing or left over.
    #[error("`{}` is no step key: it should look like `solid`, `solid[key]` or `solid[outer][inner]`", .0.escape_debug())]
    Form(String),
    /// A part is no name or key.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for StepKey {
    type Err = StepKeyError;

    fn from_str(text: &str) -> Result<Self, StepKeyError> {
        let Some((solid, keys)) = text.split_once('[') else {
            return Ok(Self { solid: SolidName::new(text)?, mapping_keys: Vec::new() });
        };
        let keys = keys.strip_suffix(']').ok_or_else(|| StepKeyError::Form(text.to_owned()))?;
        let mapping_keys = keys.split("][").map(MappingKey::new).collect::<Result<_, _>>()?;
        Ok(Self { solid: SolidName::new(solid)?, mapping_keys })
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.solid)?;
        self.mapping_keys.iter().try_for_each(|key| write!(f, "[{key}]"))
    }
}

impl Serialize for StepKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StepKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_keys_survive_their_text_form() {
        for text in ["a", "a[x]", "group.a[x][7]", "a_2[_]"] {
            assert_eq!(text.parse::<StepKey>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_step_key_is_refused() {
        for text in ["", "a[", "a[]", "a]", "a[x", "a[x]y", "a[x]]", "a[[x]]", "[x]", "a[?]", "a[x] [y]"] {
            assert!(text.parse::<StepKey>().is_err(), "{text:?}");
        }
    }
}
