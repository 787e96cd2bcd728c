//! Which crates are plugins, and where they are.

use std::path::{Path, PathBuf};

use fanfold::diagnostic::Diagnostic;
use fanfold::plugin_build::Manifest;
use fanfold_graph::name::PluginName;

use super::Failure;
use super::project::Project;

/// A crate that becomes a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginCrate {
    /// The plugin's name: the settings', else the crate's.
    pub(crate) name: PluginName,
    /// Where its `Cargo.toml` is.
    pub(crate) directory: PathBuf,
}

/// The crates in `directories`; without any, those of the settings, else those in `plugins`.
pub(crate) fn find(project: &Project, directories: &[PathBuf]) -> Result<Vec<PluginCrate>, Failure> {
    let sources: Vec<PluginCrate> =
        project.sources().into_iter().map(|(name, directory)| PluginCrate { name, directory }).collect();
    if directories.is_empty() && !sources.is_empty() {
        return Ok(sources);
    }
    if let Some(missing) = directories.iter().find(|directory| !directory.is_dir()) {
        let message = format!("there is no directory `{}`", missing.display());
        return Err(Failure::invalid(Diagnostic::new(message)));
    }
    let plugins = [project.join("plugins")];
    let searched = if directories.is_empty() { &plugins[..] } else { directories };
    let mut found = Vec::new();
    for directory in searched {
        let crates = crates_in(directory)?;
        if crates.is_empty() {
            return Err(Failure::invalid(no_crate(directory)));
        }
        found.extend(crates);
    }
    named_by(&sources, &mut found);
    unique(found)
}

/// The crate in a directory, or the plugin crates directly under it.
fn crates_in(directory: &Path) -> Result<Vec<PluginCrate>, Failure> {
    if let Some((plugin, _)) = crate_at(directory)? {
        return Ok(vec![plugin]);
    }
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(Vec::new()) };
    let mut children: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    children.sort();
    let mut crates = Vec::new();
    for child in children {
        crates.extend(crate_at(&child)?.filter(|(_, makes_plugin)| *makes_plugin).map(|(found, _)| found));
    }
    Ok(crates)
}

/// The crate in a directory, and whether it makes a plugin; none if there is no `Cargo.toml`, or one of a workspace alone.
fn crate_at(directory: &Path) -> Result<Option<(PluginCrate, bool)>, Failure> {
    let path = directory.join("Cargo.toml");
    if !path.is_file() {
        return Ok(None);
    }
    let manifest = Manifest::read(directory).map_err(Failure::invalid)?;
    let Some(package) = &manifest.package else { return Ok(None) };
    let name = PluginName::new(&package.name)
        .map_err(|error| Failure::invalid(Diagnostic::new(format!("{}: {error}", path.display()))))?;
    Ok(Some((PluginCrate { name, directory: directory.to_owned() }, manifest.makes_plugin())))
}

/// Gives crates that the settings know the name that they have there.
fn named_by(sources: &[PluginCrate], crates: &mut [PluginCrate]) {
    for plugin in crates {
        if let Some(source) = sources.iter().find(|source| is_same(&source.directory, &plugin.directory)) {
            plugin.name = source.name.clone();
        }
    }
}

/// The crates, each once. Two that want one name are an error.
fn unique(crates: Vec<PluginCrate>) -> Result<Vec<PluginCrate>, Failure> {
    let mut unique: Vec<PluginCrate> = Vec::new();
    for plugin in crates {
        match unique.iter().find(|other| other.name == plugin.name) {
            None => unique.push(plugin),
            Some(other) if is_same(&other.directory, &plugin.directory) => {}
            Some(other) => {
                let (other, this) = (other.directory.display(), plugin.directory.display());
                let message = format!("two plugins are named `{}`: `{other}` and `{this}`", plugin.name);
                let hint = "name them in fanfold.toml: [plugins.NAME] source = \"DIR\"".to_owned();
                return Err(Failure::invalid(Diagnostic::new(message).hint(hint)));
            }
        }
    }
    Ok(unique)
}

/// Whether two paths lead to one directory that is there.
fn is_same(left: &Path, right: &Path) -> bool {
    left.canonicalize().is_ok_and(|left| right.canonicalize().is_ok_and(|right| left == right))
}

fn no_crate(directory: &Path) -> Diagnostic {
    let message = format!("there is no plugin crate in `{}`", directory.display());
    let hint =
        "a plugin is a crate with `crate-type = [\"cdylib\"]`; `fanfold new NAME` makes a project with one";
    Diagnostic::new(message).hint(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn manifest(name: &str, crate_type: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[lib]\ncrate-type = [\"{crate_type}\"]\n")
    }

    fn names(crates: &[PluginCrate]) -> Vec<&str> {
        crates.iter().map(|plugin| plugin.name.as_str()).collect()
    }

    #[test]
    fn a_crate_or_the_plugin_crates_under_a_directory() {
        let root = tree(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"b\", \"a\"]"),
            ("b/Cargo.toml", &manifest("bee", "cdylib")),
            ("a/Cargo.toml", &manifest("a", "cdylib")),
            ("lib/Cargo.toml", &manifest("lib", "rlib")),
            ("plain/Cargo.toml", "[package]\nname = \"plain\""),
            ("empty/README", ""),
            ("deep/er/Cargo.toml", &manifest("deep", "cdylib")),
        ]);
        let found = |path: &str| crates_in(&root.path().join(path)).unwrap();
        assert_eq!(names(&found("")), ["a", "bee"]);
        assert_eq!(names(&found("b")), ["bee"]);
        assert_eq!(names(&found("plain")), ["plain"], "who names a crate means it");
        assert!(found("empty").is_empty() && found("missing").is_empty() && found("b/Cargo.toml").is_empty());
    }

    #[test]
    fn the_settings_names_win_and_names_are_unique() {
        let root =
            tree(&[("a/Cargo.toml", &manifest("x", "cdylib")), ("b/Cargo.toml", &manifest("x", "cdylib"))]);
        let mut crates = crates_in(root.path()).unwrap();
        let failure = unique(crates.clone()).unwrap_err();
        assert!(failure.diagnostics[0].message.starts_with("two plugins are named `x`"), "{failure:?}");
        let name = PluginName::new("mine").unwrap();
        named_by(&[PluginCrate { name, directory: root.path().join("b/../b") }], &mut crates);
        assert_eq!(names(&crates), ["x", "mine"]);
        let twice = [crates.clone(), crates.clone()].concat();
        assert_eq!(unique(twice).unwrap(), crates, "who is named twice is built once");
    }

    #[test]
    fn what_is_no_manifest_is_an_error() {
        for text in ["[package", "[package]\nversion = \"1\"", "[package]\nname = \"a b\""] {
            let root = tree(&[("Cargo.toml", text)]);
            assert!(crates_in(root.path()).is_err(), "{text}");
        }
    }
}
