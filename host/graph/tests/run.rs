//! Runs, seen from outside.

use std::sync::Arc;

use fanfold_graph::event::Event;
use fanfold_graph::plan::Plan;
use fanfold_graph::run::{Outcome, Run};
use serde_json::json;

#[test]
fn a_run_is_canceled_until_it_is_resumed() {
    let pipeline = json!({
        "name": "main",
        "definitions": { "p:s": { "name": "s" } },
        "solids": [{ "name": "s", "solid": "p:s" }],
    });
    let mut run = Run::new(Arc::new(Plan::new(serde_json::from_value(pipeline).unwrap()).unwrap()));
    let told = |run: &Run| (run.is_canceled(), run.outcome(), run.ready().count());
    assert_eq!(told(&run), (false, None, 1));
    assert_eq!(run.apply(&Event::RunCanceled).unwrap().superseded, []);
    assert_eq!(told(&run), (true, Some(Outcome::Canceled), 0));
    assert_eq!(run.apply(&Event::RunResumed).unwrap().superseded, []);
    assert_eq!(told(&run), (false, None, 1));
}
