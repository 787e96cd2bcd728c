//! What is in the plugins directory, and what the settings let it do.

use std::fs;
use std::process::Command;

use crate::harness::{PLUGINS, Place, Ran};

const SLEEPER: &str = r#"
load("plugin:numbers", "sleep", "echo")

def main():
    return sleep.configured({"ms": 60000})(1), echo("a text that is longer than ten bytes")

pipeline(main)
"#;

/// The kind of each step's failure under these settings, which all other steps survive.
fn failures_under(settings: &str, pipeline: &str) -> Vec<String> {
    let place = Place::new();
    fs::write(place.path().join("fanfold.toml"), settings).unwrap();
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let ran = place.run("main.star", &[]);
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    let run = ran.json();
    let failures = run["failures"].as_array().unwrap().iter();
    failures.map(|it| format!("{} {}", it["step"].as_str().unwrap(), it["kind"].as_str().unwrap())).collect()
}

#[test]
fn limits_of_the_settings_hold_and_have_kinds_of_their_own() {
    let of_solids = "[plugins.numbers.solids.sleep]\nlimits = { wall = \"50ms\" }\n[plugins.numbers.solids.echo]\nlimits = { value = 10 }\n";
    let mut found = failures_under(of_solids, SLEEPER);
    found.sort();
    assert_eq!(found, ["echo value-too-large", "sleep timed-out"]);
    let ten = "load(\"plugin:numbers\", \"emit_ten\")\npipeline(lambda: emit_ten(), name = \"p\")\n";
    assert_eq!(failures_under("[plugins.numbers]\nlimits = { keys = 9 }\n", ten), ["emit_ten too-many-keys"]);
    assert_eq!(failures_under("[limits]\nmemory = \"64 KiB\"\n", ten), ["emit_ten out-of-memory"]);
    assert_eq!(failures_under("[limits]\nfuel = 1000\n", ten), ["emit_ten out-of-fuel"]);
}

/// A place with a plugins directory of its own, and one plugin in it.
fn with_a_plugin() -> Place {
    let place = Place::new();
    let plugins = place.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    fs::copy(PLUGINS.join("numbers.wasm"), plugins.join("numbers.wasm")).unwrap();
    place
}

#[test]
fn who_waits_for_a_plugin_to_be_compiled_is_told() {
    let place = with_a_plugin();
    let told = || {
        let mut command = place.command(&["plugins", "ls", "--plugins", "plugins"]);
        command.env("FANFOLD_CACHE", "cache");
        let ran = Ran::of(command);
        assert!(ran.exit == 0 && ran.stdout.contains("numbers"), "{}", ran.stderr);
        ran.stderr
    };
    assert_eq!(told(), "compiling plugin `numbers`, once\n");
    assert_eq!(told(), "");
}

#[test]
fn a_system_without_room_is_not_the_plugins_fault() {
    let place = with_a_plugin();
    // What the plugin's memory begins with is a file, if on no disk, and longer than files may be.
    let mut command = Command::new("bash");
    command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "bash", env!("CARGO_BIN_EXE_fanfold")]);
    command.args(["plugins", "ls", "--plugins", "plugins"]).current_dir(place.path());
    command.env("FANFOLD_CACHE", "cache");
    let ran = Ran::of(command);
    assert!(ran.stdout.contains("numbers.wasm` cannot describe its solids: host-failed: "), "{}", ran.stdout);
}

#[test]
fn what_is_no_plugin_is_named_and_stops_nothing() {
    let place = with_a_plugin();
    let plugins = place.path().join("plugins");
    let good = fs::read(PLUGINS.join("numbers.wasm")).unwrap();
    fs::write(plugins.join("cut.wasm"), &good[..good.len() / 2]).unwrap();
    fs::write(plugins.join("core.wasm"), b"\0asm\x01\0\0\0").unwrap();
    fs::write(plugins.join("noise.wasm"), b"\x1b[2Jnoise").unwrap();
    fs::write(
        place.path().join("main.star"),
        "load(\"plugin:numbers\", \"echo\")\npipeline(lambda: echo(7), name = \"p\")\n",
    )
    .unwrap();
    let ran = place.fanfold(&["run", "main.star", "--plugins", "plugins", "--format", "json"]);
    assert_eq!((ran.exit, &ran.json()["result"]), (0, &7.into()));
    for name in ["cut.wasm", "core.wasm", "noise.wasm"] {
        assert!(ran.stderr.contains(&format!("warning: plugin `{name}` ")), "{}", ran.stderr);
    }
    fs::write(place.path().join("main.star"), "load(\"plugin:core\", \"echo\")\n").unwrap();
    let refused = place.fanfold(&["run", "main.star", "--plugins", "plugins"]);
    assert_eq!(refused.exit, 3);
    assert!(refused.stderr.contains("error: plugin `core.wasm` "), "{}", refused.stderr);
}

#[test]
fn a_directory_is_seen_only_by_the_plugin_that_it_is_granted_to() {
    let place = Place::new();
    fs::create_dir(place.path().join("docs")).unwrap();
    fs::write(place.path().join("docs/a"), "a").unwrap();
    let pipeline = "load(\"plugin:files\", \"files_in_directory\")\npipeline(lambda: files_in_directory.configured({\"path\": \"docs\"})(), name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    assert_eq!(
        place.run("main.star", &["--allow-read", "files=docs"]).json()["result"],
        serde_json::json!({"a": "docs/a"})
    );
    for arguments in [&[][..], &["--allow-read", "numbers=docs"]] {
        let other = Place::new();
        fs::create_dir(other.path().join("docs")).unwrap();
        fs::write(other.path().join("main.star"), pipeline).unwrap();
        let ran = other.run("main.star", arguments);
        assert_eq!((ran.exit, ran.json()["failures"][0]["kind"].clone()), (1, "solid-failed".into()));
    }
    for (arguments, wanted) in [
        (["--allow-read", "flies=docs"], "did you mean `files`?"),
        (["--allow-read", "files=nowhere"], "it is no directory"),
        (["--allow-write", "files=../.."], "with `..`"),
    ] {
        let ran = place.fanfold(
            &[&["run", "main.star", "--plugins", &PLUGINS.display().to_string()], &arguments[..]].concat(),
        );
        assert_eq!(ran.exit, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
    }
}
