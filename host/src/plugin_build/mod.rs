//! Builds plugins: from a Rust crate to a component in the plugins directory.
//!
//! `choice` decides over the `facts` that `probe` has found; `install` and `compile` do as it says; `component` wraps and
//! writes the result. Only `choice` decides, and it touches nothing.
//!
//! Invariants:
//! - What lands in the plugins directory is a plugin of this contract: it has been inspected.
//! - A file there changes only if its content does, and never by halves.
//! - Whatever else is built in the same target directory, a plugin is made of its own crate.
//! - A build around this process (cargo, rustup, clippy) does not leak into the plugin's.
//!
//! Deliberately absent: other languages than Rust, and deciding what is out of date, which is cargo's.

mod choice;
mod compile;
mod component;
mod environment;
mod facts;
mod install;
mod manifest;
mod namesake;
mod probe;
mod report;

use std::path::{Path, PathBuf};

use compile::Compiled;
use fanfold_graph::name::PluginName;

pub use choice::{Choice, DEBIAN_PACKAGES, Excluded, Recipe, StdSource, choose};
pub use component::Outcome;
pub use facts::{Compiler, Facts, OLDEST_RUST, Origin, Platform, RustVersion, WasmTarget};
pub use manifest::{Manifest, Package};
pub use probe::probe;
pub use report::{ReportLine, ToolchainReport};

use crate::diagnostic::Diagnostic;
use crate::sandbox::{Refusal, inspect};

/// A crate to build.
#[derive(Debug, Clone)]
pub struct BuildRequest<'a> {
    /// The crate's directory: where its `Cargo.toml` is.
    pub crate_dir: &'a Path,
    /// The plugin's name, and its file's.
    pub name: &'a PluginName,
    /// The plugins directory that the component goes to.
    pub out_dir: &'a Path,
    /// Cargo's target directory, absolute. One for all plugins: they share a compiled standard library there.
    pub target_dir: &'a Path,
    /// What may not be installed along the way.
    pub excluded: Excluded,
    /// True if what the compiler says is for a terminal with colors.
    pub has_colors: bool,
}

/// A plugin that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The component.
    pub file: PathBuf,
    /// Whether the file had to be written.
    pub outcome: Outcome,
    /// The component's size in bytes.
    pub bytes: u64,
    /// What it was built with.
    pub recipe: Recipe,
    /// What the compiler warns of, as it printed it; empty if there is nothing.
    pub warnings: String,
}

/// What takes long and is about to happen, for people who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// rustup installs a standard library.
    RustupTarget(WasmTarget),
    /// Debian's packages are installed.
    AptInstall,
    /// The standard library is compiled along, once per target directory: about a minute.
    StandardLibrary(WasmTarget),
}

/// Why a plugin was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no crate, or its manifest cannot be read.
    #[error("{}", in_a_line(.0))]
    NoCrate(Diagnostic),
    /// Nothing here compiles Rust to WebAssembly. The text says what to install.
    #[error("no toolchain for WebAssembly")]
    NoToolchain {
        /// What to install.
        hint: String,
    },
    /// Cargo does not start.
    #[error("cannot start `{}`: {error}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What went wrong.
        error: String,
    },
    /// Cargo failed.
    #[error("the plugin does not compile\n{stderr}")]
    Compile {
        /// What cargo said.
        stderr: String,
    },
    /// The crate compiles, but to no library that can be loaded.
    #[error("the crate makes no WebAssembly library")]
    NoLibrary,
    /// What was compiled is no component and cannot become one.
    #[error("cannot make a component of the compiled code: {0}")]
    Encode(String),
    /// What was compiled is a component, but no plugin.
    #[error("what was compiled {0}")]
    NotAPlugin(Refusal),
    /// The component cannot be read or written.
    #[error("cannot write `{}`: {error}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What went wrong.
        error: String,
    },
}

