//! Which steps may start first.

use std::sync::Arc;

use fanfold_graph::event::{Event, ValueRef};
use fanfold_graph::name::MappingKey;
use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::plan::{Plan, PlanError};
use fanfold_graph::run::Run;
use serde_json::json;

/// `emit` fans out to `first` and then to `second`, with these tags.
fn pipeline(first: &serde_json::Value, second: &serde_json::Value) -> Pipeline {
    let each = json!([{ "over": "emit.result" }]);
    let definition = |name: &str, inputs: &[&str], is_dynamic: bool| {
        let inputs: Vec<_> = inputs.iter().map(|name| json!({ "name": name })).collect();
        json!({ "name": name, "inputs": inputs, "outputs": [{ "name": "result", "is_dynamic": is_dynamic }] })
    };
    serde_json::from_value(json!({
        "name": "main",
        "definitions": {
            "p:emit": definition("emit", &[], true),
            "p:echo": definition("echo", &["x"], false),
        },
        "solids": [
            { "name": "emit", "solid": "p:emit" },
            { "name": "first", "solid": "p:echo", "scope": each, "tags": first, "inputs": { "x": { "item": 0 } } },
            { "name": "second", "solid": "p:echo", "scope": each, "tags": second,
              "inputs": { "x": { "output": { "of": "first.result", "at": [0] } } } },
        ],
    }))
    .unwrap()
}

/// The order in which one worker starts the steps, where all that is ready is known.
fn order(pipeline: Pipeline) -> Vec<String> {
    let mut run = Run::new(Arc::new(Plan::new(pipeline).unwrap()));
    let mut order = Vec::new();
    loop {
        let Some(step) = run.ready().next() else { break };
        order.push(run.step_key(step).to_string());
        let keys: &[Option<&str>] = if order.len() == 1 { &[Some("a"), Some("b")] } else { &[None] };
        let emitted = keys.iter().enumerate().map(|(id, key)| Event::OutputEmitted {
            step,
            output: 0,
            mapping_key: key.map(|key| MappingKey::new(key).unwrap()),
            value: ValueRef { id: id as u64, digest: [id as u8; 16] },
        });
        let events = [Event::StepStarted { step }].into_iter().chain(emitted);
        for event in events.chain([Event::StepSucceeded { step }]) {
            assert_eq!(run.apply(&event).unwrap().superseded, []);
        }
    }
    order
}

#[test]
fn without_priorities_a_run_goes_breadth_first() {
    let order = order(pipeline(&json!({}), &json!({})));
    assert_eq!(order, ["emit", "first[a]", "first[b]", "second[a]", "second[b]"]);
}

#[test]
fn priorities_that_grow_downstream_make_it_go_depth_first() {
    let order = order(pipeline(&json!({ "priority": "-1" }), &json!({ "priority": "3" })));
    assert_eq!(order, ["emit", "first[a]", "second[a]", "first[b]", "second[b]"]);
}

#[test]
fn a_priority_that_is_no_number_is_named() {
    for wrong in ["", "high", "1.5", "99999999999"] {
        let errors = Plan::new(pipeline(&json!({}), &json!({ "priority": wrong }))).unwrap_err();
        assert!(matches!(&errors[..], [PlanError::Priority { value, .. }] if value == wrong), "{errors:?}");
        assert!(errors[0].to_string().contains("`second`"), "{}", errors[0]);
    }
}
