//! As much of a `Cargo.toml` as building a plugin needs. Cargo itself checks the rest.

use std::path::Path;

use serde::Deserialize;

use super::facts::Platform;
use crate::diagnostic::Diagnostic;
use crate::source_text::SourceText;

/// A crate's manifest, or a workspace's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// The crate; none in a manifest of a workspace alone.
    pub package: Option<Package>,
    #[serde(default)]
    lib: Library,
}

/// What a crate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
struct Library {
    name: Option<String>,
    #[serde(default, rename = "crate-type", alias = "crate_type")]
    crate_type: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    fanfold: Wishes,
}

/// `[package.metadata.fanfold]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wishes {
    #[serde(default)]
    target: Platform,
}

impl Manifest {
    /// Reads the manifest of the crate in `crate_dir`. An error tells the place in it.
    pub fn read(crate_dir: &Path) -> Result<Self, Diagnostic> {
        let path = crate_dir.join("Cargo.toml");
        if !path.exists() {
            let hint = "a plugin's source is the directory with its Cargo.toml".to_owned();
            return Err(Diagnostic::new(format!("there is no `{}`", path.display())).hint(hint));
        }
        let source = SourceText::read(&path)?;
        toml::from_str(source.text()).map_err(|error| {
            let place = source.place(&error.span().unwrap_or_default());
            Diagnostic::new(error.message()).at(place)
        })
    }

    /// True if the crate makes a library that can become a plugin.
    pub fn makes_plugin(&self) -> bool {
        self.lib.crate_type.iter().any(|it| it == "cdylib")
    }

    /// The platform that the crate asks for.
    pub(super) fn platform(&self) -> Platform {
        self.package.as_ref().map_or_else(Platform::default, |package| package.metadata.fanfold.target)
    }

    /// The library's name, which its file has; none for a workspace.
    pub(super) fn library_name(&self) -> Option<String> {
        let package = self.package.as_ref()?;
        Some(self.lib.name.clone().unwrap_or_else(|| package.name.replace('-', "_")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_crate_may_ask_for_no_system() {
        let asking =
            |wish: &str| read(&format!("[package]\nname = \"x\"\n[package.metadata.fanfold]\n{wish}"));
        assert_eq!(asking("target = \"wasm32-unknown-unknown\"").unwrap().platform(), Platform::Bare);
        assert_eq!(asking("target = \"wasm32-wasip2\"").unwrap().platform(), Platform::Wasi);
        assert_eq!(asking("").unwrap().platform(), Platform::Wasi);
        assert_eq!(read("[workspace]").unwrap().platform(), Platform::Wasi);
        for wrong in ["target = \"wasm64\"", "taget = \"wasm32-wasip2\""] {
            assert!(asking(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_points_to_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let missing = Manifest::read(directory.path()).unwrap_err();
        assert!(missing.message.starts_with("there is no `"), "{missing}");
        std::fs::write(directory.path().join("Cargo.toml"), "[package]\nname = 1\n").unwrap();
        let wrong = Manifest::read(directory.path()).unwrap_err();
        assert_eq!(wrong.place.unwrap().line, 2);
    }

    #[test]
    fn a_plugin_is_a_library_for_others_than_rust() {
        let makes_plugin =
            |lib: &str| read(&format!("[package]\nname = \"x\"\n{lib}")).unwrap().makes_plugin();
        assert!(makes_plugin("[lib]\ncrate-type = [\"cdylib\", \"rlib\"]"));
        assert!(makes_plugin("[lib]\ncrate_type = [\"cdylib\"]"));
        assert!(!makes_plugin("[lib]\ncrate-type = [\"rlib\"]"));
        assert!(!makes_plugin(""));
    }

    #[test]
    fn the_librarys_name_is_the_crates_unless_it_has_its_own() {
        let name = |text: &str| read(text).unwrap().library_name();
        assert_eq!(name("[package]\nname = \"a-b\"").as_deref(), Some("a_b"));
        assert_eq!(name("[package]\nname = \"a-b\"\n[lib]\nname = \"c\"").as_deref(), Some("c"));
        assert_eq!(name("[workspace]"), None);
    }
}
