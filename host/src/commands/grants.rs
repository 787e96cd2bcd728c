//! What the solids of a plan may see and use: settings first, then what was granted for this run alone.

use std::path::{Component, Path};
use std::time::Duration;

use fanfold::diagnostic::Diagnostic;
use fanfold::executor::{LocalExecutor, LocalSolid};
use fanfold::orchestrator::Hook;
use fanfold::sandbox::{Access, DirectoryGrant, GrantList, Grants, HostGrant, HostGrantError, Plugin};
use fanfold::store::{GrantedDirectory, GrantedHost, GrantedVariable, RunGrant};
use fanfold_graph::name::{Identifier, PluginName, SolidRef};
use fanfold_graph::pipeline::Invocation;
use fanfold_graph::plan::Plan;
use serde_json::Value as Json;

use super::loaded::LoadedPlugins;
use super::project::Project;
use super::{Failure, hooks};
use crate::cli::{DirectoryArgument, GrantArgs, HostArgument, VariableArgument};

/// What the command line grants for this run alone.
pub(super) fn for_this_run(args: &GrantArgs, plugins: &LoadedPlugins) -> Result<Vec<RunGrant>, Failure> {
    let reads = args.read.iter().map(|argument| (argument, false));
    let writes = args.write.iter().map(|argument| (argument, true));
    let grant = |(argument, is_writable): (&DirectoryArgument, bool)| {
        plugins.find(&argument.plugin).map_err(Failure::usage)?;
        granted(&argument.plugin, &argument.directory, is_writable).map(RunGrant::Directory)
    };
    let variables = args.env.iter().map(|argument| {
        plugins.find(&argument.plugin).map_err(Failure::usage)?;
        let VariableArgument { plugin, name, value } = argument.clone();
        Ok(RunGrant::Variable(GrantedVariable { plugin, variable: name, value }))
    });
    let hosts = args.net.iter().map(|HostArgument { plugin, host }| {
        plugins.find(plugin).map_err(Failure::usage)?;
        Ok(RunGrant::Host(GrantedHost { plugin: plugin.clone(), host_port: host.clone() }))
    });
    reads.chain(writes).map(grant).chain(hosts).chain(variables).collect()
}

/// Whether one grant takes the place of another: the same plugin would see both under one name.
pub(super) fn replaces(grant: &RunGrant, earlier: &RunGrant) -> bool {
    let is_same_name = match (grant, earlier) {
        (RunGrant::Directory(grant), RunGrant::Directory(earlier)) => grant.guest == earlier.guest,
        (RunGrant::Variable(grant), RunGrant::Variable(earlier)) => grant.variable == earlier.variable,
        (RunGrant::Host(grant), RunGrant::Host(earlier)) => grant.host_port == earlier.host_port,
        _ => false,
    };
    is_same_name && grant.plugin() == earlier.plugin()
}

/// The plan's solids and the run's hooks with their code, grants and limits.
pub(super) fn executor(
    project: &Project,
    plan: &Plan,
    plugins: &LoadedPlugins,
    for_this_run: &[RunGrant],
) -> Result<(LocalExecutor, Vec<Hook>), Failure> {
    let solids = plan.solids().map(|solid| {
        let Invocation { name, solid, config, timeout_ms, .. } = plan.invocation(solid);
        let timeout = timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        let used = Use { name: name.to_string(), solid, config: config.as_ref(), timeout };
        local_solid(project, plugins, used, for_this_run)
    });
    let solids = solids.collect::<Result<_, _>>()?;
    let (hooks, called) = hooks::hooks(project, plan, plugins, for_this_run)?;
    Ok((LocalExecutor::new(solids, called), hooks))
}

/// How a run uses a solid.
pub(super) struct Use<'u> {
    pub(super) name: String,
    pub(super) solid: &'u SolidRef,
    pub(super) config: Option<&'u Json>,
    pub(super) timeout: Option<Duration>,
}

