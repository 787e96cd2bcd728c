//! `fanfold plan`: checks a pipeline and shows its steps.

use fanfold::plan_view;

use super::composition::Sources;
use super::loaded::LoadedPlugins;
use super::project::Project;
use super::terminal::print_bytes;
use super::{Exit, Outcome, sandbox};
use crate::cli::{PlanArgs, PlanFormat};

pub(super) fn execute(args: &PlanArgs) -> Outcome {
    let project = Project::find()?;
    let engine = sandbox::engine(project.settings().engine_options(1))?;
    let plugins = LoadedPlugins::load(&project, &engine, args.plugins.plugins.as_deref())?;
    let plan = &Sources::read(&args.pipeline, &args.run_config)?.compose(&plugins, project.settings())?;
    let shown = match args.format {
        PlanFormat::Text => plan_view::text(plan),
        PlanFormat::Dot => plan_view::dot(plan),
        PlanFormat::Mermaid => plan_view::mermaid(plan),
        PlanFormat::Json => plan_view::json(plan),
    };
    print_bytes(shown.as_bytes())?;
    Ok(Exit::Succeeded)
}
