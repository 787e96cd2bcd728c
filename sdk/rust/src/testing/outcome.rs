//! What a step did.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::de::DeserializeOwned;

use crate::value::Value;
use crate::{EmitError, Level, Metadata, RetryRequest};

/// What a step emitted, said, and how it ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub(super) emitted: Vec<Emitted>,
    pub(super) log: Vec<LogLine>,
    pub(super) progress: Vec<Progress>,
    pub(super) materializations: Vec<Materialization>,
    pub(super) checks: Vec<Check>,
    pub(super) failure: Option<Failure>,
    pub(super) blobs: BTreeMap<String, Rc<Vec<u8>>>,
}

/// One output, or one item of a dynamic output.
#[derive(Clone, Debug, PartialEq)]
pub struct Emitted {
    /// The output's name.
    pub output: String,
    /// The item's key; none for a plain output.
    pub mapping_key: Option<String>,
    /// What was emitted.
    pub value: Value,
    /// Facts about it.
    pub metadata: Metadata,
}

/// One line of the step's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
}

/// One report of progress.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How much is done, in the unit that the message names.
    pub done: f64,
    /// How much there is in all, if that is known.
    pub total: Option<f64>,
    /// What is being done.
    pub message: String,
}

/// An asset that was made or changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Materialization {
    /// The asset, outermost part first.
    pub asset_key: Vec<String>,
    /// Its partition, if one was named.
    pub partition: Option<String>,
    /// Facts about it.
    pub metadata: Metadata,
}

/// The outcome of a check on data.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What was checked.
    pub label: String,
    /// Whether it holds.
    pub passed: bool,
    /// Facts about it.
    pub metadata: Metadata,
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What happened, with its causes.
    pub description: String,
    /// Whose verdict it is.
    pub reason: Reason,
    /// Facts about the failure.
    pub metadata: Metadata,
    /// Whether the solid asked for a retry or against it.
    pub retry: RetryRequest,
}

/// Whose verdict a failure is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The solid failed by itself, or could not read its inputs or configuration.
    Solid,
    /// The host refused an output.
    Refused(EmitError),
    /// The solid ended well but left out a required output.
    OutputMissing,
}

impl Outcome {
    /// Everything that was emitted, in order.
    pub fn emitted(&self) -> &[Emitted] {
        &self.emitted
    }

    /// The value of the output `result`.
    ///
    /// # Panics
    /// If the step failed, emitted no `result`, or one that is no `T`.
    #[track_caller]
    pub fn result<T: DeserializeOwned>(&self) -> T {
        self.output("result").unwrap_or_else(|| panic!("the step emitted no `result`"))
    }

    /// The value of a plain output; none if it was not emitted.
    ///
    /// # Panics
    /// If the step failed or the value is no `T`.
    #[track_caller]
    pub fn output<T: DeserializeOwned>(&self, output: &str) -> Option<T> {
        self.expect_success();
        self.emitted.iter().find(|emitted| emitted.output == output).map(Emitted::read)
    }

    /// Keys and values of a dynamic output, in order; also those that a step emitted before it failed.
    ///
    /// # Panics
    /// If a value is no `T`.
    #[track_caller]
    pub fn dynamic<T: DeserializeOwned>(&self, output: &str) -> Vec<(String, T)> {
        let items = self.emitted.iter().filter(|emitted| emitted.output == output);
        items.filter_map(|item| Some((item.mapping_key.clone()?, item.read()))).collect()
    }

    /// The content of an output that is a blob or raw bytes; none if it was not emitted.
    ///
    /// # Panics
    /// If the step failed or the output holds JSON.
    #[track_caller]
    pub fn content(&self, output: &str) -> Option<Vec<u8>> {
        self.expect_success();
        let emitted = self.emitted.iter().find(|emitted| emitted.output == output)?;
        match &emitted.value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::Blob(blob) => self.blobs.get(&blob.digest).map(|content| content.to_vec()),
            Value::Json(text) => panic!("output `{output}` holds JSON: {text}"),
        }
    }

    /// The facts about a plain output or the first item of a dynamic one; none if it was not emitted.
    pub fn metadata(&self, output: &str) -> Option<&Metadata> {
        self.emitted.iter().find(|emitted| emitted.output == output).map(|emitted| &emitted.metadata)
    }

    /// The step's log.
    pub fn log(&self) -> &[LogLine] {
        &self.log
    }

    /// The reports of progress.
    pub fn progress(&self) -> &[Progress] {
        &self.progress
    }

    /// The assets that were made or changed.
    pub fn materializations(&self) -> &[Materialization] {
        &self.materializations
    }

    /// The checks on data.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Why the step failed; none if it did not.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Goes on only if the step succeeded.
    ///
    /// # Panics
    /// If the step failed, with its description.
    #[track_caller]
    pub fn expect_success(&self) {
        if let Some(failure) = &self.failure {
            panic!("the step failed: {}", failure.description);
        }
    }
}

impl Emitted {
    /// The value as a `T`.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn read<T: DeserializeOwned>(&self) -> T {
        let Value::Json(text) = &self.value else { panic!("output `{}` holds no JSON", self.output) };
        serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("output `{}` is {text}: {error}", self.output))
    }
}
