//! Pipelines in their exchange form: whatever JSON says, a plan has all of its errors or none.
#![no_main]

use std::sync::Arc;

use fanfold::plan_view;
use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::plan::Plan;
use fanfold_graph::run::Run;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(pipeline) = serde_json::from_str::<Pipeline>(text) else { return };
    let printed = serde_json::to_string(&pipeline).expect("a pipeline has a JSON form");
    let again: Pipeline = serde_json::from_str(&printed).expect("it is read back");
    assert_eq!(again, pipeline);
    match Plan::new(pipeline) {
        Ok(plan) => check(plan),
        Err(errors) => {
            assert!(errors.iter().all(|error| !error.to_string().is_empty()) && !errors.is_empty())
        }
    }
});

/// A plan can be looked at, and a run of it can begin.
fn check(plan: Plan) {
    let pictures = [plan_view::text(&plan), plan_view::dot(&plan), plan_view::mermaid(&plan)];
    assert!(pictures.iter().all(|picture| !picture.is_empty()));
    let read: Pipeline = serde_json::from_str(&plan_view::json(&plan)).expect("what is shown is read back");
    assert_eq!(&read, plan.pipeline());
    let has_solids = plan.solids().len() > 0;
    let run = Run::new(Arc::new(plan));
    assert!(!has_solids || run.ready().next().is_some(), "a plan has no cycle, so something may start");
}
