//! The host of a native step: it refuses what the host would refuse, and remembers everything else.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor};
use std::rc::Rc;
use std::vec;

use super::{Check, Emitted, Failure, LogLine, Materialization, Outcome, Progress, Reason};
use crate::blob::BlobRef;
use crate::definition::OutputDefinition;
use crate::runtime::{Collection, Host, JsonPage};
use crate::value::Value;
use crate::{EmitError, Level, MappingKey, Metadata, RetryRequest};

/// The host of one native step. Copies are of the same step.
#[derive(Clone)]
pub struct Recorder(Rc<RefCell<State>>);

struct State {
    outputs: Vec<OutputDefinition>,
    outcome: Outcome,
    /// What was emitted: output, and key of a dynamic one.
    taken: BTreeSet<(String, Option<MappingKey>)>,
    /// The first refusal, which decides the step.
    refused: Option<EmitError>,
    blobs: BTreeMap<String, Rc<Vec<u8>>>,
    attempt: u32,
    cancelled: bool,
}

impl Recorder {
    pub(super) fn new(outputs: Vec<OutputDefinition>) -> Self {
        Self(Rc::new(RefCell::new(State {
            outputs,
            outcome: Outcome::default(),
            taken: BTreeSet::new(),
            refused: None,
            blobs: BTreeMap::new(),
            attempt: 0,
            cancelled: false,
        })))
    }

    pub(super) fn set_attempt(&self, attempt: u32) {
        self.0.borrow_mut().attempt = attempt;
    }

    pub(super) fn set_cancelled(&self) {
        self.0.borrow_mut().cancelled = true;
    }

    /// Keeps a blob under a name that only its content decides.
    pub(super) fn keep(&self, content: Vec<u8>, media_type: &str) -> BlobRef {
        let digest = stand_in_digest(&content);
        let blob = BlobRef { digest, size: content.len() as u64, media_type: media_type.to_owned() };
        self.0.borrow_mut().blobs.insert(blob.digest.clone(), Rc::new(content));
        blob
    }

    /// The verdict on the step: a refusal comes before what the solid made of it.
    pub(super) fn finish(&self, failure: Option<Failure>) -> Outcome {
        let mut state = self.0.borrow_mut();
        let mut outcome = std::mem::take(&mut state.outcome);
        outcome.blobs.clone_from(&state.blobs);
        outcome.failure = match state.refused.take() {
            Some(refusal) => Some(verdict(refusal.to_string(), Reason::Refused(refusal))),
            None => failure.or_else(|| state.missing_output()),
        };
        outcome
    }
}

fn verdict(description: String, reason: Reason) -> Failure {
    Failure { description, reason, metadata: Metadata::new(), retry: RetryRequest::ByPolicy }
}

impl State {
    /// A dynamic output may stay empty; a required plain one may not be left out.
    fn missing_output(&self) -> Option<Failure> {
        let required = self.outputs.iter().filter(|output| output.is_required && !output.is_dynamic);
        let missing = required
            .map(|output| output.name)
            .find(|name| !self.taken.contains(&((*name).to_owned(), None)))?;
        Some(verdict(format!("the required output `{missing}` was not emitted"), Reason::OutputMissing))
    }

    fn check(&self, output: &str, key: Option<&MappingKey>) -> Result<(), EmitError> {
        let Some(definition) = self.outputs.iter().find(|definition| definition.name == output) else {
            let known: Vec<_> = self.outputs.iter().map(|definition| definition.name).collect();
            return Err(EmitError::UnknownOutput(format!(
                "there is no output `{output}`; the outputs are {known:?}"
            )));
        };
        match key {
            Some(_) if !definition.is_dynamic => {
                Err(EmitError::NotDynamic(format!("the output `{output}` is plain and takes no mapping key")))
            }
            None if definition.is_dynamic => Err(EmitError::MappingKeyMissing(format!(
                "the output `{output}` is dynamic and needs mapping keys"
            ))),
            _ => Ok(()),
        }
    }

    fn check_new(&self, output: &str, key: Option<&MappingKey>) -> Result<(), EmitError> {
        self.check(output, key)?;
        match key {
            Some(key) if self.taken.contains(&(output.to_owned(), Some(key.clone()))) => {
                Err(EmitError::Duplicate(format!(
                    "the mapping key `{key}` was emitted twice on output `{output}`"
                )))
            }
            None if self.taken.contains(&(output.to_owned(), None)) => {
                Err(EmitError::Duplicate(format!("the output `{output}` was emitted twice")))
            }
            _ => Ok(()),
        }
    }
}

impl Host for Recorder {
    type Collection = Pages;
    type Reader = RecordedReader;
    type Writer = RecordedWriter;

    fn emit(
        &self,
        output: &str,
        key: Option<&MappingKey>,
        value: Value,
        metadata: Metadata,
    ) -> Result<(), EmitError> {
        let mut state = self.0.borrow_mut();
        if let Err(refusal) = state.check_new(output, key) {
            state.refused.get_or_insert_with(|| refusal.clone());
            return Err(refusal);
        }
        state.taken.insert((output.to_owned(), key.cloned()));
        let mapping_key = key.map(ToString::to_string);
        state.outcome.emitted.push(Emitted { output: output.to_owned(), mapping_key, value, metadata });
        Ok(())
    }

