//! Selections: one pattern a line, against a run that has ended.
#![no_main]

use std::sync::LazyLock;

use fanfold_graph::run::Run;
use fanfold_graph::selection::Selection;
use fanfold_graph::step::{StepId, StepKey};
use libfuzzer_sys::fuzz_target;

static RUN: LazyLock<Run> = LazyLock::new(fanfold_fuzz::example::ended_run);

fuzz_target!(|text: &str| {
    let lines: Vec<&str> = text.lines().collect();
    let each: Vec<_> = lines.iter().map(|line| (*line, Selection::new(&RUN, [*line]))).collect();
    for (line, selection) in &each {
        check_one(line, selection.as_ref().ok());
    }
    // Several patterns select what any of them does, and are right if each of them is.
    let all = Selection::new(&RUN, lines);
    assert_eq!(all.is_ok(), each.iter().all(|(_, selection)| selection.is_ok()), "{text:?}");
    let Ok(all) = all else { return };
    for step in steps() {
        let by_any = each.iter().flat_map(|(_, it)| it).any(|selection| includes(selection, step));
        assert_eq!(includes(&all, step), by_any, "{text:?}: {}", RUN.step_key(step));
    }
});

/// The key of a step selects that step and no other; what cannot be read says so in one line.
fn check_one(line: &str, selection: Option<&Selection>) {
    let named = line.parse::<StepKey>().ok().and_then(|key| RUN.find(&key));
    if let Some(named) = named {
        let selection = selection.expect("the run has that step");
        assert!(steps().all(|step| includes(selection, step) == (step == named)), "{line:?}");
    }
}

fn steps() -> impl Iterator<Item = StepId> {
    RUN.plan().solids().flat_map(|solid| RUN.steps(solid))
}

fn includes(selection: &Selection, step: StepId) -> bool {
    selection.includes(step.solid, &RUN.step_key(step).mapping_keys)
}
