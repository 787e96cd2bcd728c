//! What a run's event log holds: the core's events, each with what people want to know beside it, and the facts that a
//! step reported while it ran.

use compact_str::CompactString;
use fanfold_graph::definition::MetadataEntry;
use fanfold_graph::event::{Event, ValueRef};
use fanfold_graph::name::MappingKey;
use fanfold_graph::step::StepId;
use serde::{Deserialize, Serialize};

use crate::io_manager::Keeper;
use crate::sandbox::{BlobDigest, BlobRef, LogLevel, LogSource, StepEvent, StepFailure, StepReport, Value};

/// One line of an event log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place in the log, from 0. An emitted value is named by it.
    pub seq: u64,
    /// When it was recorded, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
    /// What happened.
    pub fact: Fact,
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// An execution of a step began.
    StepStarted {
        /// The step.
        step: StepId,
    },
    /// A running step handed over an output.
    OutputEmitted {
        /// The step.
        step: StepId,
        /// Which of its solid's outputs, by place in the definition.
        output: u32,
        /// The key, where the output is dynamic.
        mapping_key: Option<MappingKey>,
        /// The value.
        value: LoggedValue,
        /// The solid's own facts about it.
        #[serde(with = "as_json")]
        metadata: Vec<MetadataEntry>,
    },
    /// A step ended well.
    StepSucceeded {
        /// The step.
        step: StepId,
        /// What it used.
        report: StepReport,
    },
    /// A step ended badly.
    StepFailed {
        /// The step.
        step: StepId,
        /// The pause in milliseconds after which it runs again; none: it does not.
        retry_after_ms: Option<u32>,
        /// Why.
        #[serde(with = "as_json")]
        failure: Box<StepFailure>,
    },
    /// A running step was interrupted on request.
    StepCanceled {
        /// The step.
        step: StepId,
    },
    /// Somebody asked the run to end early.
    RunCanceled,
    /// A run that had stopped was taken up again.
    RunResumed,
    /// A running step wrote a line.
    Logged {
        /// The step.
        step: StepId,
        /// How serious it is.
        level: LogLevel,
        /// Where it came from.
        source: LogSource,
        /// The text, as the solid wrote it.
        message: String,
    },
    /// A running step made or changed an asset.
    Materialized {
        /// The step.
        step: StepId,
        /// The asset's key, outermost part first.
        asset_key: Vec<String>,
        /// Which of its partitions.
        partition: Option<String>,
        /// The solid's own facts about it.
        #[serde(with = "as_json")]
        metadata: Vec<MetadataEntry>,
    },
    /// A running step checked data.
    Expectation {
        /// The step.
        step: StepId,
        /// What was checked.
        label: String,
        /// How it came out.
        passed: bool,
        /// The solid's own facts about it.
        #[serde(with = "as_json")]
        metadata: Vec<MetadataEntry>,
    },
    /// A step began to end as it did in the run that this one is a retry of; the outputs and the end that follow are
    /// copies.
    StepTaken {
        /// The step.
        step: StepId,
    },
    /// A running step told more about an output that it had handed over.
    OutputAnnotated {
        /// The step.
        step: StepId,
        /// Which of its solid's outputs, by place in the definition.
        output: u32,
        /// Which item, where the output is dynamic.
        mapping_key: Option<MappingKey>,
        /// The solid's own facts.
        #[serde(with = "as_json")]
        metadata: Vec<MetadataEntry>,
    },
    /// A hook was called because a step had ended, and has ended itself.
    HookEnded {
        /// The step.
        step: StepId,
        /// The hook's solid, `plugin:solid`.
        hook: String,
        /// Why it failed, if it did.
        #[serde(with = "as_json")]
        failure: Option<Box<StepFailure>>,
    },
}

/// An emitted value, or where its content is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LoggedValue {
    /// JSON text.
    Json(CompactString),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// JSON text in a value file.
    JsonFile(Box<ValueFile>),
    /// Raw bytes in a value file.
    BytesFile(Box<ValueFile>),
    /// A blob: a value file that steps read and write in chunks.
    Blob {
        /// The file.
        file: Box<ValueFile>,
        /// What the content is, as an RFC 6838 media type.
        media_type: Box<str>,
    },
    /// A value that an IO manager keeps.
    Kept(Box<KeptValue>),
}

