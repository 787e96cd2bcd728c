//! Running a run again: which steps a new run of a recorded one executes, and which it takes from it.
//!
//! A retry is a run of its own over the same plan. Wherever one of its steps may start, [`Parent::choose`] says what
//! becomes of it; whatever follows (clones, skips, failures further down) is derived as in every run.
//!
//! Invariants:
//! - Steps of the two runs are the same where their step keys are; their ids may differ.
//! - What is chosen follows from the two runs' states alone, so that a retry that was interrupted goes on by the same
//!   rule.
//!
//! Deliberately absent: the values themselves. Whoever takes a step copies what it emitted.

mod edges;
mod pattern;
mod same_inputs;

use std::collections::BTreeSet;

use crate::name::{MappingKey, NameError};
use crate::run::Run;
use crate::step::{SolidId, StepId, StepState};
use edges::{Edges, Towards};
use pattern::Pattern;

/// Patterns that a selection comes to, at most. Honest ones come to one for each solid.
const MAX_PATTERNS: usize = 100_000;
/// Step keys of which the nearest to a wrong one is looked for.
const MAX_KNOWN: usize = 10_000;

/// The run that a retry takes work from.
#[derive(Debug)]
pub struct Parent {
    run: Run,
    rule: Rule,
}

/// What a retry takes from its parent.
#[derive(Debug, Clone)]
pub enum Rule {
    /// What succeeded there and reads the same here.
    FromFailure,
    /// Everything but the selected steps, as it ended there, whatever it reads here.
    Except(Selection),
}

/// What becomes of a step that may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is executed.
    Execute,
    /// It ends as this step of the parent did.
    Take(StepId),
    /// It is not executed, and the parent's did not end either.
    LeaveOut,
}

impl Parent {
    /// A run that has stopped, as its log tells it.
    pub fn new(run: Run, rule: Rule) -> Self {
        Self { run, rule }
    }

    /// The parent's state.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// What becomes of a step of the retry that may start.
    pub fn choose(&self, run: &Run, step: StepId) -> Choice {
        let key = run.step_key(step);
        let Some(twin) = self.run.find(&key) else { return Choice::Execute };
        let state = self.run.state(twin);
        match &self.rule {
            Rule::FromFailure => {
                let is_good = state == Some(StepState::Succeeded)
                    && same_inputs::read_the_same((run, step), (&self.run, twin));
                if is_good { Choice::Take(twin) } else { Choice::Execute }
            }
            Rule::Except(selection) if selection.includes(step.solid, &key.mapping_keys) => Choice::Execute,
            Rule::Except(_) => match state {
                Some(StepState::Succeeded | StepState::Failed) => Choice::Take(twin),
                _ => Choice::LeaveOut,
            },
        }
    }
}

/// Steps of a run, by patterns.
///
/// A pattern is a step key: `process_file`, `process_file[a]`, `process_row[a][7]`. `*` or `?` in place of a mapping key
/// stands for all of them, and so does a key that is left out. Around it: `+name` adds the steps that it reads, `++name`
/// those that they read too, `*name` all that it depends on; `name+`, `name++` and `name*` the other way. The clones that
/// are reached from one clone are those with its keys.
#[derive(Debug, Clone)]
pub struct Selection {
    /// By solid: a key, or all of them, for each mapping key of its steps.
    patterns: Vec<BTreeSet<Keys>>,
}

/// In each place of a step's mapping keys: one of them, or all.
type Keys = Vec<Option<MappingKey>>;

/// Some steps of one solid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Steps {
    solid: SolidId,
    keys: Keys,
}

