//! `fanfold plugins`: what the plugins directory holds, and what a plugin offers.

mod description;
mod granted;
mod type_name;

use std::path::{Path, PathBuf};

use fanfold::diagnostic::{Diagnostic, printable};
use fanfold::sandbox::{GrantList, Inspection, Plugin, PluginDirectory, PluginLoader, Refusal, inspect};
use fanfold_graph::name::PluginName;
use serde_json::{Value as Json, json};

use super::grants::granted_by_settings;
use super::project::Project;
use super::{Exit, Failure, Outcome, sandbox, terminal};
use crate::cli::{Format, PluginsInspectArgs, PluginsLsArgs, PluginsVerb};

pub(super) fn execute(verb: &PluginsVerb) -> Outcome {
    match verb {
        PluginsVerb::Ls(args) => ls(args),
        PluginsVerb::Inspect(args) => inspect_plugin(args),
    }
}

fn ls(args: &PluginsLsArgs) -> Outcome {
    let project = Project::find()?;
    let directory = project.plugins_directory(args.plugins.plugins.as_deref());
    let loader = loader(&project)?;
    let found = PluginDirectory::load(&loader, |name| project.settings().load_limits(name), &directory)
        .map_err(|error| Failure::invalid(no_directory(&directory, &error)))?;
    terminal::print(&match args.format {
        Format::Text => list_text(&directory, &found),
        Format::Json => format!("{:#}", list_json(&directory, &found)),
    })?;
    Ok(Exit::Succeeded)
}

/// Only `describe` runs here, one plugin after the other.
fn loader(project: &Project) -> Result<PluginLoader, Failure> {
    sandbox::loader(sandbox::engine(project.settings().engine_options(1))?)
}

fn list_text(directory: &Path, found: &PluginDirectory) -> String {
    let width = found.plugins.iter().map(|plugin| plugin.name().as_str().len()).max().unwrap_or(0);
    let mut lines: Vec<String> = found.plugins.iter().map(|plugin| plugin_line(plugin, width)).collect();
    for refused in &found.refused {
        let hint = refused.reason.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        lines.push(printable(&format!("refused: {refused}{hint}")));
    }
    if lines.is_empty() {
        lines.push(format!("no plugins in `{}`", printable(&directory.display().to_string())));
    }
    lines.join("\n")
}

fn plugin_line(plugin: &Plugin, width: usize) -> String {
    let solids: Vec<&str> = plugin.solids().iter().map(|solid| solid.name.as_str()).collect();
    format!("{:width$}  {}  {}", plugin.name().as_str(), short_digest(plugin), solids.join(", "))
}

fn list_json(directory: &Path, found: &PluginDirectory) -> Json {
    let plugins = found.plugins.iter().map(|plugin| {
        let solids: Vec<&str> = plugin.solids().iter().map(|solid| solid.name.as_str()).collect();
        json!({ "name": plugin.name(), "digest": digest(plugin), "solids": solids })
    });
    let refused = found.refused.iter().map(|refused| {
        let reason = &refused.reason;
        json!({ "file": refused.file, "kind": reason.kind(), "reason": reason.to_string(), "hint": reason.hint() })
    });
    json!({
        "directory": directory.display().to_string(),
        "plugins": plugins.collect::<Json>(),
        "refused": refused.collect::<Json>(),
    })
}

fn inspect_plugin(args: &PluginsInspectArgs) -> Outcome {
    let project = Project::find()?;
    let file = match named(&args.plugin) {
        Some(name) => file_of(name, &project.plugins_directory(args.plugins.plugins.as_deref()))?,
        None => args.plugin.clone(),
    };
    let refused = |refusal: Refusal| {
        let message = format!("plugin `{}` {refusal}", file.display());
        Failure::invalid(Diagnostic::new(message).hint(refusal.hint()))
    };
    let loader = loader(&project)?;
    let limits = |name: &PluginName| project.settings().load_limits(name);
    let plugin = Plugin::load(&loader, limits, &file).map_err(refused)?;
    let wasm = std::fs::read(&file).map_err(|error| refused(Refusal::Unreadable(error.to_string())))?;
    let inspection = inspect(&wasm).map_err(refused)?;
    let grants = plugin.solids().iter().map(|solid| granted_by_settings(&project, &plugin, &solid.name));
    let grants = grants.collect::<Result<Vec<_>, _>>()?;
    terminal::print(&match args.format {
        Format::Text => description::plugin(&plugin, &file, &inspection, &grants),
        Format::Json => format!("{:#}", plugin_json(&plugin, &file, &inspection, &grants)),
    })?;
    Ok(Exit::Succeeded)
}

fn plugin_json(plugin: &Plugin, file: &Path, inspection: &Inspection, grants: &[GrantList]) -> Json {
    let granted = plugin.solids().iter().zip(grants);
    let granted = granted.map(|(solid, grants)| (solid.name.to_string(), granted::json(grants)));
    json!({
        "name": plugin.name(),
        "digest": digest(plugin),
        "file": file.display().to_string(),
        "exports": inspection.exports,
        "imports": inspection.imports,
        "wants": inspection.wants(),
        "depends_on_attempt": inspection.depends_on_attempt,
        "solids": plugin.solids(),
        "granted": granted.collect::<serde_json::Map<_, _>>(),
    })
}

/// The argument as a plugin's name; none if it can only be a file.
fn named(argument: &Path) -> Option<&str> {
    let text = argument.to_str()?;
    let is_file = text.contains('/') || argument.extension().is_some_and(|it| it == "wasm");
    (!is_file).then_some(text)
}

/// The file of a plugin in the plugins directory.
fn file_of(name: &str, directory: &Path) -> Result<PathBuf, Failure> {
    let file = directory.join(format!("{name}.wasm"));
    if file.is_file() {
        return Ok(file);
    }
    let entries =
        std::fs::read_dir(directory).map_err(|error| Failure::invalid(no_directory(directory, &error)))?;
    let mut known: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".wasm")?.to_owned()))
        .collect();
    known.sort();
    let message = format!("there is no plugin `{name}` in `{}`", directory.display());
    Err(Failure::invalid(Diagnostic::new(message).did_you_mean(name, known.iter().map(String::as_str))))
}

fn no_directory(directory: &Path, error: &std::io::Error) -> Diagnostic {
    let shown = directory.display();
    if error.kind() == std::io::ErrorKind::NotFound {
        let hint = "`fanfold build` makes it; `--plugins DIR` names another".to_owned();
        return Diagnostic::new(format!("there is no plugins directory `{shown}`")).hint(hint);
    }
    Diagnostic::caused_by(format!("cannot list the plugins directory `{shown}`"), error)
}

fn digest(plugin: &Plugin) -> String {
    blake3::Hash::from_bytes(plugin.digest()).to_string()
}

/// Enough of the digest to tell plugins apart.
fn short_digest(plugin: &Plugin) -> String {
    digest(plugin)[..12].to_owned()
}