impl BuildError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCrate(problem) => problem.hint.clone(),
            Self::NoToolchain { hint } => Some(hint.clone()),
            Self::NoLibrary => Some("its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`".to_owned()),
            Self::NotAPlugin(Refusal::NotAPlugin { .. }) | Self::Encode(_) => {
                Some("does the crate call `fanfold_sdk::plugin!`?".to_owned())
            }
            Self::NotAPlugin(refusal) => refusal.hint(),
            _ => None,
        }
    }
}

/// Where, what, why.
fn in_a_line(problem: &Diagnostic) -> String {
    let place = problem.place.iter().map(ToString::to_string);
    let parts = place.chain([problem.message.clone()]).chain(problem.causes.iter().cloned());
    parts.collect::<Vec<_>>().join(": ")
}

/// The platform that the crate in `crate_dir` asks for.
pub fn wanted_platform(crate_dir: &Path) -> Result<Platform, BuildError> {
    Ok(Manifest::read(crate_dir).map_err(BuildError::NoCrate)?.platform())
}

/// Builds a plugin, installing what is missing unless that is excluded. Fast when nothing changed.
pub fn build(request: &BuildRequest<'_>, mut notice: impl FnMut(Notice)) -> Result<Built, BuildError> {
    let platform = wanted_platform(request.crate_dir)?;
    let recipe = find_recipe(platform, request.excluded, &mut notice)?;
    build_by(request, recipe, notice)
}

/// Builds a plugin by a recipe that was found before: for many plugins, look once.
pub fn build_by(
    request: &BuildRequest<'_>,
    recipe: Recipe,
    mut notice: impl FnMut(Notice),
) -> Result<Built, BuildError> {
    if matches!(recipe.std, StdSource::Build { .. }) && !has_std(request.target_dir, recipe.target) {
        notice(Notice::StandardLibrary(recipe.target));
    }
    let _lock = namesake::lock(request.target_dir)?;
    let Compiled { wasm: compiled, warnings } = compile::compile(request, &recipe)?;
    let file = request.out_dir.join(format!("{}.wasm", request.name));
    let failed = |file: &Path, error: &std::io::Error| BuildError::Write {
        file: file.to_owned(),
        error: error.to_string(),
    };
    let wasm = std::fs::read(&compiled).map_err(|error| failed(&compiled, &error))?;
    let component = component::componentize(wasm).map_err(BuildError::Encode)?;
    inspect(&component).map_err(BuildError::NotAPlugin)?;
    let outcome = component::write_if_changed(&file, &component).map_err(|error| failed(&file, &error))?;
    Ok(Built { file, outcome, bytes: component.len() as u64, recipe, warnings })
}

/// Whether something was compiled for the target before, and the standard library with it.
fn has_std(target_dir: &Path, target: WasmTarget) -> bool {
    target_dir.join(target.triple()).is_dir()
}

/// Finds a way to compile for `platform`, installing what is missing unless that is excluded. rustup and apt install for
/// the whole machine: other builds on it see the change too.
pub fn find_recipe(
    platform: Platform,
    mut excluded: Excluded,
    mut notice: impl FnMut(Notice),
) -> Result<Recipe, BuildError> {
    loop {
        let facts = probe();
        match choose(&facts, platform, excluded) {
            Choice::Compile(recipe) => return Ok(recipe),
            Choice::RustupTarget { toolchain, target } => {
                notice(Notice::RustupTarget(target));
                let rustup = facts.rustup.unwrap_or_else(|| "rustup".into());
                // Whether it worked or not shows in what is there afterwards; it is tried once.
                install::rustup_target(&rustup, &toolchain, target);
                excluded.rustup = true;
            }
            Choice::AptInstall => {
                notice(Notice::AptInstall);
                install::apt();
                excluded.apt = true;
            }
            Choice::GiveUp(hint) => return Err(BuildError::NoToolchain { hint }),
        }
    }
}
