//! What goes into a step and what comes out of it, on the orchestrator's side of the contract.
//!
//! Invariants: a [`BlobDigest`] is a whole digest, never a part or another spelling of one.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use fanfold_graph::definition::MetadataEntry;
use fanfold_graph::name::MappingKey;

use crate::io_manager::Keeper;

/// The BLAKE3 digest that names a blob.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobDigest(pub [u8; 32]);

/// Why a text is no [`BlobDigest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a blob's digest is 64 lower-case hexadecimal digits")]
pub struct BlobDigestError;

impl FromStr for BlobDigest {
    type Err = BlobDigestError;
    fn from_str(text: &str) -> Result<Self, BlobDigestError> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(BlobDigestError);
        }
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes())).map_err(|_| BlobDigestError)
    }
}

impl fmt::Display for BlobDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for BlobDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A large value that the orchestrator keeps, named by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRef {
    /// Names the content.
    pub digest: BlobDigest,
    /// Length of the content in bytes.
    pub size: u64,
    /// What the content is, as an RFC 6838 media type.
    pub media_type: String,
    /// Where an IO manager keeps it; none: the orchestrator does so itself. Equal content may be in several places.
    pub keeper: Option<Box<Keeper>>,
}

/// What an output emits and an input receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// JSON text. An emitted one has been parsed: it is valid. Most are a few bytes: those need no allocation of their own.
    Json(CompactString),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A value that is read and written in chunks.
    Blob(BlobRef),
}

impl Value {
    /// How many bytes of host memory the value itself takes; a blob's content is not among them.
    pub fn inline_bytes(&self) -> u64 {
        match self {
            Self::Json(text) => text.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob(blob) => 64 + blob.media_type.len() as u64,
        }
    }
}

/// A named input of a step.
#[derive(Debug)]
pub struct Input {
    /// The input's name in the solid's definition.
    pub name: CompactString,
    /// What it receives.
    pub value: InputValue,
}

/// What one input receives.
#[derive(Debug)]
pub enum InputValue {
    /// One value.
    Single(Value),
    /// A list: a collect, or a list of handles.
    Items(Collection),
    /// Values by mapping key: `collect_dict`, or a dict of handles.
    Entries(Collection),
}

/// One member of a [`Collection`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedItem {
    /// The key that the value was collected from; none for a member of a list that the author wrote.
    pub mapping_key: Option<MappingKey>,
    /// The member.
    pub value: Value,
}

/// Reads a collection's members one by one. An error fails the step as `host-failed`.
pub type ItemReader = Box<dyn Iterator<Item = std::io::Result<CollectedItem>> + Send>;

/// An input that holds many values, read while the step runs and never as a whole.
pub struct Collection {
    /// How many members there are.
    pub len: u32,
    /// The members, in emission order or the author's.
    pub items: ItemReader,
    /// Keys whose clones failed, where the pipeline collects in spite of failures.
    pub missing: Box<dyn Iterator<Item = MappingKey> + Send>,
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection").field("len", &self.len).finish_non_exhaustive()
    }
}

/// An output that a running step has handed over. It has passed every check of the sandbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Emission {
    /// The output's name in the solid's definition.
    pub output: String,
    /// Present exactly if the output is dynamic; not emitted before on this output in this step.
    pub mapping_key: Option<MappingKey>,
    /// The value: it fits the output's schema, and its size the step's limits.
    pub value: Value,
    /// Facts about the value, for people.
    pub metadata: Vec<MetadataEntry>,
}

/// How serious a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Of interest to the solid's author.
    Debug,
    /// Of interest to whoever watches the run; lines on standard output have this level.
    Info,
    /// Something looks wrong; lines on standard error have this level.
    Warning,
    /// Something is wrong.
    Error,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Where a log line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogSource {
    /// The contract's `log`.
    Log,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The host itself: what it denied the step.
    Host,
}

/// What a running step tells whoever watches the run. None of it changes the run's meaning.
#[derive(Debug, Clone, PartialEq)]
pub enum StepEvent {
    /// One line, or one message of the contract's `log`.
    Log {
        /// How serious it is.
        level: LogLevel,
        /// Where it came from.
        source: LogSource,
        /// The text, as the solid wrote it: control characters included.
        message: String,
    },
    /// How far the step is. Thinned out: at most about ten a second reach the orchestrator, the last one always.
    Progress {
        /// Done so far, in whatever unit the message names. Finite.
        done: f64,
        /// Of how many, if known. Finite.
        total: Option<f64>,
        /// The unit, or what is being done.
        message: String,
    },
    /// Further facts about what was emitted before.
    OutputAnnotated {
        /// Which output, by name.
        output: String,
        /// Which item, where the output is dynamic.
        mapping_key: Option<MappingKey>,
        /// The facts.
        metadata: Vec<MetadataEntry>,
    },
    /// An asset was made or changed.
    Materialized {
        /// Which one, outermost part first.
        asset_key: Vec<String>,
        /// Which of its partitions.
        partition: Option<String>,
        /// Facts about it.
        metadata: Vec<MetadataEntry>,
    },
    /// The outcome of a check on data; one that did not pass does not fail the step.
    Expectation {
        /// What was checked.
        label: String,
        /// How it came out.
        passed: bool,
        /// Facts about it.
        metadata: Vec<MetadataEntry>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        let digest = BlobDigest(*blake3::hash(b"fanfold").as_bytes());
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for bad in ["", "00", &digest.to_string().to_uppercase(), &format!("{digest}0")] {
            assert_eq!(bad.parse::<BlobDigest>(), Err(BlobDigestError), "{bad:?}");
        }
    }
}
