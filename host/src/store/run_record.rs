//! What the store knows of a run besides its log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use fanfold_graph::name::PluginName;
use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::run::Outcome;
use serde::{Deserialize, Serialize};

use super::{RunId, StoreError};

/// A run as the store knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    pub(super) number: i64,
    /// Its name.
    pub run_id: RunId,
    /// What was run, configuration included.
    pub pipeline: Pipeline,
    /// The digests of the plugins that it uses.
    pub plugins: PluginDigests,
    /// What was granted for this run alone.
    pub granted: Vec<RunGrant>,
    /// The files that its pipeline was made from.
    pub sources: Vec<SourceFile>,
    /// When it was created, in milliseconds since 1970-01-01T00:00:00Z.
    pub created_at_ms: u64,
    /// When and how it ended, if it has.
    pub ended: Option<(u64, Outcome)>,
    /// The run that it is a retry of, if it is one.
    pub retry_of: Option<RetryOf>,
}

/// What is recorded of a run before it begins.
#[derive(Debug, Clone, Copy)]
pub struct NewRun<'n> {
    /// What is run, configuration included.
    pub pipeline: &'n Pipeline,
    /// The digests of the plugins that it uses.
    pub plugins: &'n PluginDigests,
    /// What is granted for this run alone.
    pub granted: &'n [RunGrant],
    /// The files that the pipeline was made from.
    pub sources: &'n [SourceFile],
}

/// A file that a pipeline was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Where it is, from the root.
    pub path: PathBuf,
    /// The BLAKE3 digest of what it said, in hexadecimal.
    pub digest: String,
}

impl SourceFile {
    /// A file that said this when it was read.
    pub fn new(file: &Path, text: &str) -> io::Result<Self> {
        let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
        Ok(Self { path: std::path::absolute(file)?, digest })
    }

    /// The file as it is now.
    pub fn read(file: &Path) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(file)?)?;
        let digest = hasher.finalize().to_hex().to_string();
        Ok(Self { path: std::path::absolute(file)?, digest })
    }
}

/// What a retry takes work from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryOf {
    /// The run, in the same store.
    pub parent: RunId,
    /// What of it.
    pub mode: RetryMode,
}

/// What a retry runs again; the rest it takes from its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryMode {
    /// Everything.
    Whole,
    /// What did not succeed, and what reads something else than it did.
    FromFailure,
    /// The steps that these patterns select.
    Select(Vec<String>),
}

/// BLAKE3 digests of components, in hexadecimal, by plugin.
pub type PluginDigests = BTreeMap<PluginName, String>;

/// What a plugin may see in one run alone. Its fields tell which kind it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RunGrant {
    /// A directory.
    Directory(GrantedDirectory),
    /// A host.
    Host(GrantedHost),
    /// An environment variable.
    Variable(GrantedVariable),
}

impl RunGrant {
    /// Whose it is.
    pub fn plugin(&self) -> &PluginName {
        match self {
            Self::Directory(grant) => &grant.plugin,
            Self::Host(grant) => &grant.plugin,
            Self::Variable(grant) => &grant.plugin,
        }
    }
}

/// A host that a plugin may send requests to in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantedHost {
    /// The plugin.
    pub plugin: PluginName,
    /// `HOST` or `HOST:PORT`.
    pub host_port: String,
}

/// An environment variable that a plugin sees in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantedVariable {
    /// The plugin.
    pub plugin: PluginName,
    /// The variable's name.
    pub variable: String,
    /// Its value.
    pub value: String,
}

/// A directory that a plugin may use in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantedDirectory {
    /// The plugin.
    pub plugin: PluginName,
    /// The directory, from the root.
    pub host: PathBuf,
    /// Where the plugin's steps find it.
    pub guest: String,
    /// True if they may change what is there.
    pub is_writable: bool,
}

/// The word for an outcome, in the store and in JSON.
pub fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Canceled => "canceled",
    }
}

pub(super) const SELECT: &str =
    "SELECT number, run_id, plan, plugins, granted, created_at_ms, ended_at_ms, outcome, parent, retry_mode, sources
     FROM runs WHERE NOT is_removed";

pub(super) struct RunRow {
    number: i64,
    run_id: String,
    plan: String,
    plugins: String,
    granted: String,
    created_at_ms: i64,
    ended_at_ms: Option<i64>,
    outcome: Option<String>,
    parent: Option<String>,
    retry_mode: Option<String>,
    sources: String,
}

pub(super) fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        number: row.get(0)?,
        run_id: row.get(1)?,
        plan: row.get(2)?,
        plugins: row.get(3)?,
        granted: row.get(4)?,
        created_at_ms: row.get(5)?,
        ended_at_ms: row.get(6)?,
        outcome: row.get(7)?,
        parent: row.get(8)?,
        retry_mode: row.get(9)?,
        sources: row.get(10)?,
    })
}

impl TryFrom<RunRow> for RunRecord {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        let damaged = |problem: String| StoreError::Damaged { run_id: row.run_id.clone(), problem };
        let outcome = match row.outcome.as_deref() {
            Some("succeeded") => Some(Outcome::Succeeded),
            Some("failed") => Some(Outcome::Failed),
            Some("canceled") => Some(Outcome::Canceled),
            _ => None,
        };
        let retry_of = row.parent.as_deref().zip(row.retry_mode.as_deref()).map(|(parent, mode)| {
            let parent = RunId::new(parent).map_err(|error| damaged(error.to_string()))?;
            let mode = serde_json::from_str(mode).map_err(|error| damaged(error.to_string()))?;
            Ok::<_, StoreError>(RetryOf { parent, mode })
        });
        Ok(Self {
            number: row.number,
            run_id: RunId::new(&row.run_id).map_err(|error| damaged(error.to_string()))?,
            pipeline: serde_json::from_str(&row.plan).map_err(|error| damaged(error.to_string()))?,
            plugins: serde_json::from_str(&row.plugins).map_err(|error| damaged(error.to_string()))?,
            granted: serde_json::from_str(&row.granted).map_err(|error| damaged(error.to_string()))?,
            sources: serde_json::from_str(&row.sources).map_err(|error| damaged(error.to_string()))?,
            created_at_ms: row.created_at_ms.cast_unsigned(),
            ended: row.ended_at_ms.zip(outcome).map(|(at, outcome)| (at.cast_unsigned(), outcome)),
            retry_of: retry_of.transpose()?,
        })
    }
}
