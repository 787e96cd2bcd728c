//! Priorities: which solid's steps start first, where several may.

use super::PlanError;
use crate::definition::SolidDefinition;
use crate::pipeline::Invocation;

/// The tag that holds a solid's priority: a whole number, 0 where it is missing. Higher ones start first, so that
/// priorities that grow downstream make a run go depth-first.
pub const PRIORITY_TAG: &str = "priority";

/// The priority of a solid in a pipeline: what its invocation says, else its definition.
pub(super) fn priority(invocation: &Invocation, definition: &SolidDefinition) -> Result<i32, PlanError> {
    let Some(value) = invocation.tags.get(PRIORITY_TAG).or_else(|| definition.tags.get(PRIORITY_TAG)) else {
        return Ok(0);
    };
    let wrong = |_| PlanError::Priority { solid: invocation.name.clone(), value: value.clone() };
    value.parse().map_err(wrong)
}
