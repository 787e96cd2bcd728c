//! What a solid reaches of the world, with grants and without: files, environment, time, randomness and the network.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use fanfold::sandbox::*;
use serde_json::{Value as Json, json};

use crate::guests::{Guest, HTTP, RESPONSES};
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
fn a_directory_to_read_is_not_changed_by_way_of_another() {
    // A second name for a file in a directory to read, made in one to write, would be a way to write to it.
    let (_root, data) = data_and_secret();
    let own = tempfile::tempdir().unwrap();
    let grant = |host: &Path, guest: &str, access| DirectoryGrant {
        host: host.to_owned(),
        guest: guest.to_owned(),
        access,
    };
    let grants: GrantList =
        vec![grant(own.path(), "/own", Access::ReadWrite), grant(&data, "/data", Access::ReadOnly)].into();
    std::os::unix::fs::symlink(data.join("file"), own.path().join("link")).unwrap();
    let ways: &[&[&str]] = &[
        &["link", "/data/file", "/own/file"],
        &["rename", "/data/file", "/own/file"],
        &["rename", "/own/mine", "/data/file"],
        &["link", "/own/mine", "/data/mine"],
        &["write", "/own/link", "x"],
        &["write", "/own/../data/file", "x"],
    ];
    assert_eq!(attempted(&grants, &[&["write", "/own/mine", "x"]]), ["ok"]);
    assert_eq!(attempted(&grants, ways), vec!["denied"; ways.len()]);
    assert_eq!(fs::read_to_string(data.join("file")).unwrap(), "content");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 7);
}

#[test]
fn no_race_leads_out_of_a_granted_directory() {
    let (root, data) = data_and_secret();
    let at = |path: &str| data.join(path);
    fs::create_dir_all(at("dir/deep")).unwrap();
    fs::write(at("dir/secret"), "inner").unwrap();
    fs::write(at("dir/deep/secret"), "inner").unwrap();
    std::os::unix::fs::symlink("..", at("link")).unwrap();
    let grants = directory(&data, Access::ReadWrite);
    let ways: &[&[&str]] = &[
        &["read", "/data/x/secret"],
        &["read", "/data/x/deep/../../secret"],
        &["read", "/data/deep/../../secret"],
        &["write", "/data/x/secret", "owned"],
        &["rename", "/data/x/secret", "/data/x/other"],
        &["rename", "/data/x/other", "/data/x/secret"],
        &["link", "/data/x/secret", "/data/mine"],
        &["read", "/data/mine"],
        &["remove", "/data/mine"],
    ];
    let tries: Vec<&[&str]> = ways.iter().copied().cycle().take(ways.len() * 300).collect();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let came = std::thread::scope(|scope| {
        scope.spawn(|| {
            // `x` is a directory, and then a link to where the secret is; another one moves up and down.
            let moves = [("dir", "x"), ("x", "dir"), ("link", "x"), ("x", "link")];
            let moves = moves.iter().chain(&[("dir/deep", "deep"), ("deep", "dir/deep")]).cycle();
            for (from, to) in moves.take_while(|_| !is_over.load(std::sync::atomic::Ordering::Relaxed)) {
                _ = fs::rename(at(from), at(to));
            }
        });
        let came = attempted(&grants, &tries);
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        came
    });
    for (way, came) in tries.iter().zip(came) {
        assert!(["denied", "ok", "inner", "owned", ""].contains(&came.as_str()), "{way:?}: {came}");
    }
    assert_eq!(fs::read_to_string(root.path().join("secret")).unwrap(), "secret");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
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
    let inputs =
        vec![Input { name: "path".into(), value: InputValue::Single(Value::Json("\"/tmp/big\"".into())) }];
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

#[test]
fn no_way_of_writing_an_address_leads_to_one_that_is_not_granted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Asks for what the authority says, and traps if there is an answer that is no error.
    let ask = |authority: &str| {
        let body = format!(
            "(local.set $i (call $request (call $fields)))
             (drop (call $path (local.get $i) (i32.const 1) (i32.const 2302) (i32.const 1)))
             (drop (call $scheme (local.get $i) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
             (drop (call $authority (local.get $i) (i32.const 1) (i32.const 3000) (i32.const {})))
             (call $handle (local.get $i) (i32.const 0) (i32.const 0) (i32.const 600))
             (if (i32.load8_u (i32.const 600)) (then (return (i32.const 0))))
             (local.set $i (i32.load (i32.const 608)))
             (call $block (call $answered (local.get $i)))
             (call $get (local.get $i) (i32.const 640))
             (if (i32.ne (i32.load8_u (i32.const 656)) (i32.const 1)) (then unreachable))",
            authority.len()
        );
        Guest::new(&body).import(&[HTTP, RESPONSES].concat()).data(3000, authority.as_bytes())
    };
    let grant = |host: &str, private| HostGrant::new(host, Some(port), &[], private).unwrap();
    let network = vec![
        grant("example.com", true),
        grant("*.example.com", true),
        grant("localhost", false),
        grant("127.0.0.2", false),
        grant("::1", false),
    ];
    for host in [
        "127.0.0.1",
        "0.0.0.0",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::1%25lo]",
        "[fe80::1%25eth0]",
        "localhost",
        "LOCALHOST.",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
        "example.com:80@127.0.0.1",
        "example.com#@127.0.0.1",
        "127.0.0.1#.example.com",
        "127.0.0.1/.example.com",
        "127.0.0.1\\.example.com",
        "127.0.0.1%00.example.com",
        "127.0.0.1.",
        "\u{ff11}27.0.0.1",
    ] {
        let recorder = Recorder::default();
        let grants = Grants::new(GrantList { network: network.clone(), ..GrantList::default() }).unwrap();
        let step = Step { grants, recorder: recorder.clone(), ..Step::default() };
        step.run(&plugin(ask(&format!("{host}:{port}")))).unwrap_or_else(|error| panic!("{host}: {error}"));
        let accepted = listener.accept().map(|_| ()).unwrap_err();
        assert_eq!(accepted.kind(), std::io::ErrorKind::WouldBlock, "{host}");
        for event in &recorder.0.lock().unwrap().events {
            let StepEvent::Log { source: LogSource::Host, message, .. } = event else { panic!("{event:?}") };
            assert!(message.starts_with("denied GET "), "{message}");
        }
    }
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
        name: (*name).into(),
        value: InputValue::Single(Value::Json(json.to_string().into())),
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
