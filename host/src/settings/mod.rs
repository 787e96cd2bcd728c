//! The project's own file, `fanfold.toml`: where things are, what plugins may see and use, how runs go.
//!
//! ```toml
//! plugins_dir = ".fanfold/plugins"          # where components are loaded from and built to
//! [store]
//! dir = ".fanfold/store"                    # where runs are kept
//! [retention]                               # which runs are kept; default: all
//! max_age = "30d"                           # since their end
//! max_runs = 1000
//! [run]
//! jobs = 4                                  # steps at once; default: as many as there are processors
//! retry = { max_retries = 2, delay = "1s", backoff = 2, jitter = 0.1 }
//! concurrency = [{ tag = "database", max = 2 }, { tag = "region", value = "eu", max = 1 }, { solid = "upload", max = 4 }]
//! [limits]                                  # of every step, and of loading every plugin
//! memory = "64 MiB"
//! stack = "512 KiB"                         # here alone: all steps run on one kind of engine
//! compile_time = "2m"
//! [[hooks]]
//! on = "failure"                            # or "success"
//! solid = "alerts:notify"                   # called with the facts about the step as its input `step`
//! config = { channel = "data" }
//! solids = ["process_file"]                 # default: the steps of all solids
//! [io_managers.lake]                        # outputs choose it by `io_manager_key`
//! url = "s3://bucket/runs"                  # or gs://, az://; or path = "data/runs"
//! options = { region = "eu-central-1", secret_access_key = { env = "LAKE_SECRET" } }
//! [plugins.files]
//! source = "plugins/files"                  # built by `fanfold build`; or path = "files.wasm"
//! fs = [{ host = "data", guest = "/data", mode = "ro" }]
//! digest = "d74981efa70a0c88..."            # grants are for this build alone: BLAKE3, as `fanfold plugins inspect` tells
//! limits = { wall = "30s", keys = 100_000 }
//! [plugins.files.solids.process_file]
//! fs = []                                   # instead of the plugin's; so with each kind of grant
//! scratch = { guest = "/tmp", size = "64 MiB" }   # a directory of each step's own
//! net = [{ host = "api.example.com", port = 443, methods = ["GET"] }]   # `private = true`: at private addresses too
//! env = { LANG = "en" }                     # these values and no others
//! clock = "real"                            # instead of a virtual clock
//! random = "real"                           # instead of seeded randomness
//! limits = { memory = "256 MiB" }           # each key by itself: solid, else plugin, else project, else default
//! ```
//!
//! Invariants:
//! - Paths in [`Settings`] are absolute; those in the file start at its directory.
//! - What is not granted is denied: a list that is missing or empty grants nothing.
//! - Settings are as a whole right: any problem refuses the file, and all problems are told.
//! - No limit is above a [`Ceiling`] that they were [put under](Settings::put_under).
//!
//! Deliberately absent: the environment, the user's home, and a second file that is merged in. What is asked of the
//! host on the command line is its own matter. Whether granted directories exist is checked when a run starts.

mod ceiling;
mod duration;
mod field;
mod grants;
mod limits;
mod read;
mod size;

use std::collections::BTreeMap;
use std::iter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fanfold_graph::definition::RetryPolicy;
use fanfold_graph::name::{Identifier, PluginName, SolidName, SolidRef};
use fanfold_graph::slots::ConcurrencyLimit;
use serde_json::Value as Json;

pub use ceiling::Ceiling;
pub use limits::limit_names;

use crate::diagnostic::Diagnostic;
use crate::io_manager::IoManagerSettings;
use crate::orchestrator::HookEvent;
use crate::sandbox::{EngineOptions, GrantList, Limits, LoadLimits};
use crate::source_text::SourceText;
use grants::GrantChanges;
use limits::{AllLimits, LimitChanges};

/// The name of the settings' file. A directory that has one is a project.
pub const FILE_NAME: &str = "fanfold.toml";

/// What a project's file says, with defaults for what it does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The project's directory.
    pub dir: PathBuf,
    /// Where plugins are loaded from and built to.
    pub plugins_dir: PathBuf,
    /// Where runs are kept.
    pub store_dir: PathBuf,
    /// Which runs are kept.
    pub retention: Retention,
    /// Steps that run at once; none leaves it to the machine.
    pub jobs: Option<NonZeroUsize>,
    /// The retry policy of steps for which neither the pipeline nor the solid has one.
    pub retry_policy: Option<RetryPolicy>,
    /// How many steps of some solids may run at once.
    pub concurrency: Vec<ConcurrencyLimit>,
    /// What is called when steps have ended.
    pub hooks: Vec<HookSettings>,
    /// Where outputs keep their values, by the keys that they choose.
    pub io_managers: BTreeMap<String, IoManagerSettings>,
    /// The plugins that it speaks of.
    pub plugins: BTreeMap<PluginName, PluginSettings>,
    limits: LimitChanges,
    ceiling: LimitChanges,
}

/// Which runs are kept: those within every bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Those that ended no longer ago.
    pub max_age: Option<Duration>,
    /// So many, the newest.
    pub max_runs: Option<u32>,
}

/// A solid that is called when steps have ended.
#[derive(Debug, Clone, PartialEq)]
pub struct HookSettings {
    /// Which end it waits for.
    pub on: HookEvent,
    /// The solid.
    pub solid: SolidRef,
    /// Its configuration.
    pub config: Option<Json>,
    /// Whose steps it is about, by their names in the pipeline; none: all.
    pub solids: Option<Vec<SolidName>>,
}

