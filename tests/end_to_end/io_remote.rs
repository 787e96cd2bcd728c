//! Values that IO managers keep far away: what is slow, forbidden or cut off on the way.

use std::fs;
use std::process::{Child, Stdio};

use crate::harness::{PLUGINS, Place, Ran};
use crate::object_server::{Answer, ObjectServer};

/// A place with this pipeline, whose IO manager `lake` is on the server.
fn place(server: &ObjectServer, pipeline: &str) -> Place {
    let place = Place::new();
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    fs::write(place.path().join("fanfold.toml"), server.settings()).unwrap();
    place
}

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

const RUN: &[&str] = &["run", "main.star", "--run-id", "r"];
const DOUBLE_AND_SUM: &str = "load(\"plugin:stored\", \"double\", \"sum\")\n\
    pipeline(lambda: sum([double(40000)]), name = \"p\")\n";

#[test]
fn values_of_any_size_go_there_and_come_back() {
    let server = ObjectServer::start();
    let pipeline = "load(\"plugin:stored\", \"double\", \"numbers\", \"read\", \"sum\", \"write\")\n\
        pipeline(lambda: [sum(numbers(3).map(double).collect()), read(write(23))], name = \"p\")\n";
    let place = place(&server, pipeline);
    let ran = ended(start(&place, RUN));
    assert_eq!(
        (ran.exit, ran.json()["result"].to_string()),
        (0, "[6,24117248]".to_owned()),
        "{}",
        ran.stdout
    );
    assert_eq!(server.object("runs/r/double[2]/result").unwrap(), b"4");
    assert_eq!(server.object("runs/r/numbers/result/1").unwrap(), b"1");
    assert_eq!(server.object("runs/r/write/result").unwrap().len(), 23 << 20);
    server.wait_for("POST /bucket/runs/r/write/result?uploads");
}

#[test]
fn what_a_server_says_of_a_key_is_not_told_on() {
    let server = ObjectServer::start();
    server.answer("PUT", Answer::Forbidden);
    let ran = ended(start(&place(&server, DOUBLE_AND_SUM), RUN));
    let message = ran.json()["failures"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("IO manager `lake` cannot write `r/double/result`: "), "{message}");
    assert!(message.contains("InvalidAccessKeyId") && !message.contains("AKIATHEKEYID"), "{message}");
}

/// Whoever waits for a server that does not answer is let go at once when the run is canceled, and the run can go on.
#[test]
fn a_run_that_waits_for_a_server_is_canceled_and_resumed() {
    for (method, answer, awaited) in [
        ("PUT", Answer::Never, "PUT /bucket/runs/r/double/result"),
        ("GET", Answer::Never, "GET /bucket/runs/r/double/result"),
        ("GET", Answer::Half, "GET /bucket/runs/r/double/result"),
    ] {
        let server = ObjectServer::start();
        let place = place(&server, DOUBLE_AND_SUM);
        server.answer(method, answer);
        let run = start(&place, RUN);
        server.wait_for(awaited);
        let canceled = place.fanfold(&["cancel", "r", "--store", "store"]);
        assert_eq!(canceled.exit, 0, "{}", canceled.stderr);
        let ran = ended(run);
        assert_eq!(
            (ran.exit, ran.json()["failures"].to_string()),
            (130, "[]".to_owned()),
            "{method} {answer:?}"
        );
        server.answer(method, Answer::Right);
        let ran = ended(start(&place, &["resume", "r"]));
        assert_eq!(
            (ran.exit, &ran.json()["result"]),
            (0, &80000.into()),
            "{method} {answer:?}: {}",
            ran.stderr
        );
    }
}

#[test]
fn one_step_that_waits_for_a_server_is_canceled() {
    let server = ObjectServer::start();
    let place = place(&server, DOUBLE_AND_SUM);
    server.answer("PUT", Answer::Never);
    let run = start(&place, RUN);
    server.wait_for("PUT /bucket/runs/r/double/result");
    let canceled = place.fanfold(&["cancel", "r", "double", "--store", "store"]);
    assert_eq!(canceled.exit, 0, "{}", canceled.stderr);
    let ran = ended(run);
    let steps = serde_json::json!({ "canceled": 1, "upstream-failed": 1 });
    assert_eq!(ran.json()["steps"], steps, "{}", ran.stdout);
}
