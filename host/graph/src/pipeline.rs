//! The authored wiring of solids, in its exchange form: front ends make it, a plan checks it.
//!
//! Nothing here is trusted to be right. A pipeline read from JSON may name what is not there; the plan says so.
//!
//! **Scopes.** An invocation's scope lists the dynamic outputs that it is cloned over, outermost first. Sources
//! speak of the scope by *position*: `Item(0)` is the item of the outermost dimension, and `at: [0, 2]` reads an
//! output of a solid with two dimensions at this clone's first and third. A collect adds one dimension, at the
//! position after the last, to what it collects. Positions rather than names let a pipeline cross a dynamic output
//! with itself.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::definition::{RetryPolicy, SolidDefinition};
use crate::name::{Identifier, OutputRef, SolidName, SolidRef};

/// The authored wiring of solids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Its name.
    pub name: Identifier,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What the solids that it uses say of themselves.
    pub definitions: BTreeMap<SolidRef, SolidDefinition>,
    /// Its solids, in the order of composition.
    pub solids: Vec<Invocation>,
    /// What it returns, read in the empty scope.
    #[serde(default = "null_source")]
    pub result: Source,
}

/// One use of a solid in a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invocation {
    /// Its name in the pipeline, unique there.
    pub name: SolidName,
    /// The solid that it uses.
    pub solid: SolidRef,
    /// What it is cloned over, outermost first; empty for a solid that runs once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<Dimension>,
    /// What its inputs receive. One that has a default may be left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<Identifier, Source>,
    /// What it waits for without reading it. A failure of these fails it; where they are skipped, it runs all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Source>,
    /// Its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Json>,
    /// Labels that it adds to its definition's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Its retry policy, where it is not its definition's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// How long an execution of it may take, in milliseconds, where that is less than its limit on wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

/// One dimension of a scope: the items of a dynamic output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// The dynamic output whose items they are.
    pub over: OutputRef,
    /// Which of its clones emitted them: for each dimension of the generator, a position in this scope, each
    /// before this dimension's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<usize>,
    /// When clones may start.
    #[serde(default, skip_serializing_if = "Expand::is_default")]
    pub expand: Expand,
    /// How many clones go at once; none: as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Of a zip, for all its dimensions but the first: whose items these are joined with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
}

impl Dimension {
    /// The items of a dynamic output, as its solid's steps at these positions emit them; its clones start as soon as
    /// they can.
    pub fn new(over: OutputRef, at: Vec<usize>) -> Self {
        Self { over, at, expand: Expand::default(), lane: None, join: None }
    }
}

/// A map whose clones go a few at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// Which map, by a number of its own: two maps over one dynamic output do not wait for each other.
    pub map: u32,
    /// The number of its clones that may be at work at once, at least 1.
    pub max_concurrent: NonZeroU32,
}

/// When the clones of a dimension may start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expand {
    /// As soon as their item is emitted.
    #[default]
    OnEmit,
    /// When the generator has succeeded.
    OnSuccess,
}

impl Expand {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The joining of two dimensions' items by mapping key: clones have an item of each, with the same key, which stands in
/// their step keys once. Both are emitted from what is before the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The position of the dimension that this one is joined with, one that is itself joined with none.
    pub with: usize,
    /// What to do about a key that one of them lacks.
    #[serde(default)]
    pub unmatched: Unmatched,
}

/// What to do about a mapping key that one side of a zip lacks, when all its generators have succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// The run fails, and so does every collect over the zip.
    #[default]
    Fail,
    /// It is left out.
    Skip,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// The author's own value.
    Value(Json),
    /// The item of the dimension at this position of the reader's scope.
    Item(usize),
    /// A plain output.
    Output {
        /// Which.
        of: OutputRef,
        /// Of which clone: for each dimension of its solid, a position in the reader's scope.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        at: Vec<usize>,
    },
    /// One value for each item of a dynamic output, or each pair of a zip, in emission order.
    Collect(Collect),
    /// A list of values. Members that are skipped are left out; all of them skipped skips the list.
    List(Vec<Source>),
    /// Values by name, with the same rule for skips.
    Dict(BTreeMap<String, Source>),
}

/// The gathering of clones' values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// What is collected over; one position further than the reader's scope goes.
    pub over: Dimension,
    /// Of a zip: the dimensions that are joined with `over`; they take the positions after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Dimension>,
    /// What is collected, read in the reader's scope with `over` and `joined` added.
    pub of: Box<Source>,
    /// What it becomes.
    #[serde(default, skip_serializing_if = "Into::is_default")]
    pub into: Into,
    /// The least share of clones, from 0 to 1, that must succeed; none: all of them. Skipped clones do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_success_ratio: Option<f64>,
}

impl Collect {
    /// The dimensions that it adds to the reader's scope.
    pub fn dimensions(&self) -> impl Iterator<Item = &Dimension> + Clone {
        std::iter::once(&self.over).chain(&self.joined)
    }
}

/// What a collect becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Into {
    /// A list, in emission order.
    #[default]
    List,
    /// Values by mapping key.
    Dict,
}

impl Into {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn null_source() -> Source {
    Source::Value(Json::Null)
}
