//! The plugins directory, loaded for a plan or a run.

use std::path::Path;

use fanfold::diagnostic::{Diagnostic, printable};
use fanfold::pipeline_file::KnownSolids;
use fanfold::sandbox::{Engine, Plugin, PluginDirectory, RefusedPlugin};
use fanfold::store::PluginDigests;
use fanfold_graph::name::PluginName;
use fanfold_graph::plan::Plan;

use super::project::Project;
use super::terminal::tell;
use super::{Failure, sandbox};

/// The plugins that can run, and those that cannot.
pub(super) struct LoadedPlugins(pub(super) PluginDirectory);

impl LoadedPlugins {
    /// Loads the plugins directory that the command line means.
    pub(super) fn load(project: &Project, engine: &Engine, given: Option<&Path>) -> Result<Self, Failure> {
        let directory = project.plugins_directory(given);
        let loading = sandbox::loader(engine.clone())?;
        let limits = |name: &PluginName| project.settings().load_limits(name);
        let found = PluginDirectory::load(&loading, limits, &directory).map_err(|error| {
            let message = format!("cannot read the plugins directory `{}`", directory.display());
            let hint = "build plugins into it: `fanfold build`".to_owned();
            Failure::invalid(Diagnostic::caused_by(message, &error).hint(hint))
        })?;
        for refused in &found.refused {
            tell(&format!("warning: {}", printable(&refused.to_string())));
        }
        Ok(Self(found))
    }

    /// The plugin of that name. One that was refused is named with its reason.
    pub(super) fn find(&self, name: &PluginName) -> Result<&Plugin, Diagnostic> {
        if let Some(plugin) = self.0.plugins.iter().find(|plugin| plugin.name() == name) {
            return Ok(plugin);
        }
        let file = format!("{name}.wasm");
        if let Some(refused) = self.0.refused.iter().find(|refused| refused.file == file) {
            return Err(Diagnostic::new(refused.to_string()).hint(refused.reason.hint()));
        }
        let known = self.0.plugins.iter().map(|plugin| plugin.name().as_str());
        Err(Diagnostic::new(format!("there is no plugin `{name}`")).did_you_mean(name.as_str(), known))
    }

    /// What pipeline files can load.
    pub(super) fn known_solids(&self) -> KnownSolids {
        let solids = |plugin: &Plugin| (plugin.name().clone(), plugin.solids().to_vec());
        let reason = |refused: &RefusedPlugin| {
            (refused.file.trim_end_matches(".wasm").to_owned(), refused.to_string())
        };
        KnownSolids {
            plugins: self.0.plugins.iter().map(solids).collect(),
            refused: self.0.refused.iter().map(reason).collect(),
        }
    }

    /// The digests of the plugins that a plan uses.
    pub(super) fn digests(&self, plan: &Plan) -> PluginDigests {
        let used = plan.pipeline().definitions.keys().map(|solid| &solid.plugin);
        let plugins = used.filter_map(|name| self.find(name).ok());
        plugins.map(|plugin| (plugin.name().clone(), digest_text(plugin))).collect()
    }

    /// The plugins that are not what they were, by their digests then.
    pub(super) fn changed_since<'d>(&self, then: &'d PluginDigests) -> Result<Vec<&'d PluginName>, Failure> {
        let mut changed = Vec::new();
        for (name, digest) in then {
            if digest_text(self.find(name).map_err(Failure::invalid)?) != *digest {
                changed.push(name);
            }
        }
        Ok(changed)
    }
}

/// A plugin's digest in hexadecimal.
fn digest_text(plugin: &Plugin) -> String {
    blake3::Hash::from_bytes(plugin.digest()).to_hex().to_string()
}
