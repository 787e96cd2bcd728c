//! The orchestrator with an executor of its own: what is recorded, resumed and returned, without any plugin.

mod overtaking;
mod scripted;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use fanfold::executor::Executor;
use fanfold::orchestrator::{Assembly, Hooks, Orchestrator};
use fanfold::report::Report;
use fanfold::store::{Entry, Fact, NewRun, OpenRun, PluginDigests, RunId, Store};
use fanfold_graph::plan::Plan;
use fanfold_graph::run::{Outcome, Run};
use fanfold_graph::slots::{ConcurrencyLimit, Limited};
use fanfold_graph::step::StepState;
use overtaking::Overtaking;
use scripted::{Gathering, Script, fan_out, nested};

struct Ended {
    outcome: Outcome,
    result: String,
    replayed: Run,
}

fn drive(run: Run, store: OpenRun, script: impl Executor + 'static, jobs: usize) -> (Orchestrator, Outcome) {
    drive_limited(run, store, script, jobs, Vec::new())
}

fn drive_limited(
    run: Run,
    store: OpenRun,
    script: impl Executor + 'static,
    jobs: usize,
    concurrency: Vec<ConcurrencyLimit>,
) -> (Orchestrator, Outcome) {
    let run_id = RunId::new("r").unwrap();
    let executor = Box::new(script);
    let report = Report::silent();
    let assembly = Assembly {
        run_id,
        run,
        store,
        executor,
        report,
        jobs,
        concurrency,
        parent: None,
        hooks: Hooks::default(),
    };
    let orchestrator = Orchestrator::new(assembly);
    let outcome = orchestrator.drive().unwrap();
    (orchestrator, outcome)
}

fn result(orchestrator: &Orchestrator) -> String {
    let mut out = Vec::new();
    if let Some(tree) = orchestrator.result() {
        orchestrator.write_json(&tree, &mut out).unwrap();
    }
    String::from_utf8(out).unwrap()
}

fn replay(plan: &Arc<Plan>, log: &[Entry]) -> Run {
    let mut run = Run::new(Arc::clone(plan));
    for event in log.iter().filter_map(Entry::event) {
        _ = run.apply(&event).unwrap();
    }
    run
}

/// A new run `r`.
fn create(store: &Store, plan: &Plan) -> OpenRun {
    let plugins = &PluginDigests::new();
    let new = NewRun { pipeline: plan.pipeline(), plugins, granted: &[], sources: &[] };
    store.create(&RunId::new("r").unwrap(), &new).unwrap()
}

/// Runs a pipeline, and reads its log back from the disk.
fn ended(plan: &Arc<Plan>, script: Script, jobs: usize) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let opened = create(&store, plan);
    let (orchestrator, outcome) = drive(Run::new(Arc::clone(plan)), opened, script, jobs);
    let result = result(&orchestrator);
    let record = store.find("r").unwrap().unwrap();
    assert_eq!(record.ended.map(|(_, outcome)| outcome), Some(outcome));
    let log = store.entries(&record).unwrap();
    let replayed = replay(plan, &log);
    orchestrator.look(|run, _| {
        for solid in plan.solids() {
            assert_eq!(run.counts(solid), replayed.counts(solid));
        }
    });
    Ended { outcome, result, replayed }
}

fn count(ended: &Ended, solid: &str, state: StepState) -> u64 {
    let solid = ended.replayed.plan().find(solid).unwrap();
    ended.replayed.counts(solid)[state as usize]
}

#[test]
fn a_fan_out_is_collected_in_emission_order() {
    // Few, and more than one read of the store.
    for (jobs, clones) in [(1, 200), (2, 200), (7, 200), (1, 5000), (2, 5000), (7, 5000)] {
        let ended = ended(&fan_out(0), Script::counting(clones), jobs);
        assert_eq!(ended.outcome, Outcome::Succeeded);
        assert_eq!(ended.result, (0..clones).map(|n| n * 2).sum::<u64>().to_string());
        assert_eq!(count(&ended, "double", StepState::Succeeded), clones);
    }
}

#[test]
fn clones_start_while_their_generator_runs() {
    // The generator does not end before its first clone has.
    let script = Script { waits_for_first_clone: true, ..Script::counting(2) };
    let ended = ended(&fan_out(0), script, 2);
    assert_eq!(ended.outcome, Outcome::Succeeded);
}

#[test]
fn a_clone_that_takes_long_holds_no_other_up() {
    // It may have been claimed together with others by then.
    for late in [0, 7, 100, 399] {
        let script = Script { waits_for_others: Some(late), ..Script::counting(400) };
        let ended = ended(&fan_out(0), script, 2);
        assert_eq!(ended.outcome, Outcome::Succeeded);
        assert_eq!(count(&ended, "double", StepState::Succeeded), 400);
    }
}

#[test]
fn a_clone_that_goes_before_others_is_seen_by_a_busy_worker() {
    let directory = tempfile::tempdir().unwrap();
    let script = Overtaking::new();
    let store = create(&Store::open(directory.path()).unwrap(), script.plan());
    let (_, outcome) = drive(Run::new(Arc::clone(script.plan())), store, script.clone(), 2);
    assert_eq!(outcome, Outcome::Succeeded);
    // But for those that the worker had claimed by then.
    let before = script.others_before_urgent();
    assert!(before < overtaking::OTHERS / 2, "{before} others began first");
}

