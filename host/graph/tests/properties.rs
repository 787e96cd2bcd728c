//! What holds for every pipeline, whatever order its steps run in.

#[path = "simulation/pipelines.rs"]
mod pipelines;
mod simulation;

use std::sync::Arc;

use fanfold_graph::plan::Plan;
use fanfold_graph::run::Run;
use fanfold_graph::step::StepState;
use pipelines::{Dice, pipeline};
use proptest::collection::vec;
use proptest::prelude::*;
use simulation::{Simulation, Temper, summary};

/// Picks by a linear congruential sequence (Knuth's MMIX constants).
fn picker(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |choices| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % choices
    }
}

fn plan(bytes: &[u8]) -> Arc<Plan> {
    let pipeline = pipeline(&mut Dice::new(bytes));
    let text = serde_json::to_string(&pipeline).unwrap();
    assert_eq!(serde_json::from_str::<fanfold_graph::pipeline::Pipeline>(&text).unwrap(), pipeline);
    Arc::new(Plan::new(pipeline).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}")))
}

fn tempers() -> impl Strategy<Value = Temper> {
    let chance = || prop_oneof![Just(0), Just(10), Just(40)];
    (any::<u64>(), chance(), chance(), chance()).prop_map(|(seed, failures, retries, silences)| Temper {
        seed,
        failures,
        retries,
        silences,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The order in which steps start and their events arrive changes nothing, and nothing is left waiting.
    #[test]
    fn every_order_ends_the_same(bytes in vec(any::<u8>(), 0..120), temper in tempers(), seeds in vec(any::<u64>(), 3)) {
        let plan = plan(&bytes);
        let mut first = Simulation::new(Arc::clone(&plan), temper);
        first.finish(|_| 0);
        let expected = summary(&first.run);
        for solid in plan.solids() {
            let counts = first.run.counts(solid);
            let open = [StepState::Waiting, StepState::Ready, StepState::Running];
            prop_assert!(open.iter().all(|state| counts[*state as usize] == 0), "{expected}");
        }
        for seed in seeds {
            let mut other = Simulation::new(Arc::clone(&plan), temper);
            other.finish(picker(seed));
            prop_assert_eq!(summary(&other.run), expected.clone());
        }
    }

    /// A log cut anywhere and taken up again ends as if nothing had happened.
    #[test]
    fn every_prefix_resumes_to_the_same_end(bytes in vec(any::<u8>(), 0..120), temper in tempers(), seed in any::<u64>()) {
        let plan = plan(&bytes);
        let mut whole = Simulation::new(Arc::clone(&plan), temper);
        whole.finish(picker(seed));
        let expected = summary(&whole.run);
        let stride = 1 + whole.log.len() / 40;
        for cut in (0..=whole.log.len()).step_by(stride) {
            let mut resumed = Simulation::resume(Arc::clone(&plan), temper, &whole.log[..cut]);
            resumed.finish(picker(seed ^ cut as u64));
            prop_assert_eq!(summary(&resumed.run), expected.clone(), "cut at {}", cut);
        }
    }

    /// Replaying a log gives the same run, step for step and id for id, at every prefix.
    #[test]
    fn a_log_replays_to_the_same_run(bytes in vec(any::<u8>(), 0..120), temper in tempers(), seed in any::<u64>()) {
        let plan = plan(&bytes);
        let mut live = Simulation::new(Arc::clone(&plan), temper);
        let mut pick = picker(seed);
        let mut replayed = Run::new(plan);
        let mut done = 0;
        while live.advance(&mut pick) {
            for event in &live.log[done..] {
                let text = serde_json::to_string(event).unwrap();
                let _ = replayed.apply(&serde_json::from_str(&text).unwrap()).unwrap();
            }
            done = live.log.len();
            prop_assert_eq!(live.run.ready().collect::<Vec<_>>(), replayed.ready().collect::<Vec<_>>());
        }
        prop_assert_eq!(summary(&live.run), summary(&replayed));
    }
}
