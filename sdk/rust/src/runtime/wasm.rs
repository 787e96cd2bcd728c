//! The host behind the WebAssembly imports, and the exports that it calls.
//!
//! The bindings are made for the larger world; a component imports `attempt` only if its solids use it, because
//! what no code calls is not linked.

use std::io;
use std::time::Duration;

use bindings::exports::fanfold::plugin::solids;
use bindings::fanfold::plugin::{attempt, blobs, collections, definitions, events, outputs, types};

use super::{Call, Collection, Entry, Host, InputValue, JsonPage};
use crate::blob::BlobRef;
use crate::definition::{InputDefinition, OutputDefinition, RetryPolicy, SolidDefinition};
use crate::metadata::{MetadataEntry, MetadataValue};
use crate::value::Value;
use crate::{EmitError, Error, Level, MappingKey, Metadata, RetryRequest};

#[expect(missing_docs, reason = "generated from the contract, which documents every item")]
#[allow(unused_qualifications, clippy::pedantic, reason = "generated")]
#[expect(clippy::allow_attributes, reason = "which of the lints above apply depends on the generator")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "plugin-with-attempt",
        pub_export_macro: true,
        export_macro_name: "export_plugin",
    });
}

/// A plugin's solids; `plugin!` implements it.
pub trait Plugin {
    /// In the order in which they were listed.
    const SOLIDS: &'static [Entry];
}

impl<P: Plugin> solids::Guest for P {
    fn describe() -> Vec<definitions::SolidDefinition> {
        report_panics();
        P::SOLIDS.iter().map(|entry| (entry.definition)().into()).collect()
    }

    fn execute(context: solids::Context, inputs: Vec<solids::Input>) -> Result<(), solids::Failure> {
        report_panics();
        let Some(entry) = P::SOLIDS.iter().find(|entry| entry.name == context.solid) else {
            return Err(Error::new(format!("the plugin has no solid `{}`", context.solid))
                .never_retry()
                .into());
        };
        let mapping_keys = context.mapping_keys.into_iter().map(MappingKey::from_host).collect();
        let inputs = inputs.into_iter().map(|input| (input.name, input.value.into())).collect();
        (entry.run)(&mut Call::new(WasmHost, mapping_keys, context.config, inputs)).map_err(Into::into)
    }
}

/// A panic ends in a trap that says little; the log gets its message and place.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| events::log(events::Level::Error, &panic.to_string())));
}

/// The host that runs this plugin.
#[derive(Clone, Copy)]
pub struct WasmHost;

impl Host for WasmHost {
    type Collection = collections::Collection;
    type Reader = BlobSource;
    type Writer = BlobSink;

    fn emit(
        &self,
        output: &str,
        key: Option<&MappingKey>,
        value: Value,
        metadata: Metadata,
    ) -> Result<(), EmitError> {
        let (value, metadata) = (value.into(), entries(metadata));
        let emitted = match key {
            None => outputs::emit(output, &value, &metadata),
            Some(key) => outputs::emit_dynamic(output, key.as_str(), &value, &metadata),
        };
        emitted.map_err(Into::into)
    }

    fn annotate(&self, output: &str, key: Option<&MappingKey>, metadata: Metadata) -> Result<(), EmitError> {
        outputs::annotate(output, key.map(MappingKey::as_str), &entries(metadata)).map_err(Into::into)
    }

    fn open_blob(&self, blob: &BlobRef) -> Result<BlobSource, String> {
        blobs::open(&blob.clone().into()).map(|reader| BlobSource { reader, chunk: Vec::new(), given: 0 })
    }

    fn create_blob(&self, media_type: &str) -> Result<BlobSink, String> {
        blobs::create(media_type).map(BlobSink)
    }

