//! Plugins that take more than there is, or write for the terminal and not for people, in a run with others.

use std::fmt::Write;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::harness::{PLUGINS, Place, Ran};

/// Limits that are met soon.
const SETTINGS: &str = "
[plugins.hostile.limits]
memory = '32 MiB'
keys = 5000
outputs = '16 MiB'
logs = '256 KiB'
metadata = '1 MiB'
blobs = '16 MiB'
handles = 200
";

/// What is abused, and how its step fails.
const ABUSES: [(&str, &str); 16] = [
    ("time", "timed-out"),
    ("sleep", "timed-out"),
    ("memory", "out-of-memory"),
    ("stack", "stack-overflow"),
    ("pointer", "trapped"),
    ("panic", "trapped"),
    ("exit", "exited"),
    ("value", "value-too-large"),
    ("outputs", "outputs-too-large"),
    ("keys", "too-many-keys"),
    ("logs", "logs-too-large"),
    ("print", "logs-too-large"),
    ("metadata", "metadata-too-large"),
    ("blobs", "blobs-too-large"),
    ("handles", "too-many-handles"),
    ("words", "solid-failed"),
];

/// The memory that SECURITY.md allows the host for steps like these on two workers: 128 MiB of its own, and for each worker a
/// step's memory, 16 MiB, and 10 times the largest value, which is no tree here.
const MOST_RESIDENT: u64 = (128 + 2 * (32 + 16 + 10 * 4)) << 20;

/// Every abuse among steps that do nothing wrong, and what these come to.
fn pipeline() -> (String, Json) {
    let mut text = "load(\"plugin:hostile\", \"abuse\")\nload(\"plugin:numbers\", \"add\", \"emit_ten\", \"multiply_by_two\")\n\n\
                    def main():\n    sums = [emit_ten().map(multiply_by_two).collect()]\n"
        .to_owned();
    for (number, (what, kind)) in ABUSES.iter().enumerate() {
        let timeout = if *kind == "timed-out" { ".with_timeout(0.2)" } else { "" };
        writeln!(text, "    abuse.alias(\"{what}_\").configured({{\"what\": \"{what}\"}}){timeout}()")
            .unwrap();
        writeln!(text, "    sums.append(add({number}, 1000))").unwrap();
    }
    let doubled = (0..10).map(|number| json!(2 * number)).collect();
    let sums = (0..ABUSES.len()).map(|number| json!(number + 1000));
    (text + "    return sums\n\npipeline(main)\n", [doubled].into_iter().chain(sums).collect())
}

/// Runs a command to its end, and tells the most memory that its process had resident, in bytes.
fn run_measured(mut command: Command) -> (Ran, u64) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    std::thread::scope(|scope| {
        let [out, err] = [read(scope, out), read(scope, err)];
        let (exit, most) = watch(&mut child, id);
        (Ran { exit, stdout: out.join().unwrap(), stderr: err.join().unwrap() }, most)
    })
}

fn read<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    from: impl std::io::Read + Send + 'scope,
) -> std::thread::ScopedJoinHandle<'scope, String> {
    scope.spawn(|| std::io::read_to_string(from).unwrap())
}

/// Waits for a process; its exit code, and the most memory that it had resident.
fn watch(child: &mut Child, id: u32) -> (i32, u64) {
    let mut most = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kibibytes) = peak.and_then(|text| text.trim().strip_suffix(" kB")) {
            most = most.max(kibibytes.parse::<u64>().unwrap() << 10);
        }
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code().unwrap_or(-1), most);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn whatever_a_plugin_does_its_siblings_finish_and_the_host_stays_small() {
    let place = Place::new();
    let (text, wanted) = pipeline();
    fs::write(place.path().join("main.star"), text).unwrap();
    fs::write(place.path().join("fanfold.toml"), SETTINGS).unwrap();
    let (ran, most) = run_measured(place.run_command("main.star", &["--jobs", "2"]));
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    let run = ran.json();
    assert_eq!(run["result"], wanted);
    let told = |failure: &Json| {
        assert!(!failure["message"].as_str().unwrap().is_empty(), "{failure}");
        ["step", "solid", "kind"].map(|fact| failure[fact].as_str().unwrap_or_default().to_owned()).join(" ")
    };
    let mut failures: Vec<String> = run["failures"].as_array().unwrap().iter().map(told).collect();
    failures.sort();
    let mut expected = ABUSES.map(|(what, kind)| format!("{what}_ hostile:abuse {kind}"));
    expected.sort();
    assert_eq!(failures, expected);
    assert!(most < MOST_RESIDENT, "{} MiB", most >> 20);

    // What people read of it afterwards says the same.
    let shown = place.fanfold(&["runs", "show", "r", "--store", "store"]).stdout;
    for (what, kind) in ABUSES {
        assert!(shown.contains(&format!("\n  {what}_ (hostile:abuse)  {kind}: ")), "{shown}");
    }
}

#[test]
fn nothing_that_a_plugin_says_acts_on_a_terminal() {
    let place = Place::new();
    let pipeline = "load(\"plugin:hostile\", \"paint\")\n\ndef main():\n    \
                    return [paint(False).result, paint.alias(\"failing\")(True).result]\n\npipeline(main)\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let plugins = PLUGINS.display().to_string();
    let with_plugins = ["--plugins", &plugins];
    let with_store = ["--store", "store"];
    let run = ["run", "main.star", "--run-id", "r"];
    let mut all = vec![[&run[..], &with_plugins, &with_store].concat()];
    for format in ["text", "json", "dot", "mermaid"] {
        all.push([&["plan", "main.star", "--format", format], &with_plugins[..]].concat());
    }
    let asset = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\r\u{8}\u{7f}<script>alert(1)</script>\n/b";
    for format in ["text", "json"] {
        let format = ["--format", format];
        for verb in [&["plugins", "ls"][..], &["plugins", "inspect", "hostile"]] {
            all.push([verb, &with_plugins, &format].concat());
        }
        for verb in [
            &["runs", "show", "r"][..],
            &["runs", "ls"],
            &["events", "r"],
            &["logs", "r"],
            &["outputs", "r"],
            &["assets"],
            &["assets", asset],
        ] {
            all.push([verb, &with_store, &format].concat());
        }
    }
    all.push([&["retry", "r", "--run-id", "s", "--format", "json"], &with_plugins[..], &with_store].concat());
    for arguments in all {
        let ran = place.fanfold(&arguments);
        assert!(matches!(ran.exit, 0 | 1), "{arguments:?}: {}", ran.stderr);
        for text in [&ran.stdout, &ran.stderr] {
            let harmful = text.chars().find(|it| {
                (it.is_control() && !matches!(it, '\n' | '\t')) || matches!(it, '\u{202a}'..='\u{202e}')
            });
            assert_eq!(harmful, None, "{arguments:?}: {text:?}");
        }
    }
}
