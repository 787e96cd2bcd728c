//! Runs are looked at while they go, and removed when nobody needs them any more.

use std::fs;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::harness::{PLUGINS, Place, Ran};

/// A fan-out, and a value that is too large for the log.
const PIPELINE: &str = r#"
load("plugin:numbers", "echo", "emit", "multiply_by_two")

def main():
    large = echo.alias("large")("x" * 100000)
    return [emit(5).map(multiply_by_two).collect(), large]

pipeline(main)
"#;

fn place() -> Place {
    let place = Place::new();
    fs::write(place.path().join("main.star"), PIPELINE).unwrap();
    place
}

fn run(place: &Place, run_id: &str) -> Ran {
    let plugins = PLUGINS.display().to_string();
    let ran = told(place, &["run", "main.star", "--plugins", &plugins, "--run-id", run_id]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    ran
}

fn told(place: &Place, arguments: &[&str]) -> Ran {
    place.fanfold(&[arguments, &["--store", "store"]].concat())
}

fn json(place: &Place, arguments: &[&str]) -> Json {
    let ran = told(place, &[arguments, &["--format", "json"]].concat());
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn removed_runs_are_gone_with_their_values() {
    let place = place();
    for run_id in ["one", "two"] {
        run(&place, run_id);
    }
    let wrong = told(&place, &["runs", "rm", "one", "tow"]);
    assert_eq!(
        (wrong.exit, wrong.stderr.as_str()),
        (2, "error: there is no run `tow`\nhint: did you mean `two`?\n")
    );
    assert_eq!(json(&place, &["runs", "ls"]).as_array().unwrap().len(), 2, "nothing goes if a name is wrong");
    // Both have the same large value: it goes with the last of them.
    assert_eq!(told(&place, &["runs", "rm", "one"]).stdout, "removed 1 run, 0 value files\n");
    assert_eq!(json(&place, &["runs", "rm", "two"]), json!({ "runs": 1, "files": 1, "bytes": 100_002 }));
    assert_eq!(told(&place, &["runs", "ls"]).stdout, "");
    assert_eq!(told(&place, &["gc", "--dry-run"]).stdout, "would remove 0 runs, 0 value files\n");
    let gone = told(&place, &["runs", "show", "one"]);
    assert_eq!((gone.exit, gone.stderr.as_str()), (2, "error: there is no run `one`\n"));
}

#[test]
fn a_project_keeps_as_many_runs_as_it_says() {
    let place = place();
    fs::write(place.path().join("fanfold.toml"), "[retention]\nmax_runs = 2\n").unwrap();
    for run_id in ["one", "two"] {
        assert!(!run(&place, run_id).stderr.contains("retention"));
    }
    let third = run(&place, "three");
    assert!(third.stderr.ends_with("retention: removed 1 run, 0 value files\n"), "{}", third.stderr);
    let left: Vec<_> =
        json(&place, &["runs", "ls"]).as_array().unwrap().iter().map(|it| it["run_id"].clone()).collect();
    assert_eq!(left, [json!("three"), json!("two")]);
    assert_eq!(json(&place, &["runs", "ls", "--limit", "1"]).as_array().unwrap().len(), 1);
    let large = json(&place, &["outputs", "two", "large"]);
    assert_eq!(large["large"]["result"].as_str().map(str::len), Some(100_000));
}

#[test]
fn a_log_is_read_in_pages() {
    let place = place();
    run(&place, "r");
    let all = told(&place, &["events", "r", "--format", "json"]).stdout;
    let lines: Vec<&str> = all.lines().collect();
    let page = |after: &str, limit: &str| {
        told(&place, &["events", "r", "--format", "json", "--after", after, "--limit", limit]).stdout
    };
    assert_eq!(page("3", "5").lines().collect::<Vec<_>>(), lines[4..9]);
    assert_eq!(page("0", "1000000").lines().collect::<Vec<_>>(), lines[1..]);
    assert_eq!(page("1000000", "5"), "");
}

#[test]
fn a_run_is_watched_from_another_process() {
    let place = Place::new();
    let pipeline = "load(\"plugin:numbers\", \"emit\", \"sleep\")\n\
        pipeline(lambda: emit(4).map(sleep.configured({\"ms\": 700}), max_concurrent = 1), name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let plugins = PLUGINS.display().to_string();
    let arguments =
        ["run", "main.star", "--run-id", "r", "--plugins", &plugins, "--store", "store", "--format", "json"];
    let child = place.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let watched = loop {
        let watched = told(&place, &["runs", "show", "r", "--follow", "--format", "json"]);
        if watched.exit == 0 {
            break watched;
        }
    };
    child.wait_with_output().unwrap();
    let seen: Vec<Json> = watched.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let done = |shown: &Json| shown["solids"][1]["steps"]["succeeded"].as_u64().unwrap_or(0);
    assert!(seen.len() > 1 && seen.iter().map(done).is_sorted(), "{}", watched.stdout);
    assert!(seen[..seen.len() - 1].iter().all(|shown| shown["status"] == "running"));
    let last = seen.last().unwrap();
    assert_eq!((&last["status"], done(last)), (&json!("succeeded"), 4));
}

#[test]
fn what_steps_have_written_is_printed_for_the_ones_that_are_meant() {
    let place = Place::new();
    let pipeline =
        "load(\"plugin:numbers\", \"emit\", \"say\")\npipeline(lambda: emit(3).map(say), name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    run(&place, "r");
    let all = told(&place, &["logs", "r"]).stdout;
    assert_eq!(all.lines().count(), 9, "{all}");
    let one = told(&place, &["logs", "r", "say[1]"]).stdout;
    let mut lines: Vec<_> = one.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["say[1]  info  log: 1", "say[1]  info  out: 1", "say[1]  warning  err: 1"]);
    assert_eq!(told(&place, &["logs", "r", "say"]).stdout, all);
    assert_eq!(told(&place, &["logs", "r", "emit"]).stdout, "");
    let json = told(&place, &["logs", "r", "say[1]", "--format", "json"]).stdout;
    let sources = json.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["source"].clone());
    assert_eq!(sources.collect::<Vec<_>>().len(), 3);
    let unknown = told(&place, &["logs", "r", "sya"]);
    assert_eq!(unknown.stderr, "error: the run has no solid `sya`\nhint: did you mean `say`?\n");
    assert_eq!(unknown.exit, 2);
}

#[test]
fn a_run_in_memory_leaves_nothing() {
    let place = place();
    let temporary = place.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let plugins = PLUGINS.display().to_string();
    let arguments = ["run", "main.star", "--plugins", &plugins, "--store", "memory", "--format", "json"];
    let mut command = place.command(&arguments);
    let ran = Ran::of({
        command.env("TMPDIR", &temporary);
        command
    });
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let result = &ran.json()["result"];
    assert_eq!((&result[0], result[1].as_str().map(str::len)), (&json!([0, 2, 4, 6, 8]), Some(100_000)));
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!place.path().join("memory").exists() && !place.path().join(".fanfold/store").exists());
    let nothing = place.fanfold(&["runs", "ls", "--store", "memory"]);
    assert_eq!(nothing.exit, 2);
    assert!(nothing.stderr.starts_with("error: a store in memory ends with the run"), "{}", nothing.stderr);
}
