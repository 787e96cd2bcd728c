//! Runs that are killed, canceled and taken up again end as if nothing had happened.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use fanfold::store::{Entry, Fact, RunRecord, Store};
use fanfold_graph::step::StepId;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use crate::harness::{PLUGINS, Place, Ran};

/// Two levels of generators, retries, and a collect of collects; steps that take a while, so that a kill hits some.
const PIPELINE: &str = r#"
load("plugin:numbers", "emit", "dynamic_add", "flaky", "multiply_by_two", "sleep", "sum_numbers")

def main():
    retried = flaky.configured({"failures": 1}).with_retry(1)
    slow = sleep.configured({"ms": 20})
    inner = lambda x: sum_numbers(dynamic_add(x).map(multiply_by_two).map(retried).map(slow).collect())
    return sum_numbers.alias("total")(emit(40).map(inner).collect())

pipeline(main)
"#;

fn start(place: &Place, verb: &[&str]) -> Child {
    let plugins = PLUGINS.display().to_string();
    let fixed = ["--plugins", &plugins, "--store", "store", "--format", "json"];
    let mut command = place.command(&[verb, &fixed[..]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { exit: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn place() -> Place {
    let place = Place::new();
    fs::write(place.path().join("main.star"), PIPELINE).unwrap();
    place
}

const RUN: &[&str] = &["run", "main.star", "--run-id", "r"];
const RESUME: &[&str] = &["resume", "r"];

/// The result and all outputs of run `r`.
fn come_to(place: &Place, ran: &Ran) -> (Json, Json) {
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    (ran.json()["result"].clone(), place.outputs())
}

fn log(place: &Place) -> Vec<Entry> {
    let store = Store::open(&place.path().join("store")).unwrap();
    let record = store.find("r").unwrap().unwrap();
    store.entries(&record).unwrap()
}

/// A step that was recorded as done is never started again.
fn assert_nothing_ran_twice(log: &[Entry]) {
    let mut done: BTreeSet<StepId> = BTreeSet::new();
    for entry in log {
        match &entry.fact {
            Fact::StepStarted { step } => assert!(!done.contains(step), "{step:?} started after its end"),
            Fact::StepSucceeded { step, .. } => assert!(done.insert(*step), "{step:?} ended twice"),
            _ => {}
        }
    }
}

#[test]
fn a_run_that_is_killed_anywhere_ends_the_same() {
    let undisturbed = place();
    let ran = ended(start(&undisturbed, RUN));
    let wanted = come_to(&undisturbed, &ran);
    let mut kills = 0;
    for first in [0, 1, 3, 20, 60, 130, 300, 500] {
        let place = place();
        // Killed when so much is recorded, then again and again while it is resumed: whatever moment that is, is right.
        let mut wanted_entries = first;
        let mut verb = RUN;
        let ran = loop {
            let mut child = start(&place, verb);
            while recorded(&place) <= wanted_entries && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if child.try_wait().unwrap().is_some() {
                break ended(child);
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            wanted_entries += 170;
            verb = if recorded_run(&place).is_some() { RESUME } else { RUN };
        };
        if ran.exit == 2 {
            // The last kill hit a process that had recorded the end and not yet told it.
            assert!(ran.stderr.contains("nothing to resume"), "{}", ran.stderr);
        } else {
            assert_eq!(come_to(&place, &ran).0, wanted.0);
        }
        assert_eq!(place.outputs(), wanted.1, "killed after {first} entries");
        assert_nothing_ran_twice(&log(&place));
    }
    assert!(kills > 0, "no kill hit a running process");
}

/// Run `r`, if it is recorded.
fn recorded_run(place: &Place) -> Option<RunRecord> {
    Store::open_existing(&place.path().join("store")).ok()??.find("r").ok()?
}

/// How many entries of run `r` are on disk.
fn recorded(place: &Place) -> usize {
    let read = || {
        let store = Store::open_existing(&place.path().join("store")).ok()??;
        store.entries(&store.find("r").ok()??).ok()
    };
    read().map_or(0, |entries| entries.len())
}

#[test]
fn a_canceled_run_says_so_and_goes_on_where_it_was() {
    let place = Place::new();
    let pipeline = r#"
load("plugin:numbers", "emit", "sleep", "sum_numbers")

def main():
    return sum_numbers(emit(6).map(sleep.configured({"ms": 1500})).collect())

pipeline(main)
"#;
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let mut done = 0;
    for signal in [Signal::INT, Signal::TERM] {
        let child = start(&place, if signal == Signal::INT { RUN } else { RESUME });
        let pid = Pid::from_child(&child);
        // Once a step has started, the process listens for signals.
        let before = done;
        while recorded(&place) <= before + 1 {
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(pid, signal).unwrap();
        let ran = ended(child);
        assert_eq!(ran.exit, 130, "{}", ran.stderr);
        assert_eq!(ran.json()["status"], "canceled");
        done = recorded(&place);
    }
    let ran = ended(start(&place, RESUME));
    assert_eq!((ran.exit, ran.json()["result"].clone()), (0, 15.into()), "{}", ran.stderr);
    assert_nothing_ran_twice(&log(&place));
    let again = ended(start(&place, RESUME));
    assert_eq!(again.exit, 2, "a run that has ended is not resumed");
}

#[test]
fn two_processes_do_not_run_the_same_run() {
    let place = Place::new();
    let pipeline = "load(\"plugin:numbers\", \"sleep\")\npipeline(lambda: sleep.configured({\"ms\": 60000})(1), name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let mut first = start(&place, RUN);
    loop {
        let second = ended(start(&place, RESUME));
        if second.stderr.contains("another process is running `r`") {
            assert_eq!(second.exit, 1);
            break;
        }
        assert!(second.stderr.contains("no run `r`"), "{}", second.stderr);
    }
    first.kill().unwrap();
    first.wait().unwrap();
}

/// A run of one step that never ends by itself and one that does, then `cancel` with these arguments.
fn canceled_from_outside(place: &Place, step: &[&str]) -> (Ran, Ran) {
    let pipeline = "load(\"plugin:numbers\", \"echo\", \"emit\", \"sleep\")\n\
        pipeline(lambda: [sleep.configured({\"ms\": 600000})(echo(1)), emit(3).map(echo.alias(\"each\"))], name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let run = start(place, RUN);
    let canceled = loop {
        let canceled = place.fanfold(&[&["cancel", "r", "--store", "store"], step].concat());
        // Until the run is there, and its step runs.
        if canceled.exit != 2 {
            break canceled;
        }
    };
    (canceled, ended(run))
}

#[test]
fn one_running_step_is_canceled_from_another_process() {
    let place = Place::new();
    let (canceled, ran) = canceled_from_outside(&place, &["sleep"]);
    assert_eq!((canceled.exit, canceled.stderr.as_str()), (0, "step sleep of run r is canceled\n"));
    assert_eq!(ran.exit, 1);
    assert_eq!(ran.json()["steps"], serde_json::json!({ "succeeded": 5, "canceled": 1 }));
    let again = place.fanfold(&["cancel", "r", "--store", "store"]);
    assert_eq!(again.stderr, "error: no process is running `r`: there is nothing to cancel\n");
    assert_eq!(again.exit, 2);
}

#[test]
fn a_run_is_canceled_from_another_process() {
    let place = Place::new();
    let (canceled, ran) = canceled_from_outside(&place, &[]);
    assert_eq!(canceled.exit, 0);
    assert_eq!(canceled.stderr, "run r is canceled; continue with: fanfold resume r\n");
    assert_eq!((ran.exit, ran.json()["status"].as_str().unwrap()), (130, "canceled"));
    let wrong = place.fanfold(&["cancel", "q", "--store", "store"]);
    assert_eq!(wrong.stderr, "error: there is no run `q`\nhint: there is `r`\n");
    let no_step = place.fanfold(&["cancel", "r", "a[", "--store", "store"]);
    assert!(no_step.stderr.starts_with("error: `a[` is no step key"), "{}", no_step.stderr);
}
