//! Why a step failed: stable kinds, and what to tell people.

use std::fmt;

use fanfold_graph::definition::MetadataEntry;
use fanfold_graph::retry::RetryRequest;
use serde::{Deserialize, Serialize};

/// Defines [`FailureKind`] with its stable names in one place.
macro_rules! failure_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why a step failed. The names are stable: the event log, settings and scripts use them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum FailureKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl FailureKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

failure_kinds! {
    /// The solid returned a failure.
    SolidFailed = "solid-failed",
    /// The plugin's code went wrong: a panic, an access out of bounds, a broken promise of the contract.
    Trapped = "trapped",
    /// The plugin ended its own process.
    Exited = "exited",
    /// More memory than [`memory_bytes`](super::Limits::memory_bytes).
    OutOfMemory = "out-of-memory",
    /// Longer than [`wall`](super::Limits::wall).
    TimedOut = "timed-out",
    /// More work than [`fuel`](super::Limits::fuel).
    OutOfFuel = "out-of-fuel",
    /// Recursion deeper than the stack.
    StackOverflow = "stack-overflow",
    /// More table elements than [`table_elements`](super::Limits::table_elements).
    TableTooLarge = "table-too-large",
    /// More instances, memories or tables than [`instances`](super::Limits::instances) and its neighbours.
    TooManyInstances = "too-many-instances",
    /// More open resources than [`handles`](super::Limits::handles).
    TooManyHandles = "too-many-handles",
    /// A required output was not emitted.
    MissingOutput = "missing-output",
    /// A plain output, or a mapping key of a dynamic one, was emitted twice.
    DuplicateOutput = "duplicate-output",
    /// The solid has no output of that name.
    UnknownOutput = "unknown-output",
    /// A mapping key for an output that is not dynamic.
    NotDynamic = "not-dynamic",
    /// No mapping key for a dynamic output.
    MappingKeyMissing = "mapping-key-missing",
    /// A mapping key outside the alphabet.
    InvalidMappingKey = "invalid-mapping-key",
    /// A value that does not fit its output's schema.
    TypeMismatch = "type-mismatch",
    /// Facts about an output, or an item of one, that was not emitted.
    NotEmitted = "not-emitted",
    /// A value larger than [`value_bytes`](super::Limits::value_bytes).
    ValueTooLarge = "value-too-large",
    /// More mapping keys than [`keys`](super::Limits::keys).
    TooManyKeys = "too-many-keys",
    /// More bytes emitted than [`output_bytes`](super::Limits::output_bytes).
    OutputsTooLarge = "outputs-too-large",
    /// More bytes written to blobs than [`blob_bytes`](super::Limits::blob_bytes).
    BlobsTooLarge = "blobs-too-large",
    /// More bytes logged than [`log_bytes`](super::Limits::log_bytes).
    LogsTooLarge = "logs-too-large",
    /// More metadata than [`metadata_bytes`](super::Limits::metadata_bytes).
    MetadataTooLarge = "metadata-too-large",
    /// More bytes in responses than [`response_bytes`](super::Limits::response_bytes).
    ResponsesTooLarge = "responses-too-large",
    /// More in the scratch directory than [`bytes`](super::ScratchGrant::bytes).
    ScratchFull = "scratch-full",
    /// The run was canceled while the step ran.
    Canceled = "canceled",
    /// The host could not do its part: the store is full, an input cannot be read, a granted directory is gone.
    HostFailed = "host-failed",
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a step failed. Displays as `kind: message`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFailure {
    /// The stable kind.
    pub kind: FailureKind,
    /// One sentence, without a final period.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The solid's own facts about it, where it returned the failure itself.
    pub metadata: Vec<MetadataEntry>,
    /// Whether to run again. Not recorded: what was decided is.
    #[serde(skip)]
    pub retry: RetryRequest,
    /// The last lines that the solid wrote to standard error, oldest first: a panic's message is there.
    pub last_words: Vec<String>,
}

impl StepFailure {
    /// A failure of that kind, retried by policy.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            metadata: Vec::new(),
            retry: RetryRequest::ByPolicy,
            last_words: Vec::new(),
        }
    }

    /// The error with which a host function ends the step at once.
    pub(super) fn into_error(self) -> wasmtime::Error {
        wasmtime::Error::new(self)
    }

    /// A limit named `setting` was exceeded; the hint tells where it is set.
    pub(super) fn limit(kind: FailureKind, message: impl Into<String>, setting: &str) -> Self {
        Self { hint: Some(format!("raise `limits.{setting}`")), ..Self::new(kind, message) }
    }
}

impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

// A host function ends a step at once by returning the failure as an error.
impl std::error::Error for StepFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_one_kebab_case_name_everywhere() {
        for kind in FailureKind::ALL {
            let name = kind.as_str();
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{name}\""));
        }
    }
}
