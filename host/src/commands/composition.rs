//! A pipeline from its file to a plan: composed, configured and checked. What `plan` shows is what `run` runs.

use std::io;

use fanfold::confined;
use fanfold::diagnostic::{Diagnostic, printable};
use fanfold::run_config::{self, RunConfig};
use fanfold::settings::Settings;
use fanfold::source_text::SourceText;
use fanfold::store::SourceFile;
use fanfold_graph::name::Identifier;
use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::plan::Plan;

use super::loaded::LoadedPlugins;
use super::terminal::tell;
use super::{Failure, sandbox};
use crate::cli::{PipelineAddress, RunConfigArgs};

/// What the command line makes a pipeline from. Its files are read once: a pipe can be read no second time, and a file may have
/// changed by then.
pub(super) struct Sources<'a> {
    address: &'a PipelineAddress,
    configured: &'a RunConfigArgs,
    pipeline: SourceText,
    run_config: Option<SourceText>,
}

impl<'a> Sources<'a> {
    /// Reads its files.
    pub(super) fn read(address: &'a PipelineAddress, configured: &'a RunConfigArgs) -> Result<Self, Failure> {
        let pipeline = SourceText::read(&address.file).map_err(Failure::invalid)?;
        let run_config = configured.config.as_deref().map(SourceText::read).transpose();
        Ok(Self { address, configured, pipeline, run_config: run_config.map_err(Failure::invalid)? })
    }

    /// Those files that can be looked at again, which a pipe cannot, as they were read.
    pub(super) fn files(&self) -> Result<Vec<SourceFile>, Failure> {
        let run_config = self.configured.config.as_deref().zip(self.run_config.as_ref());
        let read = [Some((self.address.file.as_path(), &self.pipeline)), run_config];
        let files = read.into_iter().flatten().filter(|(file, _)| file.is_file());
        let files = files.map(|(file, source)| SourceFile::new(file, source.text()));
        files.collect::<io::Result<_>>().map_err(|error| {
            Failure::system(Diagnostic::caused_by("cannot tell the working directory", &error))
        })
    }

    /// Composes the pipeline, and checks it.
    pub(super) fn compose(&self, plugins: &LoadedPlugins, settings: &Settings) -> Result<Plan, Failure> {
        let is_json = self.address.file.extension().is_some_and(|extension| extension == "json");
        let pipeline = if is_json { self.read_json(plugins)? } else { self.evaluate(plugins)? };
        let mut pipeline = run_config::apply(&self.run_config()?, &pipeline).map_err(Failure::all_invalid)?;
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

    /// What the run is configured with.
    fn run_config(&self) -> Result<RunConfig, Failure> {
        let file = self.run_config.clone().map(RunConfig::parse).transpose();
        let mut run_config = file.map_err(Failure::all_invalid)?.unwrap_or_default();
        for assignment in &self.configured.set {
            run_config.set(assignment).map_err(Failure::invalid)?;
        }
        Ok(run_config)
    }

    /// The pipeline of a Starlark file.
    fn evaluate(&self, plugins: &LoadedPlugins) -> Result<Pipeline, Failure> {
        let (name, text) = (self.pipeline.name(), self.pipeline.text().to_owned());
        let known = plugins.known_solids();
        let file = confined::evaluate_pipeline_file(&sandbox::executable()?, name, text, known)
            .map_err(Failure::invalid)?;
        for line in &file.printed {
            tell(&printable(line));
        }
        file.select(name, self.address.pipeline.as_ref().map(Identifier::as_str)).map_err(Failure::invalid)
    }

    /// A pipeline in its exchange form, as `fanfold plan --format json` prints it.
    fn read_json(&self, plugins: &LoadedPlugins) -> Result<Pipeline, Failure> {
        let pipeline: Pipeline = serde_json::from_str(self.pipeline.text()).map_err(|error| {
            let problem = format!("`{}` is no pipeline", self.pipeline.name());
            Failure::invalid(Diagnostic::caused_by(problem, &error))
        })?;
        check_definitions(&pipeline, plugins, STALE_JSON)?;
        Ok(pipeline)
    }
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