    fn finish_blob(writer: BlobSink) -> Result<BlobRef, String> {
        writer.0.finish().map(Into::into)
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => events::Level::Debug,
            Level::Info => events::Level::Info,
            Level::Warning => events::Level::Warning,
            Level::Error => events::Level::Error,
        };
        events::log(level, message);
    }

    fn progress(&self, done: f64, total: Option<f64>, message: &str) {
        events::progress(done, total, message);
    }

    fn materialize(&self, asset_key: Vec<String>, partition: Option<String>, metadata: Metadata) {
        events::materialize(&asset_key, partition.as_deref(), &entries(metadata));
    }

    fn expect(&self, label: &str, passed: bool, metadata: Metadata) {
        events::expect(label, passed, &entries(metadata));
    }

    fn is_cancelled(&self) -> bool {
        events::is_cancelled()
    }

    fn attempt(&self) -> u32 {
        attempt::number()
    }
}

impl Collection for collections::Collection {
    fn total(&self) -> u32 {
        self.len()
    }

    fn page(&mut self, max: u32) -> Vec<(Option<MappingKey>, Value)> {
        let items = self.next(max);
        items
            .into_iter()
            .map(|item| (item.mapping_key.map(MappingKey::from_host), item.value.into()))
            .collect()
    }

    fn json_page(&mut self, max: u32) -> JsonPage {
        let collections::JsonPage { mapping_keys, values } = self.next_json(max);
        JsonPage { mapping_keys, values }
    }

    fn missing_page(&mut self, max: u32) -> Vec<MappingKey> {
        self.next_missing(max).into_iter().map(MappingKey::from_host).collect()
    }
}

/// Reads a blob; what a short read leaves of a chunk is given out next.
pub struct BlobSource {
    reader: blobs::Reader,
    chunk: Vec<u8>,
    given: usize,
}

impl io::Read for BlobSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.chunk.len() {
            // A caller with a small buffer should not cost the host a call for every few bytes.
            let wanted = u32::try_from(buffer.len()).unwrap_or(u32::MAX).max(64 << 10);
            self.chunk = self.reader.read(wanted).map_err(io::Error::other)?;
            self.given = 0;
        }
        let count = buffer.len().min(self.chunk.len() - self.given);
        buffer[..count].copy_from_slice(&self.chunk[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// Writes a blob.
pub struct BlobSink(blobs::Writer);

impl io::Write for BlobSink {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        self.0.write(chunk).map_err(io::Error::other)?;
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// What follows only renames: the SDK's types to the contract's and back.

fn entries(metadata: Metadata) -> Vec<types::MetadataEntry> {
    metadata.into_entries().into_iter().map(Into::into).collect()
}

impl From<MetadataEntry> for types::MetadataEntry {
    fn from(entry: MetadataEntry) -> Self {
        Self { label: entry.label, description: entry.description, value: entry.value.into() }
    }
}

impl From<MetadataValue> for types::MetadataValue {
    fn from(value: MetadataValue) -> Self {
        match value {
            MetadataValue::Text(text) => Self::Text(text),
            MetadataValue::Markdown(text) => Self::Markdown(text),
            MetadataValue::Url(url) => Self::Url(url),
            MetadataValue::Path(path) => Self::Path(path),
            MetadataValue::Json(value) => Self::Json(value.to_string()),
            MetadataValue::Integer(number) => Self::Integer(number),
            MetadataValue::Number(number) => Self::Number(number),
            MetadataValue::Boolean(boolean) => Self::Boolean(boolean),
            MetadataValue::TimestampMs(moment) => Self::TimestampMs(moment),
            MetadataValue::Asset(key) => Self::Asset(key),
            MetadataValue::Table(table) => {
                let (columns, rows) = table.into_parts();
                Self::Table(types::Table { columns, rows })
            }
        }
    }
}

impl From<Value> for types::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Json(text) => Self::Json(text),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Blob(blob) => Self::Blob(blob.into()),
        }
    }
}

impl From<types::Value> for Value {
    fn from(value: types::Value) -> Self {
        match value {
            types::Value::Json(text) => Self::Json(text),
            types::Value::Bytes(bytes) => Self::Bytes(bytes),
            types::Value::Blob(blob) => Self::Blob(blob.into()),
        }
    }
}

