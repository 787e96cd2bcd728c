//! `fanfold logs`: what a run's steps have written, message by message, also of a run that another process drives.

use fanfold::diagnostic::{Diagnostic, printable};
use fanfold::event_json::event_json;
use fanfold::store::Fact;
use fanfold_graph::run::Run;
use fanfold_graph::step::{SolidId, StepId, StepKey};

use super::project::Project;
use super::recorded::Told;
use super::{Exit, Failure, Outcome, recorded};
use crate::cli::{Format, LogsArgs};

pub(super) fn execute(args: &LogsArgs) -> Outcome {
    let project = Project::find()?;
    let (store, record) = recorded::find_run(&project, &args.store, &args.run)?;
    let wanted = match &args.step {
        Some(text) => Some(Wanted::parse(&recorded::fresh(&record)?, text)?),
        None => None,
    };
    recorded::print_log(&store, record, args.follow, |run, entry| {
        let Fact::Logged { step, level, message, .. } = &entry.fact else { return Told::Nothing };
        if wanted.as_ref().is_some_and(|wanted| !wanted.has(run, *step)) {
            return Told::Nothing;
        }
        Told::Line(match args.format {
            Format::Json => event_json(run, entry).to_string(),
            Format::Text => format!("{}  {level}  {}", run.step_key(*step), printable(message)),
        })
    })?;
    Ok(Exit::Succeeded)
}

/// The steps that are asked for: one, or all whose keys begin alike.
struct Wanted {
    solid: SolidId,
    key: StepKey,
}

impl Wanted {
    fn parse(run: &Run, text: &str) -> Result<Self, Failure> {
        let key: StepKey =
            text.parse().map_err(|error| Failure::usage(Diagnostic::new(format!("{error}"))))?;
        Ok(Self { solid: recorded::find_solid(run, key.solid.as_str())?, key })
    }

    fn has(&self, run: &Run, step: StepId) -> bool {
        let (wanted, keys) = (&self.key.mapping_keys, run.mapping_keys(step));
        step.solid == self.solid
            && wanted.len() <= keys.len()
            && wanted.iter().zip(keys).all(|(wanted, key)| wanted == key)
    }
}
