//! Plugins as people write them: built from the examples' source, and run with and without grants.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fanfold::plugin_build::{BuildRequest, Excluded, Outcome, build};
use fanfold::sandbox::*;
use fanfold_graph::name::PluginName;
use fanfold_graph::retry::RetryRequest;

use crate::harness::{Recorder, Step, emitted, load};

/// Builds `plugins/NAME` and returns the component's file.
fn built(name: &str) -> (PathBuf, Outcome) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let request = BuildRequest {
        crate_dir: &here.join("../plugins").join(name),
        name: &PluginName::new(name).unwrap(),
        out_dir: &temporary.join("plugins"),
        target_dir: &temporary.join("plugins-target"),
        excluded: Excluded::INSTALLING,
        has_colors: false,
    };
    match build(&request, |_| {}) {
        Ok(built) => (built.file, built.outcome),
        Err(error) => panic!("{error}\nhint: {:?}", error.hint()),
    }
}

pub(crate) fn plugin(name: &str) -> Plugin {
    load(&std::fs::read(built(name).0).unwrap()).unwrap()
}

static FILES: LazyLock<Plugin> = LazyLock::new(|| plugin("files"));
static NUMBERS: LazyLock<Plugin> = LazyLock::new(|| plugin("numbers"));

fn granted(host: &Path) -> Grants {
    let grant = DirectoryGrant { host: host.to_owned(), guest: "/data".to_owned(), access: Access::ReadOnly };
    Grants::new(vec![grant].into()).unwrap()
}

fn single(name: &str, json: &str) -> Input {
    Input { name: name.into(), value: InputValue::Single(Value::Json(json.into())) }
}

#[test]
fn building_again_changes_nothing() {
    built("numbers");
    let (file, outcome) = built("numbers");
    assert_eq!(outcome, Outcome::Unchanged);
    assert!(file.ends_with("plugins/numbers.wasm"));
}

#[test]
fn numbers_are_added_and_emitted() {
    let recorder = Recorder::default();
    let step = Step { solid: Some("add"), recorder: recorder.clone(), ..Step::default() };
    Step { inputs: vec![single("x", "2"), single("y", "3")], ..step }.run(&NUMBERS).unwrap();
    assert_eq!(emitted(&recorder), ["5"]);
    let recorder = Recorder::default();
    Step { solid: Some("emit_ten"), recorder: recorder.clone(), ..Step::default() }.run(&NUMBERS).unwrap();
    assert_eq!(emitted(&recorder).len(), 10);
}

#[test]
fn a_solids_own_failure_arrives_with_its_wish() {
    let inputs = vec![single("x", &i64::MAX.to_string()), single("y", "1")];
    let failure = Step { solid: Some("add"), inputs, ..Step::default() }.run(&NUMBERS).unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::SolidFailed, RetryRequest::Never));
}

#[test]
fn a_granted_directory_is_all_that_a_plugin_sees() {
    let outside = tempfile::tempdir().unwrap();
    let data = outside.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(outside.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(data.join("a.txt"), "one two\n").unwrap();
    std::os::unix::fs::symlink("../secret.txt", data.join("link.txt")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", data.join("absolute.txt")).unwrap();
    let read = |path: &str, grants: Grants| {
        let recorder = Recorder::default();
        let inputs = vec![single("file", &format!("\"{path}\""))];
        let step = Step {
            solid: Some("process_file"),
            inputs,
            grants,
            recorder: recorder.clone(),
            ..Step::default()
        };
        step.run(&FILES).map(|_| emitted(&recorder).remove(0))
    };
    assert!(read("/data/a.txt", granted(&data)).unwrap().contains("\"words\":2"));
    for path in ["/data/../secret.txt", "/data/link.txt", "/data/absolute.txt", "/etc/passwd", "a.txt"] {
        let failure = read(path, granted(&data)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::SolidFailed, "{path}: {failure}");
    }
    assert_eq!(read("/data/a.txt", Grants::none()).unwrap_err().kind, FailureKind::SolidFailed);
}

#[test]
fn files_are_listed_while_the_step_runs() {
    let data = tempfile::tempdir().unwrap();
    for name in ["a.txt", "b.txt", "c.md"] {
        std::fs::write(data.path().join(name), name).unwrap();
    }
    let recorder = Recorder::default();
    let step = Step { solid: Some("files_in_directory"), recorder: recorder.clone(), ..Step::default() };
    let config = Some(r#"{"path": "/data"}"#.to_owned());
    Step { config, grants: granted(data.path()), ..step }.run(&FILES).unwrap();
    assert_eq!(emitted(&recorder).len(), 3);
}

#[test]
fn a_directory_that_went_away_is_the_hosts_failure() {
    let data = tempfile::tempdir().unwrap();
    let grants = granted(data.path());
    drop(data);
    let failure =
        Step { solid: Some("files_in_directory"), grants, ..Step::default() }.run(&FILES).unwrap_err();
    assert_eq!(failure.kind, FailureKind::HostFailed, "{failure}");
}
