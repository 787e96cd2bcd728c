//! What lanes promise, checked from the outside.

use std::collections::{BTreeMap, BTreeSet};

use fanfold_graph::run::Run;
use fanfold_graph::step::StepState;

/// Asserts that no lane has more clones at work than it may. A lane is a map in a scope; the clones of one
/// combination of the items around it share its slots.
pub(super) fn assert_kept(run: &Run) {
    let mut at_work: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for solid in run.plan().solids() {
        let scope = &run.plan().invocation(solid).scope;
        let is_at_work = |state| matches!(state, Some(StepState::Ready | StepState::Running));
        for step in run.steps(solid).filter(|step| is_at_work(run.state(*step))) {
            let keys = run.mapping_keys(step);
            for lane in scope.iter().filter_map(|it| it.lane) {
                let its = || scope.iter().enumerate().filter(|(_, it)| it.lane == Some(lane));
                let (first, last) = (its().next().unwrap().0, its().next_back().unwrap().0);
                let keys_before = |position| scope[..position].iter().filter(|it| it.join.is_none()).count();
                let around = keys[..keys_before(first)].to_vec();
                let dims: Vec<_> = scope[..=last]
                    .iter()
                    .map(|it| (it.over.to_string(), &it.at, it.join.map(|join| join.with)))
                    .collect();
                let clones = at_work.entry((lane, first, dims, around)).or_default();
                clones.insert(keys[..keys_before(last + 1)].to_vec());
            }
        }
    }
    for ((lane, ..), clones) in at_work {
        assert!(clones.len() <= lane.max_concurrent.get() as usize, "{lane:?} has {clones:?} at work");
    }
}
