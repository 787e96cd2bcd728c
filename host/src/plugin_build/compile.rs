//! Runs cargo by a recipe, and finds what it made.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use super::choice::{Recipe, StdSource};
use super::environment::cleaned;
use super::namesake;
use super::{BuildError, BuildRequest};

/// The stack of compiled code, in bytes. Its pages stay dirty between the host's instances, so a small one keeps a step's
/// memory small. An overflow traps.
const STACK_BYTES: u32 = 128 << 10;

/// What cargo made.
pub(super) struct Compiled {
    /// The file that holds the crate's code.
    pub(super) wasm: PathBuf,
    /// What the compiler warns of; empty if there is nothing.
    pub(super) warnings: String,
}

/// Compiles the request's crate.
pub(super) fn compile(request: &BuildRequest<'_>, recipe: &Recipe) -> Result<Compiled, BuildError> {
    namesake::claim(request, recipe.target, cargo(request, recipe))?;
    let output = build(request, recipe).output().map_err(|error| BuildError::Start {
        program: recipe.compiler.cargo.clone(),
        error: error.to_string(),
    })?;
    // Quiet, cargo says there what is wrong and nothing else.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(BuildError::Compile { stderr: said });
    }
    let manifest = request.crate_dir.join("Cargo.toml").canonicalize().unwrap_or_default();
    let messages = String::from_utf8_lossy(&output.stdout);
    let wasm = library_file(&messages, &manifest).ok_or(BuildError::NoLibrary)?;
    Ok(Compiled { wasm, warnings: said })
}

/// Cargo for the request's crate, ready for its arguments.
fn cargo(request: &BuildRequest<'_>, recipe: &Recipe) -> Command {
    let mut command = cleaned(Command::new(&recipe.compiler.cargo));
    command
        .current_dir(request.crate_dir)
        .env("RUSTC", &recipe.compiler.rustc)
        .env("CARGO_TARGET_DIR", request.target_dir)
        .env("CARGO_TERM_COLOR", if request.has_colors { "always" } else { "never" });
    command
}

fn build(request: &BuildRequest<'_>, recipe: &Recipe) -> Command {
    let triple = recipe.target.triple();
    let mut command = cargo(request, recipe);
    command
        .args(["build", "--quiet", "--release", "--lib", "--message-format=json-render-diagnostics"])
        .args(["--target", triple]);
    let variable = |name: &str| format!("CARGO_TARGET_{}_{name}", triple.to_uppercase().replace('-', "_"));
    let mut flags = format!("-C link-arg=-zstack-size={STACK_BYTES}");
    if let StdSource::Build { linker, libc } = &recipe.std {
        // The flag is an unstable one: it works with a stable compiler if that is told to allow it.
        command.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
        if let Some(linker) = linker {
            command.env(variable("LINKER"), linker);
        }
        if let Some(libc) = libc {
            _ = write!(flags, " -L native={}", libc.display());
        }
    }
    // Cargo adds them to those in a `.cargo/config.toml` of the author's.
    command.env(variable("RUSTFLAGS"), flags);
    command
}

/// The `*.wasm` among cargo's messages that the crate itself made.
fn library_file(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let mut made = messages.filter(|message| {
        message["reason"] == "compiler-artifact"
            && message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest)
    });
    made.find_map(|message| {
        let files = message["filenames"].as_array()?.iter().filter_map(Json::as_str);
        files.map(PathBuf::from).find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_own_file_is_found_among_cargos_messages() {
        let line = |manifest: &str, file: &str| {
            format!(r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","filenames":["{file}"]}}"#)
        };
        let messages =
            [line("/d/Cargo.toml", "/t/dep.wasm"), line("/p/Cargo.toml", "/t/p.wasm"), "junk".into()];
        let found = library_file(&messages.join("\n"), Path::new("/p/Cargo.toml"));
        assert_eq!(found, Some("/t/p.wasm".into()));
        assert_eq!(library_file(&messages.join("\n"), Path::new("/q/Cargo.toml")), None);
    }
}
