//! The plugins directory: every `*.wasm` in it, loaded or refused by name. One bad file never hides another.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use fanfold_graph::name::PluginName;

use super::load_limits::LoadLimits;
use super::plugin::{Plugin, PluginLoader};
use super::refusal::Refusal;

/// What a plugins directory holds, each list sorted by name.
#[derive(Debug, Default)]
pub struct PluginDirectory {
    /// The plugins that can run.
    pub plugins: Vec<Plugin>,
    /// The files that cannot.
    pub refused: Vec<RefusedPlugin>,
}

/// A file that is no plugin that this host can run. Displays as a whole sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct RefusedPlugin {
    /// The file's name.
    pub file: String,
    /// Why.
    pub reason: Refusal,
}

impl fmt::Display for RefusedPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}` {}", self.file.escape_debug(), self.reason)
    }
}

impl std::error::Error for RefusedPlugin {}

impl PluginDirectory {
    /// Loads every `*.wasm` directly in `directory`, each under the limits of its name. An error only if the directory
    /// itself cannot be listed.
    pub fn load(
        loader: &PluginLoader,
        limits: impl Fn(&PluginName) -> LoadLimits,
        directory: &Path,
    ) -> io::Result<Self> {
        let mut found = Self::default();
        for file in wasm_files(directory)? {
            match Plugin::load(loader, &limits, &file) {
                Ok(plugin) => found.plugins.push(plugin),
                Err(reason) => {
                    let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    found.refused.push(RefusedPlugin { file, reason });
                }
            }
        }
        Ok(found)
    }
}

fn wasm_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
