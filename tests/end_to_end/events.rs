//! A run's log, read afterwards and while it grows.

use std::fs;
use std::process::Stdio;

use serde_json::Value as Json;

use crate::harness::{Place, Ran};

fn lines(ran: &Ran) -> Vec<Json> {
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The events of a run of this pipeline, as JSON.
fn events_of(place: &Place, pipeline: &str, jobs: &str) -> Vec<Json> {
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let ran = place.run("main.star", &["--jobs", jobs]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    lines(&place.fanfold(&["events", "r", "--store", "store", "--format", "json"]))
}

/// The names of the steps that started, in order.
fn started(events: &[Json]) -> Vec<&str> {
    let started = events.iter().filter(|event| event["event"] == "step_started");
    started.map(|event| event["step"].as_str().unwrap()).collect()
}

#[test]
fn every_event_is_told_in_order() {
    let place = Place::new();
    let pipeline = "load(\"plugin:numbers\", \"emit\", \"fail_on\")\npipeline(lambda: emit(2).map(fail_on.configured({\"at\": [1]}).with_retry(1)), name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    assert_eq!(place.run("main.star", &["--jobs", "1"]).exit, 1);
    let events = lines(&place.fanfold(&["events", "r", "--store", "store", "--format", "json"]));
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], seq);
    }
    let told = |event: &Json| {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        [text("event"), text("step"), text("mapping_key"), text("output")].join(" ").trim_end().to_owned()
    };
    let told: Vec<String> = events.iter().map(told).collect();
    let wanted = [
        "step_started emit",
        "output_emitted emit 0 result",
        "output_emitted emit 1 result",
        "step_succeeded emit",
        "step_started fail_on[0]",
        "output_emitted fail_on[0]  result",
        "step_succeeded fail_on[0]",
        "step_started fail_on[1]",
        "step_failed fail_on[1]",
        "step_started fail_on[1]",
        "step_failed fail_on[1]",
    ];
    assert_eq!(told, wanted);
    assert_eq!((&events[8]["retry_after_ms"], &events[9]["attempt"]), (&0.into(), &1.into()));
    assert_eq!(events[10]["failure"]["kind"], "solid-failed");
    let text = place.fanfold(&["events", "r", "--store", "store"]);
    assert!(text.stdout.starts_with("0  step_started  emit  {\"attempt\":0}\n"), "{}", text.stdout);
}

/// Facts that are only known in the end are told by key, after the items that they are about.
#[test]
fn facts_can_be_added_to_what_was_emitted() {
    let pipeline =
        "load(\"plugin:numbers\", \"emit_shares\")\npipeline(lambda: emit_shares([1, 3]), name = \"p\")\n";
    let events = events_of(&Place::new(), pipeline, "1");
    let added: Vec<_> = events.iter().filter(|event| event["event"] == "output_annotated").collect();
    let shares = [("0", 0.25), ("1", 0.75)];
    assert_eq!(added.len(), shares.len());
    for (event, (key, share)) in added.into_iter().zip(shares) {
        assert_eq!((&event["output"], &event["mapping_key"]), (&"result".into(), &key.into()));
        assert_eq!(event["metadata"][0]["value"], serde_json::json!({ "number": share }));
    }
}

/// Breadth first unless priorities say otherwise; a higher one downstream ends each chain before the next begins.
#[test]
fn priorities_order_steps() {
    let pipeline = |tags: &str| {
        format!(
            "load(\"plugin:numbers\", \"emit\", \"echo\", \"multiply_by_two\")\n\
             pipeline(lambda: emit(3).map(lambda x: multiply_by_two{tags}(echo(x))), name = \"p\")\n"
        )
    };
    let plain = events_of(&Place::new(), &pipeline(""), "1");
    let (echoes, doubled) = (
        ["echo[0]", "echo[1]", "echo[2]"],
        ["multiply_by_two[0]", "multiply_by_two[1]", "multiply_by_two[2]"],
    );
    assert_eq!(started(&plain)[1..], [echoes, doubled].concat());
    let deep = events_of(&Place::new(), &pipeline(".tagged({\"priority\": \"1\"})"), "1");
    let chains: Vec<_> = echoes.iter().zip(doubled).flat_map(|(echo, double)| [*echo, double]).collect();
    assert_eq!(started(&deep)[1..], chains);
}

/// Limits hold across all clones, by solid and by tag.
#[test]
fn no_more_steps_run_at_once_than_limits_allow() {
    let place = Place::new();
    let settings = "run.concurrency = [{ solid = 'one', max = 1 }, { tag = 'db', value = 'eu', max = 2 }]\n";
    fs::write(place.path().join("fanfold.toml"), settings).unwrap();
    let pipeline = "load(\"plugin:numbers\", \"emit\", \"sleep\")\n\
        slow = sleep.configured({\"ms\": 5})\n\
        def main():\n    emit(6).map(slow.alias(\"one\"))\n    emit(6).map(slow.alias(\"two\").tagged({\"db\": \"eu\"}))\n\
        \x20   emit(6).map(slow.alias(\"three\").tagged({\"db\": \"eu\"}))\n\
        pipeline(main)\n";
    let (mut one, mut eu) = (0, 0);
    for event in events_of(&place, pipeline, "6") {
        let solid = event["step"].as_str().unwrap().split('[').next().unwrap();
        let running = match solid {
            "one" => &mut one,
            "two" | "three" => &mut eu,
            _ => continue,
        };
        match event["event"].as_str().unwrap() {
            "step_started" => *running += 1,
            "step_succeeded" => *running -= 1,
            _ => {}
        }
        assert!(one <= 1 && eu <= 2, "{event}: {one} and {eu} at once");
    }
    assert_eq!((one, eu), (0, 0));
}

/// Clones that go one after another do so whole, however many threads there are.
#[test]
fn clones_go_one_after_another_on_request() {
    let place = Place::new();
    let pipeline = "load(\"plugin:numbers\", \"emit\", \"echo\", \"sleep\")\n\
        pipeline(lambda: emit(5).map(lambda x: sleep.configured({\"ms\": 1})(echo(x)), max_concurrent = 1), name = \"p\")\n";
    let events = events_of(&place, pipeline, "4");
    let of_clones = events.iter().filter(|event| event["event"] != "output_emitted");
    let told = of_clones.filter_map(|event| {
        let (solid, key) = event["step"].as_str()?.strip_suffix(']')?.split_once('[')?;
        Some(format!("{} {solid} {key}", event["event"].as_str()?))
    });
    let wanted = (0..5).flat_map(|key| {
        ["step_started echo", "step_succeeded echo", "step_started sleep", "step_succeeded sleep"]
            .map(|event| format!("{event} {key}"))
    });
    assert_eq!(told.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
}

#[test]
fn a_live_run_is_followed_to_its_end() {
    let place = Place::new();
    let pipeline = "load(\"plugin:numbers\", \"emit_slowly\", \"echo\")\npipeline(lambda: emit_slowly.configured({\"ms\": 30})(20).map(echo), name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let mut command = place.run_command("main.star", &[]);
    let run = command.stdout(Stdio::piped()).spawn().unwrap();
    let followed = loop {
        let followed = place.fanfold(&["events", "r", "--store", "store", "--format", "json", "--follow"]);
        if followed.exit == 0 {
            break lines(&followed);
        }
        assert!(followed.stderr.contains("no run `r`"), "{}", followed.stderr);
    };
    assert!(run.wait_with_output().unwrap().status.success());
    assert_eq!(followed, lines(&place.fanfold(&["events", "r", "--store", "store", "--format", "json"])));
}