/// Why a selection cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// The text is no pattern.
    #[error("`{}` selects no steps: it should look like `solid`, `solid[key]` or `solid[*]`, with `+` or `*` before or after it", .0.escape_debug())]
    Form(String),
    /// A part of the text is no name or key.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The pipeline has no such solid.
    #[error("the pipeline has no solid `{wanted}`")]
    UnknownSolid {
        /// What was asked for.
        wanted: String,
        /// The solids that there are.
        known: Vec<String>,
    },
    /// More keys than the solid is cloned over.
    #[error("`{pattern}` has {given} mapping keys, but steps of `{solid}` have {depth}")]
    TooManyKeys {
        /// The pattern.
        pattern: String,
        /// The solid.
        solid: String,
        /// How many keys its steps have.
        depth: usize,
        /// How many keys the pattern has.
        given: usize,
    },
    /// The run has no step with such keys.
    #[error("the run has no step `{wanted}`")]
    UnknownStep {
        /// What was asked for.
        wanted: String,
        /// Some steps of that solid.
        known: Vec<String>,
    },
    /// The pipeline crosses its dynamic outputs in so many ways that the steps cannot be told by patterns.
    #[error("`{0}` reaches too many combinations of mapping keys; leave its keys out")]
    TooWide(String),
}

impl SelectionError {
    /// A word that is not known, and those that are.
    pub fn unknown(&self) -> Option<(&str, &[String])> {
        match self {
            Self::UnknownSolid { wanted, known } | Self::UnknownStep { wanted, known } => {
                Some((wanted, known))
            }
            Self::Form(_) | Self::Name(_) | Self::TooManyKeys { .. } | Self::TooWide(_) => None,
        }
    }
}

impl Selection {
    /// The steps that any of these patterns speaks of. Each must speak of something that the run knows.
    pub fn new<'t>(run: &Run, patterns: impl IntoIterator<Item = &'t str>) -> Result<Self, SelectionError> {
        let edges = Edges::of(run.plan());
        let mut selection = Self { patterns: vec![BTreeSet::new(); run.plan().solids().len()] };
        for text in patterns {
            let pattern: Pattern = text.parse()?;
            let start = known(run, text, &pattern)?;
            for (reach, towards) in
                [(pattern.before, Towards::WhatItReads), (pattern.after, Towards::WhatReadsIt)]
            {
                let reached = edges.reached(&start, reach, towards, MAX_PATTERNS);
                let reached = reached.ok_or_else(|| SelectionError::TooWide(text.to_owned()))?;
                for Steps { solid, keys } in reached {
                    selection.patterns[solid.at()].insert(keys);
                }
            }
        }
        Ok(selection)
    }

    /// Whether a solid's step with these mapping keys is one of them, also where the run did not know it.
    pub fn includes(&self, solid: SolidId, mapping_keys: &[MappingKey]) -> bool {
        let fits = |(wanted, key): (&Option<MappingKey>, &MappingKey)| {
            wanted.as_ref().is_none_or(|wanted| wanted == key)
        };
        self.patterns[solid.at()].iter().any(|keys| keys.iter().zip(mapping_keys).all(fits))
    }
}

/// The steps that a pattern names itself, if the run has such.
fn known(run: &Run, text: &str, pattern: &Pattern) -> Result<Steps, SelectionError> {
    let plan = run.plan();
    let name = pattern.solid.as_str();
    let Some(solid) = plan.find(name) else {
        let known = plan.solids().map(|solid| plan.invocation(solid).name.to_string()).collect();
        return Err(SelectionError::UnknownSolid { wanted: name.to_owned(), known });
    };
    let (depth, given) = (plan.depth(solid), pattern.keys.len());
    if given > depth {
        let (pattern, solid) = (text.to_owned(), name.to_owned());
        return Err(SelectionError::TooManyKeys { pattern, solid, depth, given });
    }
    let mut keys = pattern.keys.clone();
    keys.resize(depth, None);
    let fits = |step: &StepId| {
        let found = run.mapping_keys(*step);
        keys.iter().zip(found).all(|(wanted, key)| wanted.as_ref().is_none_or(|wanted| wanted == key))
    };
    // Without keys all clones are meant, however many there were.
    if keys.iter().any(Option::is_some) && !run.steps(solid).any(|step| fits(&step)) {
        let known = run.steps(solid).take(MAX_KNOWN).map(|step| run.step_key(step).to_string()).collect();
        return Err(SelectionError::UnknownStep { wanted: pattern.step_text(), known });
    }
    Ok(Steps { solid, keys })
}

#[cfg(test)]
mod tests;
