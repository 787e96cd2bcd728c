//! Builds what has changed since it was built: the plugins that the settings say come from source.

use std::path::Path;
use std::time::SystemTime;

use fanfold::plugin_build::Excluded;

use super::build::build_all;
use super::plugin_crates::PluginCrate;
use super::project::Project;
use super::terminal::tell;
use super::{Exit, Failure, build};

/// Builds the plugins whose source is newer than what is in the plugins directory.
pub(super) fn build_changed(project: &Project) -> Result<(), Failure> {
    let out_dir = project.plugins_directory(None);
    let sources = project.sources().into_iter();
    let crates = sources.map(|(name, directory)| PluginCrate { name, directory });
    let changed: Vec<_> = crates.filter(|plugin| has_changed(plugin, &out_dir)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = changed.iter().map(|plugin| plugin.name.as_str()).collect();
    tell(&format!("building {}", names.join(", ")));
    let finished = build_all(project, &changed, &out_dir, Excluded::NOTHING, |_| Ok(()))?;
    let exit = build::exit(&finished);
    if exit != Exit::Succeeded {
        // What is wrong was told along the way.
        return Err(Failure { diagnostics: Vec::new(), exit });
    }
    for plugin in &changed {
        mark_built(plugin, &out_dir);
    }
    Ok(())
}

fn has_changed(plugin: &PluginCrate, out_dir: &Path) -> bool {
    let built = component(plugin, out_dir).metadata().and_then(|it| it.modified());
    let is_current = |built| newest(&plugin.directory).is_some_and(|newest| newest <= built);
    !built.is_ok_and(is_current)
}

/// When the newest file of a crate was changed; none if it cannot be read.
fn newest(directory: &Path) -> Option<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(directory).ok()? {
        let entry = entry.ok()?;
        let name = entry.file_name();
        if name == "target" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let found = if entry.file_type().ok()?.is_dir() {
            self::newest(&entry.path())?
        } else {
            entry.metadata().ok()?.modified().ok()?
        };
        newest = newest.max(found);
    }
    Some(newest)
}

/// A component that came out the same is as old as it was; from now on it counts as new.
fn mark_built(plugin: &PluginCrate, out_dir: &Path) {
    let file = std::fs::File::options().append(true).open(component(plugin, out_dir));
    // If that does not work, the plugin is looked at again next time.
    _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

fn component(plugin: &PluginCrate, out_dir: &Path) -> std::path::PathBuf {
    out_dir.join(format!("{}.wasm", plugin.name))
}
