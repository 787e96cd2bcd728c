//! The groups that solids are in, as a tree: `a.b.x` is `x` in the group `b` in the group `a`.

use std::collections::BTreeMap;

use fanfold_graph::plan::Plan;
use fanfold_graph::step::SolidId;

/// A group, or the pipeline itself.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) solids: Vec<SolidId>,
    pub(super) groups: BTreeMap<String, Group>,
}

/// The tree of a plan's solids.
pub(super) fn groups(plan: &Plan) -> Group {
    let mut root = Group::default();
    for solid in plan.solids() {
        let name = plan.invocation(solid).name.as_str();
        let mut parts: Vec<_> = name.split('.').collect();
        parts.pop();
        let group =
            parts.into_iter().fold(&mut root, |group, part| group.groups.entry(part.to_owned()).or_default());
        group.solids.push(solid);
    }
    root
}
