//! Values that IO managers keep.

use std::fs;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::harness::{PLUGINS, Place, Ran};

const PIPELINE: &str = r#"
load("plugin:stored", "bytes", "double", "length", "numbers", "hand_on", "read", "sum", "write")

def main():
    total = sum(numbers(3).map(double).collect())
    blob = write(3)
    return [total, length(bytes("hello")), read(blob), read.alias("read_passed")(hand_on(blob))]

pipeline(main)
"#;

/// A place with this pipeline, and a directory for what is kept.
fn place(pipeline: &str) -> Place {
    let place = Place::new();
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    fs::write(place.path().join("fanfold.toml"), "[io_managers.lake]\npath = \"lake\"\n").unwrap();
    fs::create_dir(place.path().join("lake")).unwrap();
    place
}

/// A command about run `r` that needs the plugins.
fn with_plugins(place: &Place, arguments: &[&str]) -> Ran {
    let plugins = PLUGINS.display().to_string();
    place.fanfold(&[arguments, &["--plugins", &plugins, "--store", "store"]].concat())
}

/// The files under a directory, by their paths in it.
fn files(place: &Place) -> Vec<String> {
    let root = place.path().join("lake");
    let mut open = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn values_are_kept_under_their_keys_and_read_from_there() {
    let place = place(PIPELINE);
    let ran = place.run("main.star", &[]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(ran.json()["result"].to_string(), "[6,5,3145728,3145728]");
    let wanted = [
        "r/bytes/result",
        "r/double[0]/result",
        "r/double[1]/result",
        "r/double[2]/result",
        "r/numbers/result/0",
        "r/numbers/result/1",
        "r/numbers/result/2",
        "r/write/result",
    ];
    assert_eq!(files(&place), wanted);
    let kept = |path: &str| fs::read(place.path().join("lake").join(path)).unwrap();
    assert_eq!((kept("r/double[2]/result"), kept("r/bytes/result")), (b"4".to_vec(), b"hello".to_vec()));
    assert_eq!(kept("r/write/result").len(), 3 << 20);

    let outputs = place.outputs();
    assert_eq!(outputs["double"]["result"].to_string(), r#"{"0":0,"1":2,"2":4}"#);
    let events = place.fanfold(&["events", "r", "--store", "store", "--format", "json"]);
    let events = events.stdout.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let of =
        |step: &'static str| move |event: &Json| event["event"] == "output_emitted" && event["step"] == step;
    let event = events.clone().find(of("double[1]")).unwrap();
    let value =
        serde_json::json!({ "form": "json", "bytes": 1, "io_manager": "lake", "path": "r/double[1]/result" });
    assert_eq!(event["value"], value);
    assert!(events.clone().find(of("sum")).unwrap()["value"].get("io_manager").is_none());
}

/// Whatever happened to an object fails the step that reads it, by name, and no other.
#[test]
fn what_is_lost_or_altered_fails_who_reads_it() {
    let place = place(
        "load(\"plugin:stored\", \"double\", \"numbers\", \"read\", \"write\")\nload(\"plugin:faults\", \"gate\")\n\
         def main():\n    numbers(3).map(double).map(lambda x: gate(x))\n    read.alias(\"rd\").after(gate.alias(\"g\")(1))(write(1))\n\
         pipeline(main)\n",
    );
    assert_eq!(place.run("main.star", &[]).exit, 1, "the gate is closed");
    let lake = place.path().join("lake/r");
    fs::remove_file(lake.join("double[0]/result")).unwrap();
    fs::write(lake.join("double[1]/result"), "3").unwrap();
    let blob = fs::read(lake.join("write/result")).unwrap();
    fs::write(lake.join("write/result"), [&blob[1..], b"x"].concat()).unwrap();
    fs::create_dir(place.path().join("flag")).unwrap();
    let ran = with_plugins(
        &place,
        &[
            "retry",
            "r",
            "--from-failure",
            "--run-id",
            "again",
            "--allow-read",
            "faults=flag",
            "--format",
            "json",
        ],
    );
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    let mut failures: Vec<String> = ran.json()["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| {
            format!("{} {}", failure["step"].as_str().unwrap(), failure["message"].as_str().unwrap())
        })
        .collect();
    failures.sort();
    assert_eq!(failures.len(), 3, "{failures:?}");
    let lost = "gate[0] cannot read an input: IO manager `lake` cannot read `r/double[0]/result`: ";
    assert!(failures[0].starts_with(lost), "{}", failures[0]);
    let altered = "the value in `r/double[1]/result` of IO manager `lake` is damaged";
    assert_eq!(failures[1], format!("gate[1] cannot read an input: {altered}"));
    assert!(failures[2].starts_with("rd ") && failures[2].contains("`r/write/result`"), "{}", failures[2]);
}

#[test]
fn what_cannot_be_written_fails_the_step_and_is_retried() {
    let place = place(
        "load(\"plugin:stored\", \"double\")\npipeline(lambda: double.with_retry(1)(4), name = \"p\")\n",
    );
    // A file where a directory has to be.
    fs::write(place.path().join("lake/r"), "").unwrap();
    let ran = place.run("main.star", &[]);
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    let failure = &ran.json()["failures"][0];
    assert_eq!(failure["kind"], "host-failed");
    let message = failure["message"].as_str().unwrap();
    let wanted = "cannot take an output over: IO manager `lake` cannot write `r/double/result`: ";
    assert!(message.starts_with(wanted), "{message}");
    let events = place.fanfold(&["events", "r", "--store", "store"]);
    assert_eq!(events.stdout.matches("step_started").count(), 2);
}

#[test]
fn io_managers_are_checked_before_anything_runs() {
    let cases = [
        ("[io_managers.like]\npath = \"lake\"", "there is no IO manager `lake`", "did you mean `like`?"),
        ("[io_managers.lake]\nurl = \"nowhere\"", "its `url` is none: relative URL without a base", ""),
        (
            "[io_managers.lake]\nurl = \"s3://b\"\noptions = { regoin = \"x\" }",
            "an object store at `s3://b` has no option `regoin`",
            "",
        ),
        (
            "[io_managers.lake]\nurl = \"s3://b\"\noptions = { secret_access_key = { env = \"NO_SUCH_VARIABLE\" } }",
            "option `secret_access_key`: the environment variable `NO_SUCH_VARIABLE` is not set",
            "",
        ),
    ];
    for (settings, problem, hint) in cases {
        let place = place("load(\"plugin:stored\", \"double\")\npipeline(lambda: double(4), name = \"p\")\n");
        fs::write(place.path().join("fanfold.toml"), settings).unwrap();
        let ran = place.run("main.star", &[]);
        let hint = if hint.is_empty() { "see `io_managers.lake` in fanfold.toml" } else { hint };
        let wanted = format!("error: solid `double`, output `result`: {problem}\nhint: {hint}\n");
        assert_eq!((ran.exit, ran.stderr), (3, wanted));
    }
}

/// A run that is taken up reads what it wrote before.
#[test]
fn a_resumed_run_reads_what_was_kept() {
    let place = place(
        "load(\"plugin:stored\", \"numbers\", \"sum\")\nload(\"plugin:numbers\", \"sleep\")\n\
         pipeline(lambda: sum(numbers(4).map(sleep.configured({\"ms\": 1000})).collect()), name = \"p\")\n",
    );
    let mut child = place.run_command("main.star", &["--jobs", "1"]);
    let mut child =
        child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let begun =
        || place.fanfold(&["events", "r", "--store", "store"]).stdout.contains("step_started  sleep[1]");
    while !begun() {
        assert!(child.try_wait().unwrap().is_none(), "it has four times to wait");
    }
    assert_eq!(place.fanfold(&["cancel", "r", "--store", "store"]).exit, 0);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let ran = with_plugins(&place, &["resume", "r", "--format", "json"]);
    assert_eq!((ran.exit, &ran.json()["result"]), (0, &6.into()), "{}", ran.stderr);
}

/// Equal content in two places: who reads the one does not depend on the other.
#[test]
fn what_is_lost_in_one_place_is_read_from_another() {
    let place = place(
        "load(\"plugin:stored\", \"hand_on\", \"read\", \"write\")\n\
         def main():\n    blob = write(1)\n    return [read(blob), read.alias(\"read_passed\")(hand_on(blob))]\n\
         pipeline(main)\n",
    );
    assert_eq!(place.run("main.star", &[]).exit, 0);
    fs::remove_file(place.path().join("lake/r/write/result")).unwrap();
    let again =
        ["retry", "r", "--select", "read", "--select", "read_passed", "--run-id", "again", "--jobs", "1"];
    let ran = with_plugins(&place, &[&again[..], &["--format", "json"]].concat());
    let failures = ran.json()["failures"].clone();
    assert_eq!((failures.as_array().unwrap().len(), &failures[0]["step"]), (1, &"read".into()), "{failures}");
}