#[test]
fn what_a_step_emitted_before_it_takes_long_is_read_meanwhile() {
    // The generator ends after its clones, all of which run on the other worker.
    let script = Script { waits_for_first_clone: true, waits_for_others: Some(9), ..Script::counting(10) };
    let ended = ended(&fan_out(0), script, 2);
    assert_eq!(ended.outcome, Outcome::Succeeded);
}

#[test]
fn collects_of_collects_arrive_as_nested_lists() {
    let ended = ended(&nested(), Script::counting(3), 2);
    assert_eq!(ended.result, "[[0,2,4],[0,2,4],[0,2,4]]");
}

#[test]
fn a_failed_clone_fails_the_run_and_leaves_its_siblings_running() {
    let script = Script { fails_on: Some(3), ..Script::counting(5) };
    let ended = ended(&fan_out(0), script, 2);
    assert_eq!((ended.outcome, ended.result.as_str()), (Outcome::Failed, ""));
    assert_eq!(count(&ended, "double", StepState::Succeeded), 4);
    assert_eq!(count(&ended, "double", StepState::Failed), 1);
    assert_eq!(count(&ended, "sum", StepState::UpstreamFailed), 1);
}

#[test]
fn retries_run_until_the_policy_has_none_left() {
    let failures = Arc::new(AtomicU64::new(0));
    let script = Script { flaky: Some((2, Arc::clone(&failures))), ..Script::counting(1) };
    assert_eq!(ended(&fan_out(2), script, 2).outcome, Outcome::Succeeded);
    assert_eq!(failures.load(Ordering::Relaxed), 2);
    let script = Script { flaky: Some((3, Arc::default())), ..Script::counting(1) };
    assert_eq!(ended(&fan_out(2), script, 2).outcome, Outcome::Failed);
}

#[test]
fn large_values_survive_the_trip_through_files() {
    let script = Script { padding: 100_000, ..Script::counting(3) };
    let ended = ended(&fan_out(0), script, 2);
    assert_eq!(ended.result, "6");
}

#[test]
fn a_canceled_run_stops_and_can_be_taken_up_again() {
    let plan = fan_out(0);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let opened = create(&store, &plan);
    let cancel: scripted::OnStep = Arc::default();
    let script = Script { on_third_clone: Some(Arc::clone(&cancel)), ..Script::counting(50) };
    let (run_id, run) = (RunId::new("r").unwrap(), Run::new(Arc::clone(&plan)));
    let (executor, report) = (Box::new(script), Report::silent());
    let (concurrency, parent) = (Vec::new(), None);
    let assembly = Assembly {
        run_id,
        run,
        store: opened,
        executor,
        report,
        jobs: 1,
        concurrency,
        parent,
        hooks: Hooks::default(),
    };
    let orchestrator = Orchestrator::new(assembly);
    let canceler = orchestrator.clone();
    *cancel.lock().unwrap() = Some(Box::new(move || canceler.cancel()));
    assert_eq!(orchestrator.drive().unwrap(), Outcome::Canceled);
    cancel.lock().unwrap().take();
    drop(orchestrator);

    let record = store.find("r").unwrap().unwrap();
    let opened = store.reopen(&record).unwrap();
    let log = store.entries(&record).unwrap();
    assert!(store.reopen(&record).is_err(), "one process at a time");
    let mut run = replay(&plan, &log);
    let resumed = opened.append(&run, Fact::RunResumed).unwrap();
    _ = run.apply(&resumed.event().unwrap()).unwrap();
    let executed = Arc::new(Mutex::new(Vec::new()));
    let script = Script { executed: Arc::clone(&executed), ..Script::counting(50) };
    let (orchestrator, outcome) = drive(run, opened, script, 2);
    assert_eq!(outcome, Outcome::Succeeded);
    assert_eq!(result(&orchestrator), (0..50).map(|n| n * 2).sum::<u64>().to_string());
    let done_before = log.iter().filter(|entry| matches!(entry.fact, Fact::StepSucceeded { .. })).count();
    assert!(done_before >= 2, "some clones were done before");
    assert_eq!(executed.lock().unwrap().len(), 52 - done_before, "what was recorded does not run again");
}

#[test]
fn no_more_steps_than_allowed_run_at_once() {
    let solid = |name: &str| Limited::Solid(name.parse().unwrap());
    let tag = |value: Option<&str>| Limited::Tag { name: "kind".to_owned(), value: value.map(str::to_owned) };
    for (of, max, most) in [
        (solid("double"), 1, 1),
        (solid("double"), 2, 2),
        (tag(None), 1, 1),
        (tag(Some("clone")), 2, 2),
        (tag(Some("other")), 1, 4),
        (solid("nobody"), 1, 4),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let plan = fan_out(0);
        let opened = create(&store, &plan);
        let gathering = Arc::new(Gathering::of(most));
        let script = Script { gathering: Some(Arc::clone(&gathering)), ..Script::counting(40) };
        let limit = ConcurrencyLimit { of: of.clone(), max: max.try_into().unwrap() };
        let (orchestrator, outcome) = drive_limited(Run::new(plan), opened, script, 4, vec![limit]);
        assert_eq!((outcome, result(&orchestrator).as_str()), (Outcome::Succeeded, "1560"));
        assert_eq!(gathering.most(), most, "{of:?} {max}");
    }
}
