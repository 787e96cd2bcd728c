//! The hooks that the settings name: their solids found, and checked, before a run starts.

use std::collections::BTreeSet;

use fanfold::diagnostic::Diagnostic;
use fanfold::executor::LocalSolid;
use fanfold::orchestrator::{HOOK_INPUT, Hook};
use fanfold::sandbox::Schema;
use fanfold::settings::HookSettings;
use fanfold::store::RunGrant;
use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::plan::Plan;
use fanfold_graph::step::SolidId;
use serde_json::{Value as Json, json};

use super::Failure;
use super::grants::{Use, local_solid};
use super::loaded::LoadedPlugins;
use super::project::Project;
use super::terminal::tell;

/// The hooks of a run, and their solids in the same order.
pub(super) fn hooks(
    project: &Project,
    plan: &Plan,
    plugins: &LoadedPlugins,
    for_this_run: &[RunGrant],
) -> Result<(Vec<Hook>, Vec<LocalSolid>), Failure> {
    let mut hooks = Vec::new();
    let mut solids = Vec::new();
    for settings in &project.settings().hooks {
        let definition = find(plugins, settings).map_err(Failure::invalid)?;
        let defaults = defaults(settings, definition).map_err(Failure::invalid)?;
        let config = config(settings, definition).map_err(Failure::invalid)?;
        let name = format!("hook {}", settings.solid);
        let used = Use { name, solid: &settings.solid, config: Some(&config), timeout: None };
        solids.push(local_solid(project, plugins, used, for_this_run)?);
        let about = about(plan, settings);
        hooks.push(Hook { on: settings.on, solid: settings.solid.clone(), about, defaults });
    }
    Ok((hooks, solids))
}

fn find<'p>(plugins: &'p LoadedPlugins, settings: &HookSettings) -> Result<&'p SolidDefinition, Diagnostic> {
    let (plugin, solid) = (&settings.solid.plugin, &settings.solid.solid);
    let plugin = plugins.find(plugin)?;
    plugin.solid(solid.as_str()).ok_or_else(|| {
        let known = plugin.solids().iter().map(|it| it.name.as_str());
        let unknown = format!("hook `{}`: the plugin has no solid `{solid}`", settings.solid);
        Diagnostic::new(unknown).did_you_mean(solid.as_str(), known)
    })
}

/// What the inputs of a hook receive, besides the facts.
fn defaults(
    settings: &HookSettings,
    definition: &SolidDefinition,
) -> Result<Vec<(String, Json)>, Diagnostic> {
    let problem = |problem: String| Diagnostic::new(format!("hook `{}`: {problem}", settings.solid));
    if !definition.inputs.iter().any(|input| input.name.as_str() == HOOK_INPUT) {
        let hint = "a hook is a solid that takes the facts about a step as its input `step`";
        return Err(problem(format!("the solid has no input `{HOOK_INPUT}`")).hint(hint.to_owned()));
    }
    let others = definition.inputs.iter().filter(|input| input.name.as_str() != HOOK_INPUT);
    let default = |input: &fanfold_graph::definition::InputDefinition| {
        let default = input.default_value.clone().map(|default| (input.name.to_string(), default));
        default
            .ok_or_else(|| problem(format!("nobody gives its input `{}`, which has no default", input.name)))
    };
    others.map(default).collect()
}

/// The configuration, which fits the solid's schema.
fn config(settings: &HookSettings, definition: &SolidDefinition) -> Result<Json, Diagnostic> {
    let problem = |problem: String| Diagnostic::new(format!("hook `{}`: config: {problem}", settings.solid));
    let Some(schema) = &definition.config_schema else {
        return match settings.config {
            Some(_) => Err(problem("the solid takes none".to_owned())),
            None => Ok(Json::Null),
        };
    };
    let schema = Schema::new(schema.clone()).map_err(|error| problem(error.to_string()))?;
    let fits = |config: &Json| schema.check(config, config.to_string().len());
    match &settings.config {
        Some(config) => fits(config).map(|()| config.clone()),
        None if fits(&Json::Null).is_ok() => Ok(Json::Null),
        None => fits(&json!({})).map(|()| json!({})),
    }
    .map_err(|mismatch| problem(mismatch.to_string()))
}

/// The solids of the plan that a hook is about. A name may be meant for another pipeline of the project; one that looks
/// like a typo is worth a word.
fn about(plan: &Plan, settings: &HookSettings) -> Option<BTreeSet<SolidId>> {
    let names = settings.solids.as_ref()?;
    let mut about = BTreeSet::new();
    for name in names {
        if let Some(solid) = plan.find(name.as_str()) {
            about.insert(solid);
            continue;
        }
        let known: Vec<String> = plan.solids().map(|it| plan.invocation(it).name.to_string()).collect();
        let near = fanfold_graph::name::nearest(name.as_str(), known.iter().map(String::as_str));
        if let Some(near) = near {
            let hook = &settings.solid;
            tell(&format!(
                "warning: hook `{hook}`: the pipeline has no solid `{name}`; did you mean `{near}`?"
            ));
        }
    }
    Some(about)
}
