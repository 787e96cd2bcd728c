//! What `load("plugin:NAME", ...)` finds.

use std::collections::BTreeMap;
use std::sync::Arc;

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::PluginName;
use starlark::environment::{FrozenModule, Module};
use starlark::eval::FileLoader;

use super::misuse::Misuse;
use super::session::{Session, SolidUse};
use super::solid::Solid;
use crate::diagnostic::did_you_mean;

/// Loads plugins.
pub(super) struct Loader<'s>(pub(super) &'s Session);

impl FileLoader for Loader<'_> {
    fn load(&self, path: &str) -> starlark::Result<FrozenModule> {
        let (plugin, solids) = self.plugin(path)?;
        Module::with_temp_heap(|module| {
            for definition in solids {
                let name = definition.name.to_string();
                let solid = SolidUse {
                    plugin: plugin.clone(),
                    definition: Arc::new(definition.clone()),
                    alias: None,
                    config: None,
                    tags: BTreeMap::new(),
                    retry_policy: None,
                    timeout_ms: None,
                    after: Vec::new(),
                };
                let place = self.0.add_solid(solid)?;
                let value = module.heap().alloc(Solid { place, name: name.clone() });
                module.set(&name, value);
            }
            module.freeze().map_err(|error| Misuse::new(format!("{error:?}")).into())
        })
    }
}

impl<'s> Loader<'s> {
    /// The plugin that a path names, with its solids.
    pub(super) fn plugin(&self, path: &str) -> Result<(&'s PluginName, &'s [SolidDefinition]), Misuse> {
        let known = &self.0.known;
        let Some(name) = path.strip_prefix("plugin:") else {
            return Err(Misuse::new(format!("cannot load `{}`", path.escape_debug()))
                .hint("pipeline files load plugins: `load(\"plugin:NAME\", \"solid\")`"));
        };
        if let Some((name, solids)) = known.plugins.iter().find(|(plugin, _)| plugin.as_str() == name) {
            return Ok((name, solids));
        }
        if let Some(reason) = known.refused.get(name) {
            return Err(Misuse::new(reason.clone()));
        }
        let names: Vec<&str> = known.plugins.keys().map(PluginName::as_str).collect();
        let misuse = Misuse::new(format!("there is no plugin `{}`", name.escape_debug()));
        let hint = did_you_mean(name, &names);
        Err(misuse.hint(hint.unwrap_or_else(|| "build plugins with `fanfold build`".to_owned())))
    }

    /// Checks that a plugin has a solid.
    pub(super) fn check_solid(&self, path: &str, solid: &str) -> Result<(), Misuse> {
        let (plugin, solids) = self.plugin(path)?;
        let names: Vec<&str> = solids.iter().map(|it| it.name.as_str()).collect();
        if names.contains(&solid) {
            return Ok(());
        }
        let misuse = Misuse::new(format!("plugin `{plugin}` has no solid `{}`", solid.escape_debug()));
        Err(did_you_mean(solid, &names).into_iter().fold(misuse, Misuse::hint))
    }
}
