//! What the solids of a plan may see and use: settings first, then what was granted for this run alone.

use std::path::{Component, Path};
use std::time::Duration;

use fanfold::diagnostic::Diagnostic;
use fanfold::executor::{LocalExecutor, LocalSolid};
use fanfold::sandbox::{Access, DirectoryGrant, Grants};
use fanfold::store::GrantedDirectory;
use fanfold_graph::name::PluginName;
use fanfold_graph::plan::Plan;
use fanfold_graph::step::SolidId;

use super::Failure;
use super::loaded::LoadedPlugins;
use super::project::Project;
use crate::cli::{DirectoryArgument, GrantArgs};

/// The directories that the command line grants for this run alone.
pub(super) fn for_this_run(
    args: &GrantArgs,
    plugins: &LoadedPlugins,
) -> Result<Vec<GrantedDirectory>, Failure> {
    let reads = args.allow_read.iter().map(|argument| (argument, false));
    let writes = args.allow_write.iter().map(|argument| (argument, true));
    let grant = |(argument, is_writable): (&DirectoryArgument, bool)| {
        plugins.find(&argument.plugin).map_err(Failure::usage)?;
        granted(&argument.plugin, &argument.directory, is_writable)
    };
    reads.chain(writes).map(grant).collect()
}

/// The plan's solids with their code, grants and limits.
pub(super) fn executor(
    project: &Project,
    plan: &Plan,
    plugins: &LoadedPlugins,
    for_this_run: &[GrantedDirectory],
) -> Result<LocalExecutor, Failure> {
    let solids = plan.solids().map(|solid| local_solid(project, plan, plugins, solid, for_this_run));
    solids.collect::<Result<_, _>>().map(LocalExecutor)
}

fn local_solid(
    project: &Project,
    plan: &Plan,
    plugins: &LoadedPlugins,
    solid: SolidId,
    for_this_run: &[GrantedDirectory],
) -> Result<LocalSolid, Failure> {
    let invocation = plan.invocation(solid);
    let (plugin, name) = (&invocation.solid.plugin, &invocation.solid.solid);
    let mut directories = project.settings().directories(plugin, name);
    for grant in for_this_run.iter().filter(|grant| grant.plugin == *plugin) {
        // What is granted for this run stands before what the settings say of the same place.
        directories.retain(|earlier| earlier.guest != grant.guest);
        let access = if grant.is_writable { Access::ReadWrite } else { Access::ReadOnly };
        directories.push(DirectoryGrant { host: grant.host.clone(), guest: grant.guest.clone(), access });
    }
    let grants = Grants::new(directories).map_err(|error| {
        Failure::invalid(Diagnostic::caused_by(format!("cannot grant plugin `{plugin}` a directory"), &error))
    })?;
    Ok(LocalSolid {
        name: invocation.name.to_string(),
        plugin: plugins.find(plugin).map_err(Failure::invalid)?.clone(),
        solid: name.clone(),
        config: invocation.config.as_ref().map_or_else(|| "null".to_owned(), ToString::to_string),
        grants,
        limits: project.settings().limits(plugin, name),
        timeout: invocation.timeout_ms.map(|ms| Duration::from_millis(ms.into())),
    })
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
