//! Pipelines, solids and a run from the repository's other tests.

use std::sync::Arc;

use fanfold::pipeline_file::KnownSolids;
use fanfold_graph::event::{Event, ValueRef};
use fanfold_graph::name::MappingKey;
use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::plan::Plan;
use fanfold_graph::run::Run;
use fanfold_graph::step::StepId;

/// The solids that the pipelines of `tests/cases` load.
pub fn known_solids() -> KnownSolids {
    serde_json::from_str(include_str!("known_solids.json")).expect("the file is right")
}

/// A pipeline with nested maps, groups and collects.
pub fn nested() -> Pipeline {
    serde_json::from_str(include_str!("../../tests/plans/example.json")).expect("the file is right")
}

/// The pipeline that the cases of `host/tests/configuration` configure.
pub fn configurable() -> Pipeline {
    let text = include_str!("../../host/tests/configuration/pipeline.json");
    serde_json::from_str(text).expect("the file is right")
}

/// A pipeline whose only output chooses the IO manager `lake`.
pub fn kept_elsewhere() -> Pipeline {
    let text = r#"{"name": "p", "definitions": {"x:s": {"name": "s", "outputs":
        [{"name": "result", "io_manager_key": "lake"}]}}, "solids": [{"name": "s", "solid": "x:s"}]}"#;
    serde_json::from_str(text).expect("the text is right")
}

/// A run of [`nested`] before its first event.
pub fn fresh_run() -> Run {
    Run::new(Arc::new(Plan::new(nested()).expect("the pipeline is right")))
}

/// A run of [`nested`] that has ended: every step succeeded, every dynamic output emitted the keys `a` and `b`.
pub fn ended_run() -> Run {
    let mut run = fresh_run();
    loop {
        let Some(step) = run.ready().next() else { return run };
        for event in execution(&run, step) {
            _ = run.apply(&event).expect("a ready step runs");
        }
    }
}

fn execution(run: &Run, step: StepId) -> Vec<Event> {
    let value = ValueRef { id: 0, digest: [0; 16] };
    let mut events = vec![Event::StepStarted { step }];
    for (output, definition) in (0..).zip(&run.plan().definition(step.solid).outputs) {
        let keys = if definition.is_dynamic { &[Some("a"), Some("b")][..] } else { &[None] };
        let keys = keys.iter().map(|key| key.map(|key| MappingKey::new(key).expect("a letter")));
        events.extend(keys.map(|mapping_key| Event::OutputEmitted { step, output, mapping_key, value }));
    }
    events.push(Event::StepSucceeded { step });
    events
}
