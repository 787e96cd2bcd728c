//! Where things are: the project around the current directory.

use std::path::{Path, PathBuf};

use fanfold::io_manager::IoManagers;
use fanfold::settings::{PluginCode, Settings};
use fanfold_graph::name::PluginName;

use super::Failure;
use super::ceilings::Ceilings;

/// The settings of the current directory or the nearest above it, and what follows from them.
#[derive(Debug)]
pub(crate) struct Project {
    settings: Settings,
    ceilings: Ceilings,
}

impl Project {
    /// Looks for the project. Its limits are under the operator's ceilings from here on.
    pub(crate) fn find() -> Result<Self, Failure> {
        let mut settings = Settings::find(Path::new("")).map_err(Failure::all_invalid)?;
        let ceilings = Ceilings::find()?;
        ceilings.lower(&mut settings)?;
        Ok(Self { settings, ceilings })
    }

    /// The most that plugins may be granted.
    pub(super) fn ceilings(&self) -> &Ceilings {
        &self.ceilings
    }

    /// What plugins may see and use.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A path in the project.
    pub(crate) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.settings.dir.join(path)
    }

    /// Where plugins are loaded from and built to, unless that was given.
    pub(crate) fn plugins_directory(&self, given: Option<&Path>) -> PathBuf {
        given.unwrap_or(&self.settings.plugins_dir).to_owned()
    }

    /// Where runs are kept, unless that was given.
    pub(crate) fn store_directory(&self, given: Option<&Path>) -> PathBuf {
        given.unwrap_or(&self.settings.store_dir).to_owned()
    }

    /// Where outputs may keep their values.
    pub(crate) fn io_managers(&self) -> IoManagers {
        IoManagers::new(&self.settings.io_managers)
    }

    /// Where cargo keeps what it compiles of plugins: one for all of them, so that they share a standard library.
    pub(crate) fn target_directory(&self) -> PathBuf {
        self.join(".fanfold/target")
    }

    /// How many steps run at once, unless that was given.
    pub(crate) fn jobs(&self, given: Option<std::num::NonZeroU32>) -> usize {
        // One for each processor that this process may use.
        let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let given = given.map(|jobs| jobs.get() as usize);
        given.or(self.settings.jobs.map(std::num::NonZero::get)).unwrap_or_else(processors)
    }

    /// The plugins that the settings say are built from source, with their crates' directories.
    pub(crate) fn sources(&self) -> Vec<(PluginName, PathBuf)> {
        let source = |code: &PluginCode| {
            if let PluginCode::Source(source) = code { Some(source.clone()) } else { None }
        };
        let plugins = self.settings.plugins.iter();
        plugins.filter_map(|(name, plugin)| Some((name.clone(), source(&plugin.code)?))).collect()
    }
}
