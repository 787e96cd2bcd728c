//! What a solid reaches of the world, with grants and without: files, environment, time, randomness and the network.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use fanfold::sandbox::*;
use serde_json::{Value as Json, json};

use crate::guests::{Guest, HTTP};
use crate::harness::{Recorder, Step, emitted, plugin};
use crate::real;

static HOSTILE: LazyLock<Plugin> = LazyLock::new(|| real::plugin("hostile"));

/// What came of each attempt.
fn attempted(grants: &GrantList, attempts: &[&[&str]]) -> Vec<String> {
    attempted_and_told(grants, attempts).0
}

/// What came of each attempt, and what the operator was told of them.
fn attempted_and_told(grants: &GrantList, attempts: &[&[&str]]) -> (Vec<String>, Vec<String>) {
    let recorder = Recorder::default();
    let step = Step {
        solid: Some("reach"),
        config: Some(json!({ "attempts": attempts }).to_string()),
        grants: Grants::new(grants.clone()).unwrap(),
        recorder: recorder.clone(),
        ..Step::default()
    };
    step.run(&HOSTILE).unwrap();
    let told = recorder
        .0
        .lock()
        .unwrap()
        .events
        .iter()
        .filter_map(|event| match event {
            StepEvent::Log { level: LogLevel::Warning, source: LogSource::Host, message } => {
                Some(message.clone())
            }
            _ => None,
        })
        .collect();
    (serde_json::from_str(&emitted(&recorder)[0]).unwrap(), told)
}

fn directory(host: &Path, access: Access) -> GrantList {
    vec![DirectoryGrant { host: host.to_owned(), guest: "/data".to_owned(), access }].into()
}

/// A directory with a file in it, beside a secret, and links from it to there.
fn data_and_secret() -> (tempfile::TempDir, std::path::PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    fs::create_dir_all(data.join("below")).unwrap();
    fs::write(root.path().join("secret"), "secret").unwrap();
    fs::write(data.join("file"), "content").unwrap();
    std::os::unix::fs::symlink("../secret", data.join("out")).unwrap();
    std::os::unix::fs::symlink(root.path().join("secret"), data.join("absolute")).unwrap();
    std::os::unix::fs::symlink("..", data.join("up")).unwrap();
    std::os::unix::fs::symlink("below/../../secret", data.join("around")).unwrap();
    std::os::unix::fs::symlink("file", data.join("in")).unwrap();
    (root, data)
}

#[test]
fn nothing_leads_out_of_a_granted_directory() {
    let (root, data) = data_and_secret();
    let grants = directory(&data, Access::ReadWrite);
    let allowed: &[&[&str]] =
        &[&["read", "/data/file"], &["read", "/data/in"], &["read", "/data/below/../file"]];
    assert_eq!(attempted(&grants, allowed), ["content"; 3]);
    let secret = root.path().join("secret").display().to_string();
    let denied: &[&[&str]] = &[
        &["read", "/data/../secret"],
        &["read", "/data/out"],
        &["read", "/data/absolute"],
        &["read", "/data/up/secret"],
        &["read", "/data/around"],
        &["read", &secret],
        &["read", "/etc/passwd"],
        &["read", "/proc/self/environ"],
        &["list", "/"],
        &["list", "/data/.."],
        &["list", "/data/up"],
        &["write", "/data/out", "x"],
        &["write", "/data/absolute", "x"],
        &["write", "/data/up/new", "x"],
        &["write", "/data/../new", "x"],
        &["mkdir", "/data/up/new"],
        &["remove", "/data/up/secret"],
        &["rename", "/data/up/secret", "/data/mine"],
        &["rename", "/data/file", "/data/up/file"],
        &["rename", "/data/file", "/data/../file"],
        &["link", "/data/up/secret", "/data/mine"],
        &["link", "/data/../secret", "/data/mine"],
    ];
    assert_eq!(attempted(&grants, denied), vec!["denied"; denied.len()]);
    // Links of its own lead nowhere either; what they are called does not matter.
    let own: &[&[&str]] = &[
        &["symlink", "../secret", "/data/own"],
        &["read", "/data/own"],
        &["symlink", "/etc/passwd", "/data/own2"],
        &["read", "/data/own2"],
        &["symlink", "..", "/data/own3"],
        &["read", "/data/own3/secret"],
        &["write", "/data/own3/secret", "x"],
    ];
    let came = attempted(&grants, own);
    for index in [1, 3, 5, 6] {
        assert_eq!(came[index], "denied", "{own:?} {came:?}");
    }
    assert_eq!(fs::read_to_string(root.path().join("secret")).unwrap(), "secret");
    let mut left: Vec<_> =
        fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["data", "secret"]);
}