/// What the settings say of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginSettings {
    /// Where its code comes from.
    pub code: PluginCode,
    /// The one build of it that its grants are for; none grants to any.
    digest: Option<[u8; 32]>,
    limits: LimitChanges,
    grants: GrantChanges,
    solids: BTreeMap<Identifier, SolidSettings>,
}

/// Where a plugin's code comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginCode {
    /// Nobody says: it is in the plugins directory, or not.
    InPluginsDir,
    /// Built from the crate in this directory.
    Source(PathBuf),
    /// This component, built elsewhere.
    File(PathBuf),
}

/// What the settings say of one solid of a plugin.
#[derive(Debug, Clone, PartialEq)]
struct SolidSettings {
    limits: LimitChanges,
    grants: GrantChanges,
}

impl Settings {
    /// The settings for work in `start`: those of the nearest [`FILE_NAME`] there or above, on the same file system;
    /// without any, the defaults in `start`.
    pub fn find(start: &Path) -> Result<Self, Vec<Diagnostic>> {
        match find_file(start) {
            Some(file) => Self::load(&file),
            None => Ok(Self::default_in(start)),
        }
    }

    /// The settings in a file. Messages call it as `file` does.
    pub fn load(file: &Path) -> Result<Self, Vec<Diagnostic>> {
        let source = SourceText::read(file).map_err(|problem| vec![problem])?;
        read::read(&source, file.parent().unwrap_or(Path::new("")))
    }

    /// The settings of a directory without a file.
    pub fn default_in(dir: &Path) -> Self {
        // An empty path means the current directory, but cannot be made absolute.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        Self {
            plugins_dir: dir.join(".fanfold/plugins"),
            store_dir: dir.join(".fanfold/store"),
            retention: Retention::default(),
            jobs: None,
            retry_policy: None,
            concurrency: Vec::new(),
            hooks: Vec::new(),
            io_managers: BTreeMap::new(),
            plugins: BTreeMap::new(),
            limits: LimitChanges::default(),
            ceiling: LimitChanges::default(),
            dir,
        }
    }

    /// Puts all limits under a ceiling. What the settings set above it is refused; what they do not set is the default
    /// or the ceiling, whichever is lower. Each of several ceilings holds.
    pub fn put_under(&mut self, ceiling: &Ceiling) -> Result<(), Vec<Diagnostic>> {
        let above: Vec<_> = self.limit_tables().flat_map(|table| table.above(&ceiling.limits)).collect();
        if !above.is_empty() {
            return Err(above);
        }
        self.ceiling.add(&ceiling.limits);
        Ok(())
    }

    /// What one step of a solid may use.
    pub fn limits(&self, plugin: &PluginName, solid: &Identifier) -> Limits {
        let plugin = self.plugins.get(plugin);
        let solid = plugin.and_then(|plugin| plugin.solids.get(solid));
        self.all_limits([plugin.map(|it| &it.limits), solid.map(|it| &it.limits)]).step
    }

    /// What loading a plugin may take.
    pub fn load_limits(&self, plugin: &PluginName) -> LoadLimits {
        self.all_limits([self.plugins.get(plugin).map(|it| &it.limits)]).load
    }

    /// What the engine has to be made for, to run so many steps at once.
    pub fn engine_options(&self, jobs: usize) -> EngineOptions {
        let concurrent_steps = u32::try_from(jobs).unwrap_or(u32::MAX);
        // Counting has its price, so it is left out where no limit is on fuel.
        let count_fuel = self.limit_tables().chain([&self.ceiling]).any(LimitChanges::has_fuel);
        EngineOptions { concurrent_steps, count_fuel, ..self.all_limits([]).engine }
    }

    /// The limits under the ceiling, as the project and then the narrower tables set them.
    fn all_limits<const N: usize>(&self, narrower: [Option<&LimitChanges>; N]) -> AllLimits {
        let mut all = AllLimits::default();
        self.ceiling.lower(&mut all);
        self.limits.apply(&mut all);
        narrower.into_iter().flatten().for_each(|table| table.apply(&mut all));
        all
    }

    /// Every table of limits in the file.
    fn limit_tables<'s>(&'s self) -> impl Iterator<Item = &'s LimitChanges> {
        let of_plugin = |plugin: &'s PluginSettings| {
            iter::once(&plugin.limits).chain(plugin.solids.values().map(|solid| &solid.limits))
        };
        iter::once(&self.limits).chain(self.plugins.values().flat_map(of_plugin))
    }

    /// What a solid may see: of each kind of grant its own, if the settings speak of it, else its plugin's.
    pub fn grants(&self, plugin: &PluginName, solid: &Identifier) -> GrantList {
        let mut grants = GrantList::default();
        let Some(plugin) = self.plugins.get(plugin) else { return grants };
        plugin.grants.apply(&mut grants);
        if let Some(solid) = plugin.solids.get(solid) {
            solid.grants.apply(&mut grants);
        }
        grants
    }

    /// The BLAKE3 digest of the one build of a plugin that its grants are for, if the settings name one.
    pub fn granted_build(&self, plugin: &PluginName) -> Option<[u8; 32]> {
        self.plugins.get(plugin)?.digest
    }
}

fn find_file(start: &Path) -> Option<PathBuf> {
    let near = start.join(FILE_NAME);
    if near.is_file() {
        return Some(near);
    }
    let start = Settings::default_in(start).dir;
    let device = device(&start)?;
    let above = start.ancestors().skip(1).take_while(|dir| self::device(dir) == Some(device));
    above.map(|dir| dir.join(FILE_NAME)).find(|file| file.is_file())
}

/// The file system that a directory is on; none if it cannot be looked at.
fn device(dir: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    dir.metadata().ok().map(|metadata| metadata.dev())
}

#[cfg(test)]
mod tests;
