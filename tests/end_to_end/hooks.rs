//! Solids that are called when steps have ended.

use std::fs;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::harness::Place;

const PIPELINE: &str = r#"
load("plugin:numbers", "echo", "emit", "fail_on")

def main():
    return emit(3).map(lambda x: echo(fail_on.configured({"at": [1]})(x))).collect(min_success_ratio = 0.5)

pipeline(main)
"#;

/// A place with this pipeline and these settings.
fn place(settings: &str) -> Place {
    let place = Place::new();
    fs::write(place.path().join("main.star"), PIPELINE).unwrap();
    fs::write(place.path().join("fanfold.toml"), settings).unwrap();
    place
}

fn events(place: &Place, wanted: &str) -> Vec<Json> {
    let events = place.fanfold(&["events", "r", "--store", "store", "--format", "json"]);
    assert_eq!(events.exit, 0, "{}", events.stderr);
    let events = events.stdout.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    events.filter(|event| event["event"] == wanted).collect()
}

#[test]
fn hooks_hear_of_the_ends_that_they_wait_for() {
    let place = place(
        r#"
        [[hooks]]
        on = "failure"
        solid = "faults:notify"
        config = { word = "alas" }
        [[hooks]]
        on = "success"
        solid = "faults:notify"
        solids = ["echo", "emit"]
        "#,
    );
    let ran = place.run("main.star", &["--jobs", "1"]);
    let mut said: Vec<String> =
        events(&place, "logged").iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect();
    said.sort();
    let wanted = [
        "alas fail_on[1] failed: failing on 1, as configured!",
        "heard echo[0] succeeded!",
        "heard echo[2] succeeded!",
        "heard emit succeeded!",
    ];
    assert_eq!((ran.exit, said), (0, wanted.map(str::to_owned).to_vec()), "{}", ran.stderr);
    let ended = events(&place, "hook_ended");
    assert_eq!(ended.len(), 4);
    assert!(ended.iter().all(|event| event["hook"] == "faults:notify" && event.get("failure").is_none()));
}

#[test]
fn a_failing_hook_is_a_warning() {
    let hook =
        "[[hooks]]\non = \"success\"\nsolid = \"faults:notify\"\nconfig.fail = true\nsolids = [\"emit\"]\n";
    let place = place(hook);
    let plugins = crate::harness::PLUGINS.display().to_string();
    let ran =
        place.fanfold(&["run", "main.star", "--plugins", &plugins, "--store", "store", "--run-id", "r"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let warning = "emit  warning: hook `faults:notify` failed: solid-failed: nobody listens\n";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
    assert_eq!(events(&place, "hook_ended")[0]["failure"]["kind"], "solid-failed");
}

#[test]
fn hooks_are_checked_before_anything_runs() {
    let cases = [
        (r#"solid = "fault:notify""#, "there is no plugin `fault`\nhint: did you mean `faults`?\n"),
        (
            r#"solid = "faults:notifi""#,
            "hook `faults:notifi`: the plugin has no solid `notifi`\nhint: did you mean `notify`?\n",
        ),
        (
            r#"solid = "numbers:echo""#,
            "hook `numbers:echo`: the solid has no input `step`\nhint: a hook is a solid that takes the facts about a step as its input `step`\n",
        ),
        (
            "solid = \"faults:notify\"\nconfig.hang = 1",
            "hook `faults:notify`: config: hang: expected boolean, found number\n",
        ),
    ];
    for (hook, problem) in cases {
        let place = place(&format!("[[hooks]]\non = \"success\"\n{hook}\n"));
        let ran = place.run("main.star", &[]);
        assert_eq!((ran.exit, ran.stderr), (3, format!("error: {problem}")), "{hook}");
        assert_eq!(place.fanfold(&["runs", "ls", "--store", "store"]).stdout, "");
    }
    let place = place("hooks = [{ on = \"success\", solid = \"faults:notify\", solids = [\"emti\"] }]\n");
    let ran = place.run("main.star", &[]);
    let warning = "warning: hook `faults:notify`: the pipeline has no solid `emti`; did you mean `emit`?\n";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
}

/// A hook that was not called to its end when the run stopped is called again, and no other is.
#[test]
fn hooks_are_interrupted_and_taken_up_again() {
    let hook = |hang: bool| {
        format!(
            "[[hooks]]\non = \"success\"\nsolid = \"faults:notify\"\nconfig.hang = {hang}\nsolids = [\"echo\"]\n\
             [[hooks]]\non = \"failure\"\nsolid = \"faults:notify\"\n"
        )
    };
    let place = place(&hook(true));
    let mut child = place
        .run_command("main.star", &["--jobs", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let heard = || {
        let ran = place.fanfold(&["events", "r", "--store", "store", "--format", "json"]);
        ran.exit == 0 && ran.stdout.contains("heard echo")
    };
    while !heard() {
        assert!(child.try_wait().unwrap().is_none(), "the hook never ends");
    }
    assert_eq!(place.fanfold(&["cancel", "r", "--store", "store"]).exit, 0);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let heard_before = events(&place, "hook_ended").len();
    assert_eq!(events(&place, "logged").len(), heard_before + 1);

    fs::write(place.path().join("fanfold.toml"), hook(false)).unwrap();
    let plugins = crate::harness::PLUGINS.display().to_string();
    let ran = place.fanfold(&["resume", "r", "--plugins", &plugins, "--store", "store"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let mut heard: Vec<_> = events(&place, "hook_ended").iter().map(|event| event["step"].clone()).collect();
    heard.sort_by_key(ToString::to_string);
    assert_eq!(heard, [json!("echo[0]"), json!("echo[2]"), json!("fail_on[1]")]);
}
