//! A plan as text.

use std::fmt::Write;

use fanfold_graph::pipeline::{Dimension, Expand, Source, Unmatched};
use fanfold_graph::plan::Plan;

use super::edges::words;
use crate::diagnostic::printable;

/// The solids in the order in which they may run, with what each reads.
pub fn text(plan: &Plan) -> String {
    let pipeline = plan.pipeline();
    let mut out = format!("{}", pipeline.name);
    if !pipeline.description.is_empty() {
        _ = write!(out, ": {}", printable(&pipeline.description));
    }
    out.push('\n');
    for solid in plan.solids() {
        let invocation = plan.invocation(solid);
        // Writing to a string does not fail.
        _ = writeln!(out, "\n  {}  ({})", plan.step_pattern(solid), invocation.solid);
        let scope = &invocation.scope;
        for dimension in scope {
            _ = writeln!(out, "    {}", over(dimension, scope));
        }
        for (input, source) in &invocation.inputs {
            _ = writeln!(out, "    {input} <- {}", shown(source, &invocation.scope));
        }
        for source in &invocation.after {
            _ = writeln!(out, "    after {}", shown(source, &invocation.scope));
        }
        if let Some(config) = &invocation.config {
            _ = writeln!(out, "    config {}", printable(&config.to_string()));
        }
        let tags: Vec<_> = invocation.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !tags.is_empty() {
            _ = writeln!(out, "    tags {}", printable(&tags.join(" ")));
        }
        if let Some(policy) = plan.retry_policy(solid) {
            _ = writeln!(out, "    retries {} times", policy.max_retries);
        }
        if let Some(timeout_ms) = invocation.timeout_ms {
            _ = writeln!(out, "    times out after {} s", f64::from(timeout_ms) / 1000.0);
        }
    }
    if pipeline.result != Source::Value(serde_json::Value::Null) {
        _ = writeln!(out, "\n  returns {}", shown(&pipeline.result, &[]));
    }
    out
}

/// `for each emit.result`, `with names.result of the same key as emit.result`.
fn over(dimension: &Dimension, scope: &[Dimension]) -> String {
    if let Some(join) = dimension.join {
        let first = scope.get(join.with).map_or_else(String::new, |first| format!(" as {}", first.over));
        let or_skip = if join.unmatched == Unmatched::Skip { ", if there is one" } else { "" };
        return format!("with {} of the same key{first}{or_skip}", dimension.over);
    }
    let mut over = format!("for each {}", dimension.over);
    if dimension.expand == Expand::OnSuccess {
        over.push_str(" once it is complete");
    }
    if let Some(lane) = dimension.lane {
        // Writing to a string does not fail.
        _ = write!(over, ", at most {} at once", lane.max_concurrent);
    }
    over
}

fn shown(source: &Source, scope: &[Dimension]) -> String {
    printable(&words(source, &mut scope.to_vec()))
}
