//! The Rust SDK, which this binary carries: new projects depend on it by path, since it comes from no registry.
//!
//! It is written to `.fanfold-sdk` beside the plugins' crates, and written anew whenever `fanfold build` meets one of
//! another version. So the SDK that plugins are built with is always the one that this host speaks with.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fanfold::diagnostic::Diagnostic;
use serde::Deserialize;

use crate::commands::Failure;

/// Where the SDK goes, beside the plugins' crates.
pub(crate) const DIRECTORY: &str = ".fanfold-sdk";
/// The file that tells the version: the digest of all others.
const DIGEST: &str = "DIGEST";

/// Files of this repository: path and text.
macro_rules! embedded {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../", $path)))),+]
    };
}

/// The SDK's files, but for its tests and its workspace's manifest.
const FILES: &[(&str, &str)] = embedded![
    "LICENSE",
    "wit/plugin.wit",
    "sdk/rust/Cargo.toml",
    "sdk/rust/src/blob.rs",
    "sdk/rust/src/collected.rs",
    "sdk/rust/src/context.rs",
    "sdk/rust/src/definition.rs",
    "sdk/rust/src/emitted_keys.rs",
    "sdk/rust/src/error.rs",
    "sdk/rust/src/lib.rs",
    "sdk/rust/src/mapping_key.rs",
    "sdk/rust/src/metadata.rs",
    "sdk/rust/src/output.rs",
    "sdk/rust/src/page.rs",
    "sdk/rust/src/prelude.rs",
    "sdk/rust/src/runtime/call.rs",
    "sdk/rust/src/runtime/entry.rs",
    "sdk/rust/src/runtime/mod.rs",
    "sdk/rust/src/runtime/wasm.rs",
    "sdk/rust/src/schema.rs",
    "sdk/rust/src/testing/mod.rs",
    "sdk/rust/src/testing/outcome.rs",
    "sdk/rust/src/testing/recorder.rs",
    "sdk/rust/src/testing/step.rs",
    "sdk/rust/src/value.rs",
    "sdk/rust/macros/Cargo.toml",
    "sdk/rust/macros/src/expand.rs",
    "sdk/rust/macros/src/lib.rs",
    "sdk/rust/macros/src/model.rs",
    "sdk/rust/macros/src/option.rs",
    "sdk/rust/macros/src/parameter.rs",
    "sdk/rust/macros/src/returned.rs",
    "sdk/rust/macros/src/signature.rs",
];

/// Writes the SDK for the crate in `crate_dir`, if it depends on ours and what is there is of another version.
pub(crate) fn refresh(crate_dir: &Path) -> Result<(), Failure> {
    let Some(directory) = wanted_by(crate_dir) else { return Ok(()) };
    if fs::read_to_string(directory.join(DIGEST)).is_ok_and(|found| found == digest()) {
        return Ok(());
    }
    write(&directory).map_err(|error| {
        let message = format!("cannot write the SDK to `{}`", directory.display());
        Failure::system(Diagnostic::caused_by(message, &error))
    })
}

/// Writes the SDK into `directory`. Its digest comes last: without it, all is written again.
pub(crate) fn write(directory: &Path) -> io::Result<()> {
    let digest_file = directory.join(DIGEST);
    if digest_file.exists() {
        fs::remove_file(&digest_file)?;
    }
    for (path, text) in files() {
        let path = directory.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text.as_bytes())?;
    }
    fs::write(digest_file, digest())
}

/// The SDK's directory that a crate's manifest names; none if it takes the SDK from elsewhere. A manifest that is wrong
/// is for cargo to complain about.
fn wanted_by(crate_dir: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Manifest {
        dependencies: toml::Table,
    }
    let text = fs::read_to_string(crate_dir.join("Cargo.toml")).ok()?;
    let manifest: Manifest = toml::from_str(&text).ok()?;
    let path = Path::new(manifest.dependencies.get("fanfold-sdk")?.get("path")?.as_str()?);
    path.ends_with(Path::new(DIRECTORY).join("rust")).then(|| crate_dir.join(path.parent().unwrap_or(path)))
}

/// All that is written: path in the SDK's directory, and text.
fn files() -> Vec<(String, Cow<'static, str>)> {
    let place = |path: &str| match path.strip_prefix("sdk/") {
        Some(path) => path.to_owned(),
        // In the repository a link leads there.
        None if path.starts_with("wit/") => format!("rust/{path}"),
        None => path.to_owned(),
    };
    let files = FILES.iter().map(|(path, text)| (place(path), Cow::Borrowed(*text)));
    files.chain([("Cargo.toml".to_owned(), Cow::Owned(workspace_manifest()))]).collect()
}