    fn annotate(&self, output: &str, key: Option<&MappingKey>, metadata: Metadata) -> Result<(), EmitError> {
        let mut state = self.0.borrow_mut();
        let checked = state.check(output, key).and_then(|()| {
            let emitted = &mut state.outcome.emitted;
            let text = key.map(MappingKey::as_str);
            let is_it = |it: &&mut Emitted| it.output == output && it.mapping_key.as_deref() == text;
            let not_emitted = || match key {
                Some(key) => format!("facts about item `{key}` of output `{output}`, which was not emitted"),
                None => format!("facts about output `{output}`, which was not emitted"),
            };
            emitted.iter_mut().find(is_it).ok_or_else(|| EmitError::NotEmitted(not_emitted()))
        });
        match checked {
            Ok(emitted) => emitted.metadata.append(metadata),
            Err(refusal) => {
                state.refused.get_or_insert_with(|| refusal.clone());
                return Err(refusal);
            }
        }
        Ok(())
    }

    fn open_blob(&self, blob: &BlobRef) -> Result<RecordedReader, String> {
        match self.0.borrow().blobs.get(&blob.digest) {
            Some(content) => Ok(RecordedReader(Cursor::new(SharedBytes(content.clone())))),
            None => Err(format!("the step was not given a blob `{}`", blob.digest)),
        }
    }

    fn create_blob(&self, media_type: &str) -> Result<RecordedWriter, String> {
        Ok(RecordedWriter { host: self.clone(), content: Vec::new(), media_type: media_type.to_owned() })
    }

    fn finish_blob(writer: RecordedWriter) -> Result<BlobRef, String> {
        Ok(writer.host.keep(writer.content, &writer.media_type))
    }

    fn log(&self, level: Level, message: &str) {
        self.0.borrow_mut().outcome.log.push(LogLine { level, message: message.to_owned() });
    }

    fn progress(&self, done: f64, total: Option<f64>, message: &str) {
        let progress = Progress { done, total, message: message.to_owned() };
        self.0.borrow_mut().outcome.progress.push(progress);
    }

    fn materialize(&self, asset_key: Vec<String>, partition: Option<String>, metadata: Metadata) {
        let materialization = Materialization { asset_key, partition, metadata };
        self.0.borrow_mut().outcome.materializations.push(materialization);
    }

    fn expect(&self, label: &str, passed: bool, metadata: Metadata) {
        self.0.borrow_mut().outcome.checks.push(Check { label: label.to_owned(), passed, metadata });
    }

    fn is_cancelled(&self) -> bool {
        self.0.borrow().cancelled
    }

    fn attempt(&self) -> u32 {
        self.0.borrow().attempt
    }
}

/// A collected input of a native step.
pub struct Pages {
    len: u32,
    /// JSON texts.
    items: vec::IntoIter<(Option<MappingKey>, String)>,
    missing: vec::IntoIter<MappingKey>,
}

impl Pages {
    pub(super) fn new(items: Vec<(Option<MappingKey>, String)>) -> Self {
        let len = u32::try_from(items.len()).expect("fewer than 2^32 items");
        Self { len, items: items.into_iter(), missing: Vec::new().into_iter() }
    }

    pub(super) fn set_missing(&mut self, keys: Vec<MappingKey>) {
        self.missing = keys.into_iter();
    }
}

impl Collection for Pages {
    fn total(&self) -> u32 {
        self.len
    }

    fn page(&mut self, max: u32) -> Vec<(Option<MappingKey>, Value)> {
        self.items.by_ref().take(max as usize).map(|(key, text)| (key, Value::Json(text))).collect()
    }

    fn json_page(&mut self, max: u32) -> JsonPage {
        let (keys, texts): (Vec<_>, Vec<_>) = self.items.by_ref().take(max as usize).unzip();
        let keys: Vec<_> = keys.iter().flatten().map(MappingKey::as_str).collect();
        JsonPage { mapping_keys: keys.join(" "), values: format!("[{}]", texts.join(",")) }
    }

    fn missing_page(&mut self, max: u32) -> Vec<MappingKey> {
        self.missing.by_ref().take(max as usize).collect()
    }
}

/// Reads a blob of a native step.
pub struct RecordedReader(Cursor<SharedBytes>);

struct SharedBytes(Rc<Vec<u8>>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl io::Read for RecordedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Writes a blob of a native step.
pub struct RecordedWriter {
    host: Recorder,
    content: Vec<u8>,
    media_type: String,
}

impl io::Write for RecordedWriter {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        self.content.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Looks like the host's BLAKE3 digest and, like it, depends on the content alone; a test needs no more of it.
fn stand_in_digest(content: &[u8]) -> String {
    let quarter = |seed: u64| {
        content.iter().fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
    };
    [1, 2, 3, 4].map(|seed| format!("{:016x}", quarter(0xcbf2_9ce4_8422_2325 ^ seed))).concat()
}
