//! `fanfold plan`: checks a pipeline and shows its steps.

use fanfold::plan_view;

use super::loaded::LoadedPlugins;
use super::project::Project;
use super::terminal::print_bytes;
use super::{Exit, Outcome, composition, drive};
use crate::cli::{PlanArgs, PlanFormat};

pub(super) fn execute(args: &PlanArgs) -> Outcome {
    let project = Project::find()?;
    let engine = drive::engine(1, project.settings().counts_fuel())?;
    let plugins = LoadedPlugins::load(&project, &engine, args.plugins.plugins.as_deref())?;
    let plan = &composition::compose(&plugins, &args.pipeline, &args.run_config, project.settings())?;
    let shown = match args.format {
        PlanFormat::Text => plan_view::text(plan),
        PlanFormat::Dot => plan_view::dot(plan),
        PlanFormat::Mermaid => plan_view::mermaid(plan),
        PlanFormat::Json => plan_view::json(plan),
    };
    print_bytes(shown.as_bytes())?;
    Ok(Exit::Succeeded)
}