/// A file that has the content of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueFile {
    /// Names the file.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub size: u64,
}

/// A value that an IO manager keeps, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptValue {
    /// Where it is.
    pub keeper: Keeper,
    /// The BLAKE3 digest of its content.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub size: u64,
    /// What the content is.
    pub form: ValueForm,
}

/// What the content of a value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueForm {
    /// JSON text.
    Json,
    /// Raw bytes.
    Bytes,
    /// A blob of this media type.
    Blob(String),
}

impl Entry {
    /// What it means for the state of the run, if anything.
    pub fn event(&self) -> Option<Event> {
        match &self.fact {
            Fact::StepStarted { step } | Fact::StepTaken { step } => Some(Event::StepStarted { step: *step }),
            Fact::OutputEmitted { step, output, mapping_key, value, .. } => Some(Event::OutputEmitted {
                step: *step,
                output: *output,
                mapping_key: mapping_key.clone(),
                value: ValueRef { id: self.seq, digest: value.digest() },
            }),
            Fact::StepSucceeded { step, .. } => Some(Event::StepSucceeded { step: *step }),
            Fact::StepFailed { step, retry_after_ms, .. } => {
                Some(Event::StepFailed { step: *step, retry_after_ms: *retry_after_ms })
            }
            Fact::StepCanceled { step } => Some(Event::StepCanceled { step: *step }),
            Fact::RunCanceled => Some(Event::RunCanceled),
            Fact::RunResumed => Some(Event::RunResumed),
            Fact::Logged { .. }
            | Fact::Materialized { .. }
            | Fact::Expectation { .. }
            | Fact::OutputAnnotated { .. }
            | Fact::HookEnded { .. } => None,
        }
    }
}

impl Fact {
    /// What a running step reported, as it is recorded; none for what is only shown, or about an output.
    pub fn reported(step: StepId, event: StepEvent) -> Option<Self> {
        match event {
            StepEvent::Log { level, source, message } => Some(Self::Logged { step, level, source, message }),
            StepEvent::Materialized { asset_key, partition, metadata } => {
                Some(Self::Materialized { step, asset_key, partition, metadata })
            }
            StepEvent::Expectation { label, passed, metadata } => {
                Some(Self::Expectation { step, label, passed, metadata })
            }
            StepEvent::OutputAnnotated { .. } | StepEvent::Progress { .. } => None,
        }
    }

    /// The step that it is about, if it is about one.
    pub fn step(&self) -> Option<StepId> {
        match self {
            Self::StepStarted { step }
            | Self::OutputEmitted { step, .. }
            | Self::StepSucceeded { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepCanceled { step }
            | Self::Logged { step, .. }
            | Self::Materialized { step, .. }
            | Self::Expectation { step, .. }
            | Self::StepTaken { step }
            | Self::OutputAnnotated { step, .. }
            | Self::HookEnded { step, .. } => Some(*step),
            Self::RunCanceled | Self::RunResumed => None,
        }
    }
}

/// What marks the digests of JSON and of raw bytes.
const JSON: [u8; 16] = *b"a value as JSON ";
const BYTES: [u8; 16] = *b"a value as bytes";

/// What the last byte of a digest has besides the length, where the content itself is in it.
const SHORT_JSON: u8 = 0x10;
const SHORT_BYTES: u8 = 0x20;
/// And where it is not.
const LONG: u8 = 0x80;

impl LoggedValue {
    /// What tells equal values from others. It is not stored, since it follows from what is.
    ///
    /// Content of up to 15 bytes is its own digest, which takes no time to find; of what is longer, or not here, these are
    /// 127 bits of a BLAKE3 digest. No two values have one in common unless they are equal, or somebody found a collision.
    /// Equal ones may differ where one is kept by an IO manager: that costs a step that need not have run again.
    fn digest(&self) -> [u8; 16] {
        // A word of its own for each kind: equal bytes that mean something else differ.
        let of_blob = |media_type: &str| first_half(*blake3::hash(media_type.as_bytes()).as_bytes());
        let (kind, content) = match self {
            Self::Json(text) if text.len() < 16 => return short(SHORT_JSON, text.as_bytes()),
            Self::Bytes(bytes) if bytes.len() < 16 => return short(SHORT_BYTES, bytes),
            Self::Json(text) => (JSON, *blake3::hash(text.as_bytes()).as_bytes()),
            Self::Bytes(bytes) => (BYTES, *blake3::hash(bytes).as_bytes()),
            Self::JsonFile(file) => (JSON, file.digest),
            Self::BytesFile(file) => (BYTES, file.digest),
            Self::Blob { file, media_type } => (of_blob(media_type), file.digest),
            Self::Kept(kept) => match &kept.form {
                ValueForm::Json => (JSON, kept.digest),
                ValueForm::Bytes => (BYTES, kept.digest),
                ValueForm::Blob(media_type) => (of_blob(media_type), kept.digest),
            },
        };
        let content = first_half(content);
        let mut digest: [u8; 16] = std::array::from_fn(|place| kind[place] ^ content[place]);
        digest[15] |= LONG;
        digest
    }

