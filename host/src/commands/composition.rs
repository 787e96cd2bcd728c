//! A pipeline from its file to a plan: composed, configured and checked. What `plan` shows is what `run` runs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fanfold::confined;
use fanfold::diagnostic::{Diagnostic, printable};
use fanfold::run_config::{self, RunConfig};
use fanfold::settings::Settings;
use fanfold::store::SourceFile;
use fanfold_graph::name::Identifier;
use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::plan::Plan;

use super::loaded::LoadedPlugins;
use super::terminal::tell;
use super::{Failure, sandbox};
use crate::cli::{PipelineAddress, RunConfigArgs};

/// A pipeline file has at most so many bytes; a pipeline in JSON may be the work of a program.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Composes the pipeline that the command line names.
pub(super) fn compose(
    plugins: &LoadedPlugins,
    address: &PipelineAddress,
    configured: &RunConfigArgs,
    settings: &Settings,
) -> Result<Plan, Failure> {
    let pipeline = if address.file.extension().is_some_and(|extension| extension == "json") {
        read_json(&address.file)
            .and_then(|pipeline| check_definitions(&pipeline, plugins, STALE_JSON).map(|()| pipeline))?
    } else {
        evaluate(address, plugins)?
    };
    let run_config = run_config(configured)?;
    let mut pipeline = run_config::apply(&run_config, &pipeline).map_err(Failure::all_invalid)?;
    for invocation in &mut pipeline.solids {
        let own = pipeline.definitions.get(&invocation.solid).and_then(|it| it.retry_policy.as_ref());
        if invocation.retry_policy.is_none() && own.is_none() {
            invocation.retry_policy.clone_from(&settings.retry_policy);
        }
    }
    Plan::new(pipeline).map_err(|errors| {
        Failure::all_invalid(errors.iter().map(|error| Diagnostic::new(error.to_string())).collect())
    })
}

/// The files that the command line makes a pipeline from, as they are now.
pub(super) fn sources(
    address: &PipelineAddress,
    configured: &RunConfigArgs,
) -> Result<Vec<SourceFile>, Failure> {
    let files = [Some(&address.file), configured.config.as_ref()];
    let source = |file: &PathBuf| SourceFile::read(file).map_err(|error| unreadable(file, &error));
    files.into_iter().flatten().map(source).collect()
}

/// What the command line says of the run's configuration.
fn run_config(args: &RunConfigArgs) -> Result<RunConfig, Failure> {
    let file = args.config.as_deref().map(RunConfig::load);
    let mut run_config = file.transpose().map_err(Failure::all_invalid)?.unwrap_or_default();
    for assignment in &args.set {
        run_config.set(assignment).map_err(Failure::invalid)?;
    }
    Ok(run_config)
}

/// The pipeline of a Starlark file.
fn evaluate(address: &PipelineAddress, plugins: &LoadedPlugins) -> Result<Pipeline, Failure> {
    let shown = address.file.display().to_string();
    let text = read(&address.file)?;
    let file =
        confined::evaluate_pipeline_file(&sandbox::executable()?, &shown, text, plugins.known_solids())
            .map_err(Failure::invalid)?;
    for line in &file.printed {
        tell(&printable(line));
    }
    file.select(&shown, address.pipeline.as_ref().map(Identifier::as_str)).map_err(Failure::invalid)
}

/// A file's text, or no more of it than is needed to see that it is too long.
fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    read.map_err(|error| unreadable(file, &error))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::invalid(Diagnostic::new(format!(
            "`{}` has more than {MAX_FILE_BYTES} bytes",
            file.display()
        ))));
    }
    Ok(text)
}

/// Why a file cannot be read; of one that is not there, with those of its kind that are.
fn unreadable(file: &Path, error: &io::Error) -> Failure {
    let shown = file.display().to_string();
    let problem = Diagnostic::caused_by(format!("cannot read `{shown}`"), error);
    if error.kind() != io::ErrorKind::NotFound {
        return Failure::invalid(problem);
    }
    let there = beside(file);
    Failure::invalid(problem.did_you_mean(&shown, there.iter().map(String::as_str)))
}

/// The files with the same extension in the directory of a file, as that one is written.
fn beside(file: &Path) -> Vec<String> {
    let directory = file.parent().unwrap_or(Path::new(""));
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = std::fs::read_dir(listed).into_iter().flatten().flatten();
    let files = entries.map(|entry| directory.join(entry.file_name()));
    let alike = files.filter(|it| it.extension() == file.extension() && it.is_file());
    let mut names: Vec<String> = alike.map(|it| it.display().to_string()).collect();
    names.sort();
    names
}

/// A pipeline in its exchange form, as `fanfold plan --format json` prints it.
fn read_json(file: &Path) -> Result<Pipeline, Failure> {
    let shown = file.display();
    serde_json::from_str(&read(file)?)
        .map_err(|error| Failure::invalid(Diagnostic::caused_by(format!("`{shown}` is no pipeline"), &error)))
}

/// What to do about a pipeline in its exchange form whose definitions have changed.
const STALE_JSON: &str = "make the pipeline's JSON anew: `fanfold plan --format json`";

/// Checks that the plugins still say of their solids what the pipeline was made from; else `hint` tells what to do.
pub(super) fn check_definitions(
    pipeline: &Pipeline,
    plugins: &LoadedPlugins,
    hint: &str,
) -> Result<(), Failure> {
    let mut changed = Vec::new();
    for (solid, definition) in &pipeline.definitions {
        let plugin = plugins.find(&solid.plugin).map_err(Failure::invalid)?;
        if plugin.solid(solid.solid.as_str()) != Some(definition) {
            changed.push(
                Diagnostic::new(format!(
                    "plugin `{}` describes its solid `{}` in another way",
                    solid.plugin, solid.solid
                ))
                .hint(hint.to_owned()),
            );
        }
    }
    if changed.is_empty() { Ok(()) } else { Err(Failure::all_invalid(changed)) }
}