#[test]
fn a_directory_that_becomes_a_link_while_it_is_read_leads_nowhere() {
    let (_root, data) = data_and_secret();
    fs::create_dir(data.join("turn")).unwrap();
    fs::write(data.join("turn/secret"), "harmless").unwrap();
    std::os::unix::fs::symlink("..", data.join("link")).unwrap();
    let has_ended = AtomicBool::new(false);
    let mut came = Vec::new();
    let count = |came: &[String], wanted: &str| came.iter().filter(|it| *it == wanted).count();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let rename = |from: &str, to: &str| fs::rename(data.join(from), data.join(to)).unwrap();
            // Not for ever, should the reader fail.
            for _ in 0..1_000_000 {
                if has_ended.load(Ordering::Relaxed) {
                    break;
                }
                rename("turn", "directory");
                rename("link", "turn");
                rename("turn", "link");
                rename("directory", "turn");
            }
        });
        let attempts = vec![&["read", "/data/turn/secret"][..]; 500];
        let grants = directory(&data, Access::ReadOnly);
        // Until it was met as both, which is soon.
        for _ in 0..200 {
            came.extend(attempted(&grants, &attempts));
            if count(&came, "harmless") > 0 && count(&came, "denied") > 0 {
                break;
            }
        }
        has_ended.store(true, Ordering::Relaxed);
    });
    assert!(count(&came, "harmless") > 0 && count(&came, "denied") > 0);
    assert_eq!(count(&came, "secret"), 0);
}

#[test]
fn a_directory_to_read_is_not_changed() {
    let (_root, data) = data_and_secret();
    let grants = directory(&data, Access::ReadOnly);
    let changes: &[&[&str]] = &[
        &["write", "/data/file", "x"],
        &["write", "/data/new", "x"],
        &["mkdir", "/data/new"],
        &["remove", "/data/file"],
        &["rename", "/data/file", "/data/new"],
        &["link", "/data/file", "/data/new"],
        &["symlink", "file", "/data/new"],
    ];
    assert_eq!(attempted(&grants, changes), vec!["denied"; changes.len()]);
    assert_eq!(attempted(&grants, &[&["read", "/data/file"]]), ["content"]);
    assert_eq!(fs::read_dir(&data).unwrap().count(), 7);
}

#[test]
fn what_is_denied_in_a_directory_is_told_to_the_operator() {
    let (_root, data) = data_and_secret();
    let told = |access, attempts| attempted_and_told(&directory(&data, access), attempts).1;
    let why = "it is outside of what is granted, or not granted to be changed";
    // Each once, however often it is tried.
    let twice: &[&[&str]] = &[&["read", "/data/out"], &["read", "/data/out"], &["read", "/data/file"]];
    let denied = told(Access::ReadWrite, twice);
    assert_eq!(denied, [format!("denied open-at `out`: {why}")]);
    let changes: &[&[&str]] = &[&["rename", "/data/file", "/data/new"], &["remove", "/data/file"]];
    let denied = told(Access::ReadOnly, changes);
    let wanted = ["rename-at `file -> new`", "unlink-file-at `file`"];
    assert_eq!(denied, wanted.map(|wish| format!("denied {wish}: {why}")));
    // What is not there was not denied.
    assert!(told(Access::ReadWrite, &[&["read", "/data/nothing"]]).is_empty());
    // A guest that tries a million does not fill the log.
    let paths: Vec<String> = (0..500).map(|n| format!("/data/up/{n}")).collect();
    let many: Vec<[&str; 2]> = paths.iter().map(|path| ["read", path]).collect();
    let many: Vec<&[&str]> = many.iter().map(<[_; 2]>::as_slice).collect();
    assert_eq!(told(Access::ReadWrite, &many).len(), 100);
}

