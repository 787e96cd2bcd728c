//! Projects with real plugins, compiled by the toolchain that is here.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::environment::{fanfold, run};

const NOTHING_INSTALLED: &[&str] = &["build", "--no-install"];

/// A new project `digest`, which shares with all others what it compiles: a standard library takes a minute.
struct Project {
    _temporary: TempDir,
    directory: PathBuf,
}

impl Project {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let made = fanfold(temporary.path(), &["new", "digest"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        let directory = temporary.path().join("digest");
        let target = shared("plugins-target");
        fs::create_dir_all(&target).unwrap();
        fs::create_dir(directory.join(".fanfold")).unwrap();
        symlink(target, directory.join(".fanfold/target")).unwrap();
        Self { _temporary: temporary, directory }
    }

    /// Adds a crate without dependencies, known to the settings.
    fn add(&self, name: &str, code: &str) {
        let directory = self.directory.join("plugins").join(name);
        fs::create_dir_all(directory.join("src")).unwrap();
        let manifest =
            format!("[package]\nname = \"{name}\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n");
        fs::write(directory.join("Cargo.toml"), manifest).unwrap();
        fs::write(directory.join("src/lib.rs"), code).unwrap();
        self.add_to_settings(name);
    }

    fn add_to_settings(&self, name: &str) {
        let path = self.directory.join("fanfold.toml");
        let settings = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{settings}\n[plugins.{name}]\nsource = \"plugins/{name}\"\n")).unwrap();
    }
}

/// A directory that stays from test to test.
fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn a_new_project_builds_at_once_and_then_is_up_to_date() {
    let project = Project::new();
    let built = fanfold(&project.directory, NOTHING_INSTALLED);
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.stdout.starts_with("built digest ("), "{built:?}");
    assert!(project.directory.join(".fanfold/plugins/digest.wasm").is_file());

    // From below the project, too.
    let again = fanfold(&project.directory.join("plugins/digest"), NOTHING_INSTALLED);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("digest is up to date\n", ""));

    let listed = fanfold(&project.directory, &["plugins", "ls"]);
    assert!(listed.stdout.ends_with("  split_lines, count_words, add_up\n"), "{listed:?}");
    let inspected = fanfold(&project.directory, &["plugins", "inspect", "digest", "--format", "json"]);
    let inspected: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
    assert_eq!(inspected["solids"][0]["name"], "split_lines");
    assert_eq!(inspected["solids"][0]["outputs"][0]["is_dynamic"], true);
}

#[test]
fn a_new_projects_plugin_is_formatted_free_of_lints_and_tested() {
    let project = Project::new();
    let cargo = |args: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(project.directory.join("plugins/digest")).args(args);
        let ended = run(cargo.env("CARGO_TARGET_DIR", shared("native-target")));
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        ended
    };
    cargo(&["fmt", "--check"]);
    cargo(&["clippy", "--all-targets", "--", "-D", "warnings"]);
    let tested = cargo(&["test"]);
    assert!(tested.stdout.contains("test result: ok. 2 passed"), "{tested:?}");
}

#[test]
fn a_plugin_that_is_wrong_is_told_and_the_others_are_built() {
    let project = Project::new();
    project.add("broken", "pub fn f() -> u32 { \"text\" }\n");
    project.add("empty", "//! Exports nothing.\n");
    let built = fanfold(&project.directory, NOTHING_INSTALLED);
    assert_eq!(built.code, Some(3), "{built:?}");
    assert!(built.stdout.starts_with("built digest ("), "{built:?}");
    for told in [
        "error[E0308]: mismatched types\n --> src/lib.rs:1:21\n",
        "error: plugin `broken` does not compile\n",
        "error: plugin `empty`: what was compiled is a component, but not a fanfold plugin: it exports ",
        "hint: does the crate call `fanfold_sdk::plugin!`?\n",
    ] {
        assert!(built.stderr.contains(told), "{told:?} is not in:\n{}", built.stderr);
    }
    assert!(!built.stderr.contains('\u{1b}'), "colors are for terminals");

    let json = fanfold(&project.directory, &["build", "--no-install", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let statuses: Vec<_> =
        json["plugins"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, ["failed", "up-to-date", "failed"]);
}

#[test]
fn the_doctor_finds_this_machine_ready() {
    let directory = tempfile::tempdir().unwrap();
    let text = fanfold(directory.path(), &["doctor"]);
    assert_eq!(text.code, Some(0), "{text:?}");
    assert!(
        text.stdout.starts_with("compiling plugins:\n") && text.stdout.ends_with("\nready\n"),
        "{text:?}"
    );
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "it changes nothing");

    // A file where a directory should be cannot be written to, whoever asks.
    let unwritable = fanfold(directory.path(), &["doctor", "--format", "json", "--store", "/dev/null/store"]);
    let report: serde_json::Value = serde_json::from_str(&unwritable.stdout).unwrap();
    assert_eq!((unwritable.code, &report["is_ready"]), (Some(1), &false.into()), "{report}");
    assert_eq!(report["compiling"]["is_ready"], true);
}

#[test]
fn the_compilers_warnings_are_shown() {
    let project = Project::new();
    let source = project.directory.join("plugins/digest/src/lib.rs");
    let code = fs::read_to_string(&source).unwrap();
    fs::write(&source, format!("{code}\nfn unused() {{}}\n")).unwrap();
    let built = fanfold(&project.directory, NOTHING_INSTALLED);
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.stderr.contains("warning: function `unused` is never used"), "{built:?}");
}

#[test]
fn crates_of_one_name_are_not_taken_for_each_other() {
    let project = Project::new();
    let plugins = project.directory.join("plugins");
    fs::create_dir_all(plugins.join("other/src")).unwrap();
    for file in ["Cargo.toml", "Cargo.lock", "src/lib.rs"] {
        let text = fs::read_to_string(plugins.join("digest").join(file)).unwrap();
        fs::write(plugins.join("other").join(file), text.replace("add_up", "sum_up")).unwrap();
    }
    project.add_to_settings("other");
    for _ in 0..2 {
        let built = fanfold(&project.directory, NOTHING_INSTALLED);
        assert_eq!(built.code, Some(0), "{built:?}");
        let listed = fanfold(&project.directory, &["plugins", "ls"]).stdout;
        let lines: Vec<_> = listed.lines().collect();
        assert!(lines[0].starts_with("digest") && lines[0].ends_with(", add_up"), "{listed}");
        assert!(lines[1].starts_with("other") && lines[1].ends_with(", sum_up"), "{listed}");
    }
}