impl From<BlobRef> for types::BlobRef {
    fn from(blob: BlobRef) -> Self {
        Self { digest: blob.digest, size: blob.size, media_type: blob.media_type }
    }
}

impl From<types::BlobRef> for BlobRef {
    fn from(blob: types::BlobRef) -> Self {
        Self { digest: blob.digest, size: blob.size, media_type: blob.media_type }
    }
}

impl From<solids::InputValue> for InputValue {
    fn from(value: solids::InputValue) -> Self {
        match value {
            solids::InputValue::Single(value) => Self::Single(value.into()),
            solids::InputValue::Items(items) => Self::Items(items),
            solids::InputValue::Entries(entries) => Self::Entries(entries),
        }
    }
}

impl From<outputs::EmitError> for EmitError {
    fn from(error: outputs::EmitError) -> Self {
        match error {
            outputs::EmitError::UnknownOutput(why) => Self::UnknownOutput(why),
            outputs::EmitError::NotDynamic(why) => Self::NotDynamic(why),
            outputs::EmitError::MappingKeyMissing(why) => Self::MappingKeyMissing(why),
            outputs::EmitError::InvalidMappingKey(why) => Self::InvalidMappingKey(why),
            outputs::EmitError::Duplicate(why) => Self::Duplicate(why),
            outputs::EmitError::TypeMismatch(why) => Self::TypeMismatch(why),
            outputs::EmitError::NotEmitted(why) => Self::NotEmitted(why),
            outputs::EmitError::Limit(why) => Self::Limit(why),
        }
    }
}

impl From<Error> for solids::Failure {
    fn from(error: Error) -> Self {
        let retry = match error.retry() {
            RetryRequest::ByPolicy => solids::RetryRequest::ByPolicy,
            RetryRequest::Never => solids::RetryRequest::Never,
            RetryRequest::After(pause) => solids::RetryRequest::AfterMs(whole_milliseconds(pause)),
        };
        let (description, metadata) = error.into_parts();
        Self { description, metadata: entries(metadata), retry }
    }
}

fn whole_milliseconds(pause: Duration) -> u32 {
    u32::try_from(pause.as_millis()).unwrap_or(u32::MAX)
}

impl From<SolidDefinition> for definitions::SolidDefinition {
    fn from(solid: SolidDefinition) -> Self {
        Self {
            name: solid.name.to_owned(),
            description: solid.description.to_owned(),
            config_schema: solid.config_schema,
            inputs: solid.inputs.into_iter().map(Into::into).collect(),
            outputs: solid.outputs.into_iter().map(Into::into).collect(),
            tags: solid.tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            retry_policy: solid.retry_policy.map(Into::into),
        }
    }
}

impl From<InputDefinition> for definitions::InputDefinition {
    fn from(input: InputDefinition) -> Self {
        Self {
            name: input.name.to_owned(),
            description: input.description.to_owned(),
            schema: input.schema,
            default_value: input.default_value,
        }
    }
}

impl From<OutputDefinition> for definitions::OutputDefinition {
    fn from(output: OutputDefinition) -> Self {
        let owned = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect();
        Self {
            name: output.name.to_owned(),
            description: output.description.to_owned(),
            schema: output.schema,
            is_required: output.is_required,
            is_dynamic: output.is_dynamic,
            io_manager_key: output.io_manager_key.map(str::to_owned),
            metadata: entries(output.metadata),
            asset_key: owned(output.asset_key),
            asset_partitions: owned(output.asset_partitions),
        }
    }
}

impl From<RetryPolicy> for definitions::RetryPolicy {
    fn from(policy: RetryPolicy) -> Self {
        let RetryPolicy { max_retries, delay_ms, backoff, jitter } = policy;
        Self { max_retries, delay_ms, backoff, jitter }
    }
}
