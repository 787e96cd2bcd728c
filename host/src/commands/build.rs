//! `fanfold build`: compiles plugins, every one that it can.

use std::path::Path;
use std::time::{Duration, Instant};

use fanfold::diagnostic::Diagnostic;
use fanfold::plugin_build::{
    BuildError, BuildRequest, Built, DEBIAN_PACKAGES, Excluded, Notice, Outcome as FileOutcome, Platform,
    Recipe, build_by, find_recipe, wanted_platform,
};
use fanfold_graph::name::PluginName;
use serde_json::{Value as Json, json};

use super::plugin_crates::{self, PluginCrate};
use super::project::Project;
use super::{Exit, Failure, Outcome, terminal};
use crate::cli::{BuildArgs, Format};
use crate::project_template::sdk;

pub(super) fn execute(args: &BuildArgs) -> Outcome {
    let project = Project::find()?;
    let crates = plugin_crates::find(&project, &args.directories)?;
    let out_dir = project.plugins_directory(args.out.as_deref());
    let excluded = if args.no_install { Excluded::INSTALLING } else { Excluded::NOTHING };
    let finished = build_all(&project, &crates, &out_dir, excluded, |finished| match args.format {
        Format::Text => print_line(finished),
        Format::Json => Ok(()),
    })?;
    if args.format == Format::Json {
        let plugins: Vec<Json> = finished.iter().map(Finished::to_json).collect();
        terminal::print(&format!("{:#}", json!({ "plugins": plugins })))?;
    }
    Ok(exit(&finished))
}

/// What came of one plugin.
pub(crate) struct Finished {
    name: PluginName,
    result: Result<Built, BuildError>,
    time: Duration,
}

/// Builds plugins one after the other, whatever becomes of each. What compilers say and why a plugin was not built goes
/// to standard error along the way; `on_finish` hears of each plugin. An error only if none can be built at all.
pub(crate) fn build_all(
    project: &Project,
    crates: &[PluginCrate],
    out_dir: &Path,
    excluded: Excluded,
    mut on_finish: impl FnMut(&Finished) -> Result<(), Failure>,
) -> Result<Vec<Finished>, Failure> {
    let target_dir = project.target_directory();
    let mut recipes = Recipes { excluded, found: Vec::new() };
    let mut all = Vec::new();
    for PluginCrate { name, directory } in crates {
        sdk::refresh(directory)?;
        let started = Instant::now();
        let request = BuildRequest {
            crate_dir: directory,
            name,
            out_dir,
            target_dir: &target_dir,
            excluded,
            has_colors: terminal::has_colors(),
        };
        let result = match wanted_platform(directory) {
            Ok(platform) => build_by(&request, recipes.of(platform)?, tell_notice),
            Err(error) => Err(error),
        };
        let finished = Finished { name: name.clone(), result, time: started.elapsed() };
        finished.tell();
        on_finish(&finished)?;
        all.push(finished);
    }
    Ok(all)
}

/// What the plugins' platforms are compiled with: looked for, and installed, once.
struct Recipes {
    excluded: Excluded,
    found: Vec<(Platform, Recipe)>,
}

impl Recipes {
    fn of(&mut self, platform: Platform) -> Result<Recipe, Failure> {
        if let Some((_, recipe)) = self.found.iter().find(|(found, _)| *found == platform) {
            return Ok(recipe.clone());
        }
        let recipe = find_recipe(platform, self.excluded, tell_notice)
            .map_err(|error| Failure::system(Diagnostic::new(error.to_string()).hint(error.hint())))?;
        self.found.push((platform, recipe.clone()));
        Ok(recipe)
    }
}

fn tell_notice(notice: Notice) {
    terminal::tell(&match notice {
        Notice::RustupTarget(target) => format!("installing the standard library for {target} with rustup"),
        Notice::AptInstall => format!("installing with apt-get: {}", DEBIAN_PACKAGES.join(" ")),
        Notice::StandardLibrary(target) => {
            format!("compiling the standard library for {target}, once: about a minute")
        }
    });
}

impl Finished {
    /// Tells what the author should know: the compiler's own words as they are, since it knows best how to say them.
    fn tell(&self) {
        match &self.result {
            Ok(built) if built.warnings.is_empty() => {}
            Ok(built) => terminal::tell_as_is(&built.warnings),
            Err(error) => {
                if let BuildError::Compile { stderr } = error {
                    terminal::tell_as_is(stderr);
                }
                terminal::tell(&self.diagnostic(error).to_string());
            }
        }
    }

    fn diagnostic(&self, error: &BuildError) -> Diagnostic {
        let name = &self.name;
        match error {
            BuildError::Compile { .. } => Diagnostic::new(format!("plugin `{name}` does not compile")),
            BuildError::NoCrate(problem) => {
                Diagnostic { message: format!("plugin `{name}`: {}", problem.message), ..problem.clone() }
            }
            error => Diagnostic::new(format!("plugin `{name}`: {error}")).hint(error.hint()),
        }
    }

    fn to_json(&self) -> Json {
        let name = self.name.as_str();
        match &self.result {
            Ok(built) => {
                let status = if built.outcome == FileOutcome::Written { "built" } else { "up-to-date" };
                json!({ "name": name, "status": status, "file": built.file, "bytes": built.bytes })
            }
            Err(error) => json!({ "name": name, "status": "failed", "error": error.to_string() }),
        }
    }
}

fn print_line(finished: &Finished) -> Result<(), Failure> {
    let (name, seconds) = (&finished.name, finished.time.as_secs_f64());
    match &finished.result {
        Ok(Built { outcome: FileOutcome::Unchanged, .. }) => {
            terminal::print(&format!("{name} is up to date"))
        }
        Ok(Built { bytes, .. }) => {
            terminal::print(&format!("built {name} ({} KiB, {seconds:.1} s)", bytes.div_ceil(1024)))
        }
        Err(_) => Ok(()),
    }
}

/// A plugin that is wrong outweighs a system that is in the way.
pub(super) fn exit(finished: &[Finished]) -> Exit {
    let is_system = |error: &BuildError| matches!(error, BuildError::Start { .. } | BuildError::Write { .. });
    let errors: Vec<_> = finished.iter().filter_map(|it| it.result.as_ref().err()).collect();
    match errors.as_slice() {
        [] => Exit::Succeeded,
        errors if errors.iter().all(|error| is_system(error)) => Exit::Failed,
        _ => Exit::Invalid,
    }
}
