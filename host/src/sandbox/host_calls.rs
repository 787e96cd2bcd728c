//! The contract's functions for outputs, events and the attempt, as a running step calls them.

use super::bindings::fanfold::plugin::outputs::EmitError;
use super::bindings::fanfold::plugin::{attempt, definitions, events, outputs, types};
use super::failure::{FailureKind, StepFailure};
use super::instance::StepState;
use super::metadata;
use super::reporter::host_failed;
use super::value::{Emission, LogLevel, LogSource, StepEvent};

/// A progress message is cut off here, in bytes: it is one line on a screen.
const PROGRESS_MESSAGE_BYTES: usize = 200;

impl types::Host for StepState {}
impl definitions::Host for StepState {}

impl outputs::Host for StepState {
    fn emit(
        &mut self,
        output: String,
        value: types::Value,
        metadata: Vec<types::MetadataEntry>,
    ) -> wasmtime::Result<Result<(), EmitError>> {
        self.take_output(output, None, value, metadata)
    }

    fn emit_dynamic(
        &mut self,
        output: String,
        mapping_key: String,
        value: types::Value,
        metadata: Vec<types::MetadataEntry>,
    ) -> wasmtime::Result<Result<(), EmitError>> {
        self.take_output(output, Some(&mapping_key), value, metadata)
    }

    fn annotate(
        &mut self,
        output: String,
        mapping_key: Option<String>,
        metadata: Vec<types::MetadataEntry>,
    ) -> wasmtime::Result<Result<(), EmitError>> {
        match self.outputs.accept_annotation(&output, mapping_key.as_deref()) {
            Ok(mapping_key) => self
                .report_with(output.len() as u64, metadata, |metadata| StepEvent::OutputAnnotated {
                    output,
                    mapping_key,
                    metadata,
                })
                .map(Ok),
            Err(failure) => Ok(Err(emit_error(failure))),
        }
    }
}

impl StepState {
    fn take_output(
        &mut self,
        output: String,
        mapping_key: Option<&str>,
        value: types::Value,
        metadata: Vec<types::MetadataEntry>,
    ) -> wasmtime::Result<Result<(), EmitError>> {
        match self.check_output(&output, mapping_key, value, &metadata) {
            Ok(mut emission) => {
                emission.output = output;
                emission.metadata = metadata::convert(metadata);
                let emitted = self.reporter.lock().host.emit(emission);
                emitted.map_err(|error| host_failed("cannot take an output over", &error).into_error())?;
                Ok(Ok(()))
            }
            Err(failure) => Ok(Err(emit_error(failure))),
        }
    }

    /// The emission, still without its output's name and metadata.
    fn check_output(
        &mut self,
        output: &str,
        mapping_key: Option<&str>,
        value: types::Value,
        metadata: &[types::MetadataEntry],
    ) -> Result<Emission, StepFailure> {
        if !metadata.is_empty() {
            let charged = self.reporter.lock().charge_metadata(metadata::size(metadata));
            charged.inspect_err(|failure| self.outputs.refuse(failure))?;
        }
        let value = self.blobs.take_back(value).map_err(|problem| {
            let failure = StepFailure::new(FailureKind::TypeMismatch, problem);
            self.outputs.refuse(&failure);
            failure
        })?;
        let mapping_key = self.outputs.accept(output, mapping_key, &value)?;
        Ok(Emission { output: String::new(), mapping_key, value, metadata: Vec::new() })
    }
}

/// The contract's word for a refused output.
fn emit_error(failure: StepFailure) -> EmitError {
    let message = match failure.hint {
        Some(hint) => format!("{} ({hint})", failure.message),
        None => failure.message,
    };
    match failure.kind {
        FailureKind::UnknownOutput => EmitError::UnknownOutput(message),
        FailureKind::NotDynamic => EmitError::NotDynamic(message),
        FailureKind::MappingKeyMissing => EmitError::MappingKeyMissing(message),
        FailureKind::InvalidMappingKey => EmitError::InvalidMappingKey(message),
        FailureKind::DuplicateOutput => EmitError::Duplicate(message),
        FailureKind::TypeMismatch => EmitError::TypeMismatch(message),
        FailureKind::NotEmitted => EmitError::NotEmitted(message),
        _ => EmitError::Limit(message),
    }
}

impl events::Host for StepState {
    fn log(&mut self, level: events::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            events::Level::Debug => LogLevel::Debug,
            events::Level::Info => LogLevel::Info,
            events::Level::Warning => LogLevel::Warning,
            events::Level::Error => LogLevel::Error,
        };
        self.reporter.lock().log(level, LogSource::Log, message).map_err(StepFailure::into_error)
    }

    fn progress(&mut self, done: f64, total: Option<f64>, mut message: String) -> wasmtime::Result<()> {
        if !done.is_finite() {
            return Ok(());
        }
        message.truncate(message.floor_char_boundary(PROGRESS_MESSAGE_BYTES));
        let progress = StepEvent::Progress { done, total: total.filter(|total| total.is_finite()), message };
        self.reporter.lock().progress(progress).map_err(StepFailure::into_error)
    }

    fn materialize(
        &mut self,
        asset_key: Vec<String>,
        partition: Option<String>,
        metadata: Vec<types::MetadataEntry>,
    ) -> wasmtime::Result<()> {
        let key_bytes: usize = asset_key.iter().map(|part| part.len() + size_of::<String>()).sum();
        let bytes = (key_bytes + partition.as_ref().map_or(0, String::len)) as u64;
        self.report_with(bytes, metadata, |metadata| StepEvent::Materialized {
            asset_key,
            partition,
            metadata,
        })
    }

    fn expect(
        &mut self,
        label: String,
        passed: bool,
        metadata: Vec<types::MetadataEntry>,
    ) -> wasmtime::Result<()> {
        let bytes = label.len() as u64;
        self.report_with(bytes, metadata, |metadata| StepEvent::Expectation { label, passed, metadata })
    }

    fn is_cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(self.watch.is_canceled())
    }
}

impl StepState {
    /// Reports an event that counts as metadata: `bytes` of its own, and its entries.
    fn report_with(
        &mut self,
        bytes: u64,
        metadata: Vec<types::MetadataEntry>,
        event: impl FnOnce(Vec<fanfold_graph::definition::MetadataEntry>) -> StepEvent,
    ) -> wasmtime::Result<()> {
        /// What an event costs besides its content, in bytes.
        const EVENT_BYTES: u64 = 64;
        let mut reporter = self.reporter.lock();
        let bytes = EVENT_BYTES + bytes + metadata::size(&metadata);
        reporter.charge_metadata(bytes).map_err(StepFailure::into_error)?;
        reporter.report(event(metadata::convert(metadata))).map_err(StepFailure::into_error)
    }
}

impl attempt::Host for StepState {
    fn number(&mut self) -> wasmtime::Result<u32> {
        Ok(self.attempt)
    }
}
