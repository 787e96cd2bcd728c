//! Runs cargo by a recipe, and finds what it made.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use super::BuildError;
use super::choice::{Recipe, StdSource};
use super::environment::cleaned;
use super::facts::Platform;

/// What the crate asks for in `[package.metadata.fanfold] target`.
pub(super) fn wanted_platform(crate_dir: &Path) -> Result<Platform, BuildError> {
    let manifest = crate_dir.join("Cargo.toml");
    let unreadable =
        |error: std::io::Error| BuildError::NoCrate { manifest: manifest.clone(), error: error.to_string() };
    let text = std::fs::read_to_string(&manifest).map_err(unreadable)?;
    Ok(platform_in(&text))
}

/// Looks for the one line that matters: cargo itself checks the rest of the file.
fn platform_in(manifest: &str) -> Platform {
    let mut lines = manifest.lines().map(str::trim);
    lines.by_ref().find(|line| *line == "[package.metadata.fanfold]");
    let mut section = lines.take_while(|line| !line.starts_with('['));
    let target = section.find_map(|line| line.strip_prefix("target")?.trim().strip_prefix('='));
    match target.map(|target| target.trim().trim_matches('"')) {
        Some("wasm32-unknown-unknown") => Platform::Bare,
        _ => Platform::Wasi,
    }
}

/// Compiles the crate and returns the file that holds its code.
pub(super) fn compile(crate_dir: &Path, target_dir: &Path, recipe: &Recipe) -> Result<PathBuf, BuildError> {
    let mut command = cargo(crate_dir, target_dir, recipe);
    let output = command.output().map_err(|error| BuildError::Start {
        program: recipe.compiler.cargo.clone(),
        error: error.to_string(),
    })?;
    if !output.status.success() {
        return Err(BuildError::Compile { stderr: String::from_utf8_lossy(&output.stderr).into_owned() });
    }
    let manifest = crate_dir.join("Cargo.toml").canonicalize().unwrap_or_default();
    let messages = String::from_utf8_lossy(&output.stdout);
    library_file(&messages, &manifest).ok_or(BuildError::NoLibrary)
}

fn cargo(crate_dir: &Path, target_dir: &Path, recipe: &Recipe) -> Command {
    let triple = recipe.target.triple();
    let mut command = cleaned(Command::new(&recipe.compiler.cargo));
    command
        .current_dir(crate_dir)
        .env("RUSTC", &recipe.compiler.rustc)
        .env("CARGO_TARGET_DIR", target_dir)
        .args([
            "build",
            "--release",
            "--lib",
            "--message-format=json-render-diagnostics",
            "--target",
            triple,
        ]);
    if let StdSource::Build { linker, libc } = &recipe.std {
        // The flag is an unstable one: it works with a stable compiler if that is told to allow it.
        command.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
        let variable =
            |name: &str| format!("CARGO_TARGET_{}_{name}", triple.to_uppercase().replace('-', "_"));
        if let Some(linker) = linker {
            command.env(variable("LINKER"), linker);
        }
        if let Some(libc) = libc {
            command.env(variable("RUSTFLAGS"), format!("-L native={}", libc.display()));
        }
    }
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
    fn a_crate_may_ask_for_no_system() {
        let asking =
            "[package]\nname = \"x\"\n[package.metadata.fanfold]\ntarget = \"wasm32-unknown-unknown\"\n";
        assert_eq!(platform_in(asking), Platform::Bare);
        let other = "[package.metadata.fanfold]\n[other]\ntarget = \"wasm32-unknown-unknown\"\n";
        assert_eq!(platform_in(other), Platform::Wasi);
        assert_eq!(platform_in(""), Platform::Wasi);
    }

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