#[test]
fn pipes_and_sockets_are_not_opened() {
    // Opening a pipe that nobody writes to would block for ever, in a call that nothing can end.
    let data = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(data.path().join("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(data.path().join("socket")).unwrap();
    std::os::unix::fs::symlink("pipe", data.path().join("link")).unwrap();
    let attempts: &[&[&str]] = &[
        &["read", "/data/pipe"],
        &["read", "/data/link"],
        &["write", "/data/pipe", "x"],
        &["read", "/data/socket"],
    ];
    assert_eq!(attempted(&directory(data.path(), Access::ReadWrite), attempts), ["denied"; 4]);
    assert_eq!(
        attempted(&directory(data.path(), Access::ReadOnly), &[&["list", "/data"]]),
        ["link pipe socket"]
    );
}

#[test]
fn environment_time_and_randomness_are_what_is_granted() {
    let probe: &[&[&str]] = &[&["env"], &["arguments"], &["year"], &["nanoseconds"], &["random"]];
    let [first, again] = [(); 2].map(|()| attempted(&GrantList::default(), probe));
    assert_eq!(first, again, "equal work sees equal things");
    assert_eq!(first[..3], ["", "", "2000"]);
    let granted = GrantList {
        environment: [("A".to_owned(), "1".to_owned()), ("B".to_owned(), String::new())].into(),
        real_clock: true,
        real_randomness: true,
        ..GrantList::default()
    };
    let seen = attempted(&granted, probe);
    assert_eq!(seen[0], "A=1 B=");
    assert!(seen[2].parse::<u32>().unwrap() > 2020, "{seen:?}");
    assert_ne!(seen[4], attempted(&granted, probe)[4]);
}

#[test]
fn a_scratch_directory_is_each_steps_own_and_limited() {
    let host = tempfile::tempdir().unwrap();
    let scratch = ScratchGrant { guest: "/tmp".to_owned(), bytes: 4 << 20, host: host.path().to_owned() };
    let grants = GrantList { scratch: Some(scratch), ..GrantList::default() };
    let soil: &[&[&str]] =
        &[&["list", "/tmp"], &["write", "/tmp/mark", "x"], &["read", "/tmp/mark"], &["read", "/tmp/../mark"]];
    for _ in 0..3 {
        assert_eq!(attempted(&grants, soil), ["", "ok", "x", "denied"]);
    }
    let inputs = vec![Input {
        name: "path".to_owned(),
        value: InputValue::Single(Value::Json("\"/tmp/big\"".to_owned())),
    }];
    let step = Step { solid: Some("fill"), inputs, grants: Grants::new(grants).unwrap(), ..Step::default() };
    let failure = step.run(&HOSTILE).unwrap_err();
    assert_eq!(failure.kind, FailureKind::ScratchFull, "{failure}");
    assert_eq!(fs::read_dir(host.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn steps_that_run_at_once_share_no_scratch_directory() {
    let host = tempfile::tempdir().unwrap();
    let scratch = ScratchGrant { guest: "/tmp".to_owned(), bytes: 1 << 20, host: host.path().to_owned() };
    let grants = GrantList { scratch: Some(scratch), ..GrantList::default() };
    std::thread::scope(|scope| {
        for own in ["a", "b", "c", "d"] {
            let grants = &grants;
            scope.spawn(move || {
                let file = format!("/tmp/{own}");
                for _ in 0..50 {
                    let attempts: &[&[&str]] = &[&["write", &file, own], &["list", "/tmp"], &["read", &file]];
                    assert_eq!(attempted(grants, attempts), ["ok", own, own]);
                }
            });
        }
    });
    assert_eq!(fs::read_dir(host.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn there_are_no_sockets() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(attempted(&GrantList::default(), &[&["connect", &address]]), ["denied"]);
}

#[test]
fn a_request_that_is_not_granted_is_denied_and_told() {
    // Asks for abc:80, waits, and traps unless the answer is the error `HTTP-request-denied`.
    let body = "
        (local.set $i (call $request (call $fields)))
        (drop (call $path (local.get $i) (i32.const 1) (i32.const 2302) (i32.const 1)))
        (drop (call $authority (local.get $i) (i32.const 1) (i32.const 2200) (i32.const 3)))
        (call $handle (local.get $i) (i32.const 0) (i32.const 0) (i32.const 600))
        (if (i32.load8_u (i32.const 600)) (then unreachable))
        (local.set $i (i32.load (i32.const 608)))
        (call $block (call $answered (local.get $i)))
        (call $get (local.get $i) (i32.const 640))
        (if (i32.ne (i32.load8_u (i32.const 656)) (i32.const 1)) (then unreachable))
        (if (i32.ne (i32.load8_u (i32.const 664)) (i32.const 15)) (then unreachable))";
    let recorder = Recorder::default();
    let step = Step { recorder: recorder.clone(), ..Step::default() };
    step.run(&plugin(Guest::new(body).import(HTTP))).unwrap();
    let message = "denied GET https://abc: it is not granted".to_owned();
    let told = StepEvent::Log { level: LogLevel::Warning, source: LogSource::Host, message };
    assert_eq!(recorder.0.lock().unwrap().events, [told]);
}

/// A solid, its configuration and its inputs.
type Example = (&'static str, Json, Vec<(&'static str, Json)>);

#[test]
fn equal_work_has_equal_results_a_hundred_times() {
    let numbers: Vec<Example> = vec![
        ("emit_ten", Json::Null, vec![]),
        ("num_range", Json::Null, vec![]),
        ("add", Json::Null, vec![("x", json!(2)), ("y", json!(3))]),
        ("echo", Json::Null, vec![("x", json!({"a": [1.5, "b"]}))]),
    ];
    let numbers_plugin = real::plugin("numbers");
    for (solid, config, inputs) in numbers {
        assert_deterministic(&numbers_plugin, solid, &config, &inputs);
    }
    let attempts = json!({ "attempts": [["env"], ["year"], ["nanoseconds"], ["random"], ["list", "/"]] });
    assert_deterministic(&HOSTILE, "reach", &attempts, &[]);
}

#[test]
fn every_example_solid_ends_the_same_a_hundred_times() {
    // Whatever it makes of a three: results and failures are to be equal, fuel and order included.
    for name in ["faults", "files", "numbers"] {
        let plugin = real::plugin(name);
        for solid in plugin.solids() {
            let inputs: Vec<_> = solid.inputs.iter().map(|input| (input.name.as_str(), json!(3))).collect();
            let run = || outcome(&plugin, solid.name.as_str(), &json!({}), &inputs);
            let first = run();
            for _ in 1..100 {
                assert_eq!(run(), first, "{name} {}", solid.name);
            }
        }
    }
}

fn assert_deterministic(plugin: &Plugin, solid: &str, config: &Json, inputs: &[(&str, Json)]) {
    let first = outcome(plugin, solid, config, inputs);
    assert!(first.0.as_ref().unwrap().fuel.unwrap() > 0);
    for _ in 1..100 {
        assert_eq!(outcome(plugin, solid, config, inputs), first, "{solid}");
    }
}

/// All that can be seen of a step without grants.
fn outcome(
    plugin: &Plugin,
    solid: &str,
    config: &Json,
    inputs: &[(&str, Json)],
) -> (Result<StepReport, StepFailure>, Vec<Emission>, Vec<StepEvent>) {
    let recorder = Recorder::default();
    let single = |(name, json): &(&str, Json)| Input {
        name: (*name).to_owned(),
        value: InputValue::Single(Value::Json(json.to_string())),
    };
    let step = Step {
        solid: Some(solid),
        config: Some(config.to_string()),
        inputs: inputs.iter().map(single).collect(),
        recorder: recorder.clone(),
        ..Step::default()
    };
    let report = step.run(plugin);
    let told = std::mem::take(&mut *recorder.0.lock().unwrap());
    (report, told.emissions, told.events)
}
