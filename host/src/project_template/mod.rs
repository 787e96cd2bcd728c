//! What `fanfold new` writes: a project that builds and runs as it is.
//!
//! The files beside this one are the project's, with `{{name}}` where its name goes. The SDK comes from this very binary:
//! see [`sdk`].

pub(crate) mod name;
pub(crate) mod sdk;

use name::ProjectName;

/// The versions that this repository's own plugins are tested with.
const PLUGINS_LOCK: &str = include_str!("../../../plugins/Cargo.lock");

/// The project's files: path and text.
pub(crate) fn files(name: &ProjectName) -> Vec<(String, String)> {
    let filled = |text: &str| text.replace("{{name}}", name.as_str());
    let plugin = format!("plugins/{name}");
    vec![
        ("fanfold.toml".to_owned(), filled(include_str!("fanfold.toml"))),
        ("pipeline.star".to_owned(), filled(include_str!("pipeline.star"))),
        ("README.md".to_owned(), filled(include_str!("README.md"))),
        (".gitignore".to_owned(), filled(include_str!("gitignore"))),
        (format!("{plugin}/Cargo.toml"), filled(include_str!("plugin/manifest.toml"))),
        (format!("{plugin}/Cargo.lock"), lock()),
        (format!("{plugin}/src/lib.rs"), filled(include_str!("plugin/lib.rs"))),
    ]
}

/// A lock file that pins what the plugin's crate shares with ours. Cargo adds the crate itself, and drops what it does
/// not need.
fn lock() -> String {
    let is_ours = |package: &&str| {
        ["files", "numbers"].iter().any(|name| package.starts_with(&format!("\nname = \"{name}\"\n")))
    };
    let packages = PLUGINS_LOCK.split("[[package]]").filter(|package| !is_ours(package));
    packages.collect::<Vec<_>>().join("[[package]]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_filled() {
        let files = files(&ProjectName::new("digest").unwrap());
        for (path, text) in &files {
            assert!(!text.contains("{{"), "{path}");
            assert!(text.ends_with('\n'), "{path}");
        }
        let text = |path: &str| &files.iter().find(|(found, _)| found == path).unwrap().1;
        assert!(text("pipeline.star").contains("load(\"plugin:digest\""));
        assert!(text("plugins/digest/Cargo.toml").contains("name = \"digest\""));
    }

    #[test]
    fn the_lock_file_pins_what_plugins_share() {
        let lock: toml::Table = lock().parse().unwrap();
        let packages = lock["package"].as_array().unwrap();
        let names: Vec<_> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
        for (name, is_there) in [("serde", true), ("fanfold-sdk", true), ("files", false), ("numbers", false)]
        {
            assert_eq!(names.contains(&name), is_there, "{name}");
        }
    }
}