    /// The value file that has its content, if it is not here.
    pub fn file(&self) -> Option<[u8; 32]> {
        match self {
            Self::Json(_) | Self::Bytes(_) | Self::Kept(_) => None,
            Self::JsonFile(file) | Self::BytesFile(file) | Self::Blob { file, .. } => Some(file.digest),
        }
    }

    /// The value, where its content is here or is read in chunks.
    pub(super) fn here(&self) -> Option<Value> {
        match self {
            Self::Json(text) => Some(Value::Json(text.clone())),
            Self::Bytes(bytes) => Some(Value::Bytes(bytes.clone())),
            Self::Blob { file, media_type } => Some(Value::Blob(BlobRef {
                digest: BlobDigest(file.digest),
                size: file.size,
                media_type: String::from(&**media_type),
                keeper: None,
            })),
            Self::JsonFile(_) | Self::BytesFile(_) | Self::Kept(_) => None,
        }
    }
}

fn first_half(digest: [u8; 32]) -> [u8; 16] {
    std::array::from_fn(|place| digest[place])
}

/// A digest that has less than 16 bytes of content in it.
fn short(kind: u8, content: &[u8]) -> [u8; 16] {
    let mut digest = [0; 16];
    digest[..content.len()].copy_from_slice(content);
    digest[15] = kind | content.len() as u8;
    digest
}

/// Rich, rare facts as JSON text: the log's own format cannot hold values of any shape.
mod as_json {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serde_json::to_string(value).map_err(S::Error::custom)?.serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn values_share_a_digest_when_they_are_equal_and_only_then() {
        let forms: [fn(&str) -> LoggedValue; 2] =
            [|text| LoggedValue::Json(text.into()), |text| LoggedValue::Bytes(text.into())];
        let texts = (0..40).flat_map(|length| ["0", "1", "\0"].map(|letter| letter.repeat(length)));
        let mut seen = HashMap::new();
        for text in texts {
            for form in forms {
                let value = form(&text);
                assert_eq!(value.digest(), form(&text).digest());
                let other = seen.insert(value.digest(), value.clone());
                assert!(other.is_none_or(|other| other == value), "{value:?}");
            }
        }
    }

    #[test]
    fn a_value_in_a_file_has_the_digest_of_its_content() {
        let text = "a text of more than 15 bytes";
        let file = Box::new(ValueFile {
            digest: *blake3::hash(text.as_bytes()).as_bytes(),
            size: text.len() as u64,
        });
        let [here, bytes] = [LoggedValue::Json(text.into()), LoggedValue::Bytes(text.into())];
        assert_eq!(LoggedValue::JsonFile(file.clone()).digest(), here.digest());
        assert_eq!(LoggedValue::BytesFile(file).digest(), bytes.digest());
        assert_ne!(here.digest(), bytes.digest());
    }
}