/// The digest of all that is written.
fn digest() -> String {
    let mut hasher = blake3::Hasher::new();
    for (path, text) in files() {
        for part in [path.as_str(), &text] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
    }
    format!("{}\n", hasher.finalize().to_hex())
}

/// The workspace that the SDK's manifests inherit from: this repository's, without its other members.
fn workspace_manifest() -> String {
    const ROOT: &str = include_str!("../../../Cargo.toml");
    let mut root: toml::Table = ROOT.parse().expect("this repository's own manifest");
    let mut manifest = root.remove("workspace").expect("it is a workspace's");
    let workspace = manifest.as_table_mut().expect("it is a table");
    workspace.insert("members".to_owned(), toml::Value::Array(vec!["rust".into(), "rust/macros".into()]));
    workspace.remove("exclude");
    let dependencies = workspace["dependencies"].as_table_mut().expect("it is a table");
    let inherits = |name: &str| {
        FILES
            .iter()
            .any(|(path, text)| path.ends_with("Cargo.toml") && text.contains(&format!("\n{name} = ")))
    };
    dependencies.retain(|name, _| inherits(name));
    for (_, dependency) in dependencies.iter_mut() {
        if let Some(path) = dependency.get_mut("path") {
            *path = path.as_str().unwrap_or_default().trim_start_matches("sdk/").into();
        }
    }
    let manifest = toml::Table::from_iter([("workspace".to_owned(), manifest)]);
    format!("# Written by fanfold, which writes it again: what is changed here is lost.\n{manifest}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn files_under(directory: &Path, found: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files_under(&path, found) } else { _ = found.insert(path) }
        }
    }

    #[test]
    fn every_file_of_the_sdk_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut found = BTreeSet::new();
        for directory in ["sdk/rust/src", "sdk/rust/macros", "wit"] {
            files_under(&root.join(directory), &mut found);
        }
        found.extend(["sdk/rust/Cargo.toml", "LICENSE"].map(|path| root.join(path)));
        let embedded: BTreeSet<_> = FILES.iter().map(|(path, _)| root.join(path)).collect();
        assert_eq!(embedded, found, "list them in FILES");
    }

    #[test]
    fn the_workspace_has_what_its_members_inherit_and_nothing_else() {
        let manifest: toml::Table = workspace_manifest().parse().unwrap();
        let workspace = &manifest["workspace"];
        assert_eq!(workspace["dependencies"]["fanfold-sdk-macros"]["path"].as_str(), Some("rust/macros"));
        assert!(workspace["dependencies"].get("wit-bindgen").is_some());
        assert!(workspace["dependencies"].get("wasmtime").is_none());
        assert!(workspace["lints"].get("clippy").is_some());
    }

    #[test]
    fn a_crate_that_wants_the_sdk_gets_this_one() {
        let root = tempfile::tempdir().unwrap();
        let crate_dir = root.path().join("mine");
        fs::create_dir(&crate_dir).unwrap();
        let manifest = |dependency: &str| {
            fs::write(crate_dir.join("Cargo.toml"), format!("[dependencies]\n{dependency}\n")).unwrap();
        };
        let directory = crate_dir.join("..").join(DIRECTORY);
        for other in
            ["fanfold-sdk = \"0.1\"", "fanfold-sdk = { path = \"../../sdk/rust\" }", "serde = \"1\"", "[[["]
        {
            manifest(other);
            refresh(&crate_dir).unwrap();
            assert!(!directory.exists(), "{other}");
        }
        manifest("fanfold-sdk = { path = \"../.fanfold-sdk/rust\" }");
        refresh(&crate_dir).unwrap();
        let source = directory.join("rust/src/lib.rs");
        let written = fs::read_to_string(&source).unwrap();

        fs::write(&source, "changed").unwrap();
        refresh(&crate_dir).unwrap();
        assert_eq!(fs::read_to_string(&source).unwrap(), "changed", "the same version is left alone");
        fs::write(directory.join(DIGEST), "another version").unwrap();
        refresh(&crate_dir).unwrap();
        assert_eq!(fs::read_to_string(&source).unwrap(), written);
    }
}
