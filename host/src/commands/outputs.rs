//! `fanfold outputs`: what a run's steps have emitted.

use std::io::Write;

use fanfold::diagnostic::Diagnostic;
use fanfold::outputs;
use fanfold::value_json;
use fanfold_graph::run::Run;
use fanfold_graph::step::{SolidId, StepId, StepKey};

use super::project::Project;
use super::terminal::print_with;
use super::{Exit, Failure, Outcome, recorded};
use crate::cli::{Format, OutputsArgs};

pub(super) fn execute(args: &OutputsArgs) -> Outcome {
    let project = Project::find()?;
    let (store, record) = recorded::find_run(&project, &args.store, &args.run)?;
    let run = recorded::replayed(&store, &record, |_, _| {})?;
    let values = store.values(&record)?;
    let wanted = args.step.as_deref().map(|text| find(&run, text)).transpose()?;
    let write_value = |out: &mut dyn Write, value| value_json::write(&values.read(value)?, out);
    let mut json = Vec::new();
    let written = match wanted {
        None => outputs::write_json(&run, None, write_value, &mut json),
        Some(Wanted::Solid(solid)) => outputs::write_json(&run, Some(solid), write_value, &mut json),
        Some(Wanted::Step(step)) => outputs::write_step_json(&run, step, write_value, &mut json),
    };
    written.map_err(|error| Failure::system(Diagnostic::caused_by("cannot read the outputs", &error)))?;
    print_with(|out| match args.format {
        Format::Json => out.write_all(&json).and_then(|()| writeln!(out)),
        Format::Text => write_pretty(out, &json),
    })?;
    Ok(Exit::Succeeded)
}

/// The part of a run that is asked for.
enum Wanted {
    Solid(SolidId),
    Step(StepId),
}

/// The solid or step that a text names.
fn find(run: &Run, text: &str) -> Result<Wanted, Failure> {
    let key: StepKey = text.parse().map_err(|error| Failure::usage(Diagnostic::new(format!("{error}"))))?;
    let solid = recorded::find_solid(run, key.solid.as_str())?;
    if key.mapping_keys.is_empty() {
        return Ok(Wanted::Solid(solid));
    }
    let found = run.steps(solid).find(|step| run.mapping_keys(*step).into_iter().eq(&key.mapping_keys));
    found.map(Wanted::Step).ok_or_else(|| {
        let known: Vec<_> =
            run.steps(solid).take(10_000).map(|step| run.step_key(step).to_string()).collect();
        let unknown = Diagnostic::new(format!("the run has no step `{key}`"));
        Failure::usage(unknown.did_you_mean(text, known.iter().map(String::as_str)))
    })
}

/// The JSON with line breaks and indentation.
fn write_pretty(out: &mut dyn Write, json: &[u8]) -> std::io::Result<()> {
    let value: serde_json::Value = serde_json::from_slice(json)?;
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)
}