/// A solid with its code, grants and limits.
pub(super) fn local_solid(
    project: &Project,
    plugins: &LoadedPlugins,
    used: Use<'_>,
    for_this_run: &[RunGrant],
) -> Result<LocalSolid, Failure> {
    let (plugin, name) = (&used.solid.plugin, &used.solid.solid);
    let code = plugins.find(plugin).map_err(Failure::invalid)?;
    let list = granted_by_settings(project, code, name)?;
    let wrong = |error: &dyn std::error::Error| {
        Failure::invalid(Diagnostic::caused_by(format!("cannot grant plugin `{plugin}` what it gets"), error))
    };
    let list = with_those_of_the_run(list, plugin, for_this_run).map_err(|error| wrong(&error))?;
    project.ceilings().check(plugin, &list)?;
    let grants = Grants::new(list).map_err(|error| wrong(&error))?;
    Ok(LocalSolid {
        name: used.name,
        plugin: code.clone(),
        solid: name.clone(),
        config: used.config.map_or_else(|| "null".to_owned(), ToString::to_string),
        grants,
        limits: project.settings().limits(plugin, name),
        timeout: used.timeout,
    })
}

/// What the settings grant a solid. Grants that are for another build of its plugin refuse this one.
pub(super) fn granted_by_settings(
    project: &Project,
    code: &Plugin,
    solid: &Identifier,
) -> Result<GrantList, Failure> {
    let list = project.settings().grants(code.name(), solid);
    match project.settings().granted_build(code.name()) {
        Some(build) if build != code.digest() && list != GrantList::default() => {
            let [wanted, found] = [build, code.digest()].map(|it| blake3::Hash::from_bytes(it).to_hex());
            let message =
                format!("the grants of plugin `{}` are for its build {wanted}, this is {found}", code.name());
            let hint = "look at what has changed, then set its `digest` in fanfold.toml".to_owned();
            Err(Failure::invalid(Diagnostic::new(message).hint(hint)))
        }
        _ => Ok(list),
    }
}

/// What is granted for this run stands before what the settings say of the same name.
fn with_those_of_the_run(
    mut list: GrantList,
    plugin: &PluginName,
    for_this_run: &[RunGrant],
) -> Result<GrantList, HostGrantError> {
    for grant in for_this_run.iter().filter(|grant| grant.plugin() == plugin) {
        match grant {
            RunGrant::Directory(GrantedDirectory { host, guest, is_writable, .. }) => {
                list.directories.retain(|earlier| earlier.guest != *guest);
                let access = if *is_writable { Access::ReadWrite } else { Access::ReadOnly };
                list.directories.push(DirectoryGrant { host: host.clone(), guest: guest.clone(), access });
            }
            RunGrant::Host(GrantedHost { host_port, .. }) => list.network.push(HostGrant::parse(host_port)?),
            RunGrant::Variable(GrantedVariable { variable, value, .. }) => {
                list.environment.insert(variable.clone(), value.clone());
            }
        }
    }
    Ok(list)
}

/// A directory under the path that the user gave: `docs` is `/docs` for a guest, which finds it as `docs` too.
fn granted(plugin: &PluginName, directory: &Path, is_writable: bool) -> Result<GrantedDirectory, Failure> {
    let refused = |problem: &str| {
        Failure::usage(Diagnostic::new(format!("cannot grant `{}`: {problem}", directory.display())))
    };
    if !directory.is_dir() {
        return Err(refused("it is no directory"));
    }
    let host = std::path::absolute(directory).map_err(|error| refused(&error.to_string()))?;
    let mut guest = String::new();
    for part in directory.components() {
        match part {
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            Component::Normal(name) => {
                let name = name.to_str();
                let name =
                    name.ok_or_else(|| refused("its name is not UTF-8, so no plugin could name it"))?;
                guest.push('/');
                guest.push_str(name);
            }
            Component::ParentDir => {
                return Err(refused(
                    "a plugin cannot see it under a path with `..`; give its path from the root",
                ));
            }
        }
    }
    let guest = if guest.is_empty() { "/".to_owned() } else { guest };
    Ok(GrantedDirectory { plugin: plugin.clone(), host, guest, is_writable })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_granted_under_the_path_that_was_given() {
        let plugin = PluginName::new("p").unwrap();
        let guest = |path: &str| granted(&plugin, Path::new(path), false).map(|grant| grant.guest).ok();
        assert_eq!(guest("src").as_deref(), Some("/src"));
        assert_eq!(guest("./src/commands/").as_deref(), Some("/src/commands"));
        assert_eq!(guest(".").as_deref(), Some("/"));
        assert_eq!(guest("/").as_deref(), Some("/"));
        assert_eq!(guest("/usr/lib").as_deref(), Some("/usr/lib"));
        assert_eq!(guest("../host"), None);
        assert_eq!(guest("nowhere"), None);
    }
}
