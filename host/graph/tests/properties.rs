//! What holds for every pipeline, whatever order its steps run in. `PROPTEST_CASES` says how many are tried.

mod naive;
mod simulation;

use std::collections::BTreeSet;
use std::sync::Arc;

use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::plan::Plan;
use fanfold_graph::run::Run;
use fanfold_graph::selection::{Parent, Rule, Selection};
use fanfold_graph::step::StepState;
use proptest::collection::vec;
use proptest::prelude::*;
use simulation::Simulation;
use simulation::ending::Ending;
use simulation::pipelines::{Dice, pipeline};
use simulation::retried::Retried;
use simulation::script::Script;

/// Picks by a linear congruential sequence (Knuth's MMIX constants).
fn picker(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |choices| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % choices
    }
}

fn plan(pipeline: &Pipeline) -> Arc<Plan> {
    let plan = Plan::new(pipeline.clone());
    Arc::new(plan.unwrap_or_else(|errors| panic!("{errors:#?}\n{}", json(pipeline))))
}

fn json(pipeline: &Pipeline) -> String {
    serde_json::to_string(pipeline).unwrap()
}

fn pipelines() -> impl Strategy<Value = Pipeline> {
    vec(any::<u8>(), 0..160).prop_map(|bytes| pipeline(&mut Dice::new(&bytes)))
}

fn scripts() -> impl Strategy<Value = Script> {
    let chance = || prop_oneof![Just(0), Just(10), Just(40)];
    (any::<u64>(), chance(), chance(), chance()).prop_map(|(seed, failures, retries, silences)| Script {
        seed,
        failures,
        retries,
        silences,
    })
}

/// The first difference, if there is one, with the pipeline as JSON.
fn compare(ending: &Ending, specified: &Ending, pipeline: &Pipeline) -> Result<(), TestCaseError> {
    let keys: BTreeSet<&String> = ending.steps.keys().chain(specified.steps.keys()).collect();
    for key in keys {
        prop_assert_eq!(ending.steps.get(key), specified.steps.get(key), "{} of {}", key, json(pipeline));
    }
    prop_assert_eq!(ending, specified, "{}", json(pipeline));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the order in which steps start and their events arrive, a run comes to what its specification says.
    #[test]
    fn every_order_ends_as_specified(pipeline in pipelines(), script in scripts(), seeds in vec(any::<u64>(), 3)) {
        let plan = plan(&pipeline);
        let specified = naive::ending(&pipeline, &script);
        compare(&Simulation::new(Arc::clone(&plan), script).finish(|_| 0), &specified, &pipeline)?;
        for seed in seeds {
            let ending = Simulation::new(Arc::clone(&plan), script).finish(picker(seed));
            compare(&ending, &specified, &pipeline)?;
        }
    }

    /// A log cut anywhere and taken up again ends as if nothing had happened.
    #[test]
    fn every_prefix_resumes_to_the_same_end(pipeline in pipelines(), script in scripts(), seed in any::<u64>()) {
        let plan = plan(&pipeline);
        let specified = naive::ending(&pipeline, &script);
        let mut whole = Simulation::new(Arc::clone(&plan), script);
        whole.finish(picker(seed));
        let stride = 1 + whole.log.len() / 20;
        for cut in (0..=whole.log.len()).step_by(stride) {
            let mut resumed = Simulation::resume(Arc::clone(&plan), script, &whole.log[..cut]);
            compare(&resumed.finish(picker(seed ^ cut as u64)), &specified, &pipeline)?;
        }
    }

    /// A run that stopped anywhere is retried from failure: the retry ends as if nothing had happened, also where what
    /// failed then does so no more, and executes nothing that had succeeded with the same inputs.
    #[test]
    fn every_prefix_is_retried_to_the_same_end(pipeline in pipelines(), script in scripts(), seed in any::<u64>()) {
        let plan = plan(&pipeline);
        let repaired = Script { failures: 0, ..script };
        let endings = [script, repaired].map(|script| (script, naive::ending(&pipeline, &script)));
        let mut whole = Simulation::new(Arc::clone(&plan), script);
        whole.finish(picker(seed));
        let stride = 1 + whole.log.len() / 20;
        for cut in (0..whole.log.len()).step_by(stride).chain([whole.log.len()]) {
            let mut parent = Run::new(Arc::clone(&plan));
            for event in &whole.log[..cut] {
                let _ = parent.apply(event).unwrap();
            }
            for (now, specified) in &endings {
                let mut retried = Retried::new(Parent::new(parent.clone(), Rule::FromFailure), *now);
                let mut pick = picker(seed ^ cut as u64);
                while retried.advance(&mut pick) {}
                compare(&Ending::of(&retried.simulation.run), specified, &pipeline)?;
                // An attempt that fails may have emitted other items: then a clone runs for what is taken back later.
                let is_exact = cut == whole.log.len() && now.failures == script.failures && script.retries == 0;
                for step in retried.executed.iter().filter(|_| is_exact) {
                    prop_assert_ne!(specified.steps[step].state, StepState::Succeeded, "{} of {}", step, json(&pipeline));
                }
            }
        }
    }

    /// Whatever part of a run is selected, what is not ends as in the parent and is not executed.
    #[test]
    fn a_selection_divides_the_steps(pipeline in pipelines(), script in scripts(), seed in any::<u64>()) {
        let plan = plan(&pipeline);
        let specified = naive::ending(&pipeline, &script);
        let mut whole = Simulation::new(Arc::clone(&plan), script);
        whole.finish(picker(seed));
        let names: Vec<&str> = pipeline.solids.iter().map(|solid| solid.name.as_str()).collect();
        for chosen in [&names[..], &[], &names[..names.len() / 2]] {
            let selection = Selection::new(&whole.run, chosen.iter().copied()).unwrap();
            let mut retried = Retried::new(Parent::new(whole.run.clone(), Rule::Except(selection)), script);
            let mut pick = picker(!seed);
            while retried.advance(&mut pick) {}
            compare(&Ending::of(&retried.simulation.run), &specified, &pipeline)?;
            // Clones of keys that only a failed attempt emitted are unknown to the parent.
            for step in retried.executed.iter().filter(|step| specified.steps.contains_key(*step)) {
                let solid = step.split('[').next().unwrap_or_default();
                prop_assert!(chosen.contains(&solid), "{} of {}", step, json(&pipeline));
            }
        }
    }

    /// Replaying a log gives the same run, step for step and id for id, at every prefix.
    #[test]
    fn a_log_replays_to_the_same_run(pipeline in pipelines(), script in scripts(), seed in any::<u64>()) {
        let plan = plan(&serde_json::from_str(&json(&pipeline)).unwrap());
        let mut live = Simulation::new(Arc::clone(&plan), script);
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
        prop_assert_eq!(Ending::of(&live.run), Ending::of(&replayed));
        let steps = live.run.plan().solids().flat_map(|solid| live.run.steps(solid));
        for step in steps {
            prop_assert_eq!(live.run.find(&live.run.step_key(step)), Some(step));
        }
    }
}
