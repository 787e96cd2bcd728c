//! Runs that are run again, in whole or in part. Cases with a number are issues of the reference, where a retry lost,
//! skipped or repeated clones.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use fanfold::store::{Fact, Store};
use fanfold_graph::plan::Plan;
use fanfold_graph::run::Run;
use serde_json::{Value as Json, json};

use crate::harness::{PLUGINS, Place, Ran};

fn place(pipeline: &str) -> Place {
    let place = Place::new();
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    place
}

/// A retry of run `r` as run `again`, its summary as JSON.
fn retry(place: &Place, arguments: &[&str]) -> Ran {
    retry_of(place, "r", "again", arguments)
}

fn retry_of(place: &Place, run: &str, again: &str, arguments: &[&str]) -> Ran {
    let plugins = PLUGINS.display().to_string();
    let fixed = ["--plugins", &plugins, "--store", "store", "--run-id", again, "--format", "json"];
    place.fanfold(&[&["retry", run], &fixed[..], arguments].concat())
}

/// The steps that were executed in a run, each once, in the order of their names.
fn executed(place: &Place, run: &str) -> Vec<String> {
    let store = Store::open(&place.path().join("store")).unwrap();
    let record = store.find(run).unwrap().unwrap();
    let mut state = Run::new(Plan::new(record.pipeline.clone()).unwrap().into());
    let mut executed = Vec::new();
    for entry in store.entries(&record).unwrap() {
        if let Some(event) = entry.event() {
            _ = state.apply(&event).unwrap();
        }
        if let Fact::StepStarted { step } = entry.fact {
            executed.push(state.step_key(step).to_string());
        }
    }
    executed.sort();
    executed
}

fn outputs(place: &Place, run: &str, step: &str) -> Json {
    place.fanfold(&["outputs", run, step, "--store", "store", "--format", "json"]).json()
}

/// Starts run `r`, and kills it when `is_due` says so of its log so far.
fn killed_when(place: &Place, is_due: impl Fn(&[Fact]) -> bool) {
    let mut command = place.run_command("main.star", &["--jobs", "2"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let recorded = || {
        let store = Store::open_existing(&place.path().join("store")).ok()??;
        store.entries(&store.find("r").ok()??).ok()
    };
    loop {
        let facts: Vec<Fact> = recorded().into_iter().flatten().map(|entry| entry.fact).collect();
        if is_due(&facts) {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn count(facts: &[Fact], wanted: impl Fn(&Fact) -> bool) -> usize {
    facts.iter().filter(|fact| wanted(fact)).count()
}

/// 19490, 20925, 30077: the process dies while some clones run and others have not begun. All of them run in the retry,
/// and the collect waits for them.
#[test]
fn clones_that_ran_or_had_not_begun_when_the_run_died_run_in_the_retry() {
    let place = place(
        r#"
load("plugin:numbers", "emit", "sleep", "sum_numbers")

def main():
    return sum_numbers(emit(6).map(sleep.configured({"ms": 300})).collect())

pipeline(main)
"#,
    );
    // The generator and two clones have ended.
    killed_when(&place, |facts| count(facts, |fact| matches!(fact, Fact::StepSucceeded { .. })) >= 3);
    let ran = retry(&place, &["--from-failure"]);
    assert_eq!((ran.exit, ran.json()["result"].clone()), (0, json!(15)), "{}", ran.stderr);
    let done = executed(&place, "again");
    assert!(!done.contains(&"emit".to_owned()) && done.contains(&"sum_numbers".to_owned()), "{done:?}");
    assert_eq!(ran.json()["taken"].as_u64().unwrap() + done.len() as u64, 8, "{done:?}");
    assert!(done.len() > 1 && done.len() <= 6, "{done:?}");
}

/// 30248: the run fails before any clone exists. The retry runs what failed, and every clone.
#[test]
fn a_run_that_failed_before_its_fan_out_fans_out_in_the_retry() {
    let place = failing_once("emit(gate(num_range())).map(echo).collect()");
    assert_eq!(place.run("main.star", &[]).exit, 1);
    assert_eq!(executed(&place, "r"), ["gate", "num_range"]);
    let ran = retry(&place, &["--from-failure", "--allow-read", "faults=flag"]);
    assert_eq!((ran.exit, ran.json()["result"].clone()), (0, json!([0, 1, 2])), "{}", ran.stderr);
    assert_eq!(executed(&place, "again"), ["echo[0]", "echo[1]", "echo[2]", "emit", "gate"]);
}

/// 30972: chained maps are interrupted at different depths. Each chain goes on where it was.
#[test]
fn chains_that_died_at_different_depths_go_on_where_they_were() {
    let place = place(
        r#"
load("plugin:numbers", "emit", "sleep", "sum_numbers")

def main():
    step = sleep.configured({"ms": 60})
    chained = emit(4).map(step).map(step.alias("two")).map(step.alias("three")).map(step.alias("four"))
    return sum_numbers(chained.collect())

pipeline(main)
"#,
    );
    let is_end = |fact: &Fact| matches!(fact, Fact::StepSucceeded { .. });
    killed_when(&place, |facts| count(facts, is_end) >= 8);
    let ran = retry(&place, &["--from-failure"]);
    assert_eq!((ran.exit, ran.json()["result"].clone()), (0, json!(6)), "{}", ran.stderr);
    assert_eq!(ran.json()["steps"], json!({ "succeeded": 18 }));
    let taken = ran.json()["taken"].as_u64().unwrap();
    assert!(taken >= 8, "{taken}");
    assert_eq!(executed(&place, "again").len() as u64, 18 - taken);
}

/// 5668: what was skipped in the parent is skipped again, and what was not needs no file of it.
#[test]
fn a_retry_skips_what_was_skipped_and_collects_what_was_there() {
    let place = failing_once("gate(sum_numbers(emit(3).map(lambda n: echo(multiout(n).a)).collect()))");
    let ran = place.run("main.star", &[]);
    assert_eq!(ran.json()["steps"], json!({ "succeeded": 6, "failed": 1, "skipped": 2 }), "{}", ran.stdout);
    let ran = retry(&place, &["--from-failure", "--allow-read", "faults=flag"]);
    assert_eq!(ran.json()["steps"], json!({ "succeeded": 7, "skipped": 2 }), "{}", ran.stderr);
    assert_eq!((ran.json()["result"].clone(), ran.json()["taken"].clone()), (json!(1), json!(6)));
    assert_eq!(executed(&place, "again"), ["gate"]);
}

/// A pipeline whose solid `gate` passes its input on once `flag` is granted to it, and fails before.
fn failing_once(result: &str) -> Place {
    let place = place(&format!(
        "load(\"plugin:numbers\", \"emit\", \"echo\", \"multiout\", \"num_range\", \"sum_numbers\")\n\
         load(\"plugin:faults\", \"gate\")\n\
         pipeline(lambda: {result}, name = \"main\")\n"
    ));
    fs::create_dir(place.path().join("flag")).unwrap();
    place
}

/// What a run says of how to go on is typed as it stands, and does that: with the store and the plugins of that run.
#[test]
fn the_command_that_a_failed_run_suggests_goes_on_with_it() {
    let place = failing_once("gate(echo(1))");
    std::os::unix::fs::symlink(&*PLUGINS, place.path().join("our plugins")).unwrap();
    let directories = ["--plugins", "our plugins", "--store", "it's here", "--run-id", "r"];
    let failed = place.fanfold(&[&["run", "main.star"], &directories[..]].concat());
    let suggested =
        failed.stderr.rsplit_once("run again what failed: fanfold ").expect(&failed.stderr).1.trim();
    assert_eq!(suggested, "retry r --from-failure --plugins 'our plugins' --store \"it's here\"");
    let typed = format!("{} {suggested} --allow-read faults=flag", env!("CARGO_BIN_EXE_fanfold"));
    let mut shell = Command::new("sh");
    shell
        .current_dir(place.path())
        .env("FANFOLD_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    shell.args(["-c", &typed]);
    let ran = Ran::of(shell);
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "1\n"), "{}", ran.stderr);
}

#[test]
fn a_retry_of_a_retry_needs_the_first_run_no_more() {
    let place = failing_once("gate(sum_numbers(emit(3).map(echo).collect()))");
    assert_eq!(place.run("main.star", &[]).exit, 1);
    assert_eq!(retry_of(&place, "r", "second", &["--from-failure"]).exit, 1);
    assert_eq!(executed(&place, "second"), ["gate"]);
    let ran = retry_of(&place, "second", "third", &["--from-failure", "--allow-read", "faults=flag"]);
    assert_eq!((ran.exit, ran.json()["result"].clone()), (0, json!(3)), "{}", ran.stderr);
    assert_eq!((ran.json()["parent"].clone(), ran.json()["taken"].clone()), (json!("second"), json!(5)));
    assert_eq!(outputs(&place, "third", "echo"), json!({ "echo": { "result": { "0": 0, "1": 1, "2": 2 } } }));
    // What was granted with the third is granted with its retries.
    let ran = retry_of(&place, "third", "fourth", &[]);
    assert_eq!((ran.exit, ran.json()["taken"].clone()), (0, json!(0)), "{}", ran.stderr);
    assert_eq!(executed(&place, "fourth").len(), 6);
}

#[test]
fn a_run_without_failures_is_not_retried_from_one() {
    let place = place(
        "load(\"plugin:numbers\", \"emit\", \"echo\")\npipeline(lambda: emit().map(echo), name = \"p\")\n",
    );
    assert_eq!(place.run("main.star", &[]).exit, 0);
    let ran = retry(&place, &["--from-failure"]);
    let told = "error: every step of run `r` has succeeded: there is no failure to go on from\n\
                hint: run all of it again without `--from-failure`, or some of it with `--select`\n";
    assert_eq!((ran.exit, ran.stderr.as_str()), (2, told));
}

const NESTED: &str = r#"
load("plugin:numbers", "emit", "dynamic_add", "echo", "sum_numbers")

def main():
    return sum_numbers.alias("total")(emit(2).map(lambda n: sum_numbers(dynamic_add(n).map(echo).collect())).collect())

pipeline(main)
"#;

#[test]
fn what_is_selected_runs_and_nothing_else() {
    let place = place(NESTED);
    assert_eq!(place.run("main.star", &[]).exit, 0);
    for (number, (patterns, wanted)) in [
        (&["echo[1][2]"][..], &["echo[1][2]"][..]),
        (&["echo[1][2]*"], &["echo[1][2]", "sum_numbers[1]", "total"]),
        (&["+sum_numbers[0]", "total"], &["echo[0][1]", "echo[0][2]", "sum_numbers[0]", "total"]),
        (&["dynamic_add[?]"], &["dynamic_add[0]", "dynamic_add[1]"]),
    ]
    .into_iter()
    .enumerate()
    {
        let again = format!("again{number}");
        let ran = retry_of(&place, "r", &again, &[&["--select"], patterns].concat());
        assert_eq!((ran.exit, ran.json()["result"].clone()), (0, json!(8)), "{}", ran.stderr);
        assert_eq!(executed(&place, &again), wanted);
        assert_eq!(ran.json()["taken"], 10 - wanted.len());
    }
    for (pattern, told) in [
        ("ehco", "error: the pipeline has no solid `ehco`\nhint: did you mean `echo`?\n"),
        ("echo[1][7]", "error: the run has no step `echo[1][7]`\nhint: did you mean `echo[1][1]`?\n"),
    ] {
        let ran = retry(&place, &["--select", pattern]);
        assert_eq!((ran.exit, ran.stderr.as_str()), (2, told));
    }
}

#[test]
fn what_was_not_selected_and_never_ran_is_left_out_with_a_hint() {
    let place = failing_once("sum_numbers(emit(3).map(gate).collect())");
    assert_eq!(place.run("main.star", &[]).exit, 1);
    let plugins = PLUGINS.display().to_string();
    let granted = ["--plugins", &plugins, "--store", "store", "--allow-read", "faults=flag"];
    let text = place.fanfold(&[&["retry", "r", "--run-id", "a", "--select", "gate"], &granted[..]].concat());
    assert_eq!(text.exit, 1, "{}", text.stderr);
    let hint = "hint: 1 step was not selected and did not run; `*` after a pattern selects what follows\n";
    assert!(text.stderr.ends_with(hint), "{}", text.stderr);
    // One clone alone: the others stay failed, and so the collect does not run.
    let one =
        place.fanfold(&[&["retry", "r", "--run-id", "b", "--select", "gate[1]*"], &granted[..]].concat());
    assert!(
        one.stderr.contains("2 steps succeeded, 2 failed, 1 not run; 3 taken from run `r`\n"),
        "{}",
        one.stderr
    );
    assert_eq!(executed(&place, "b"), ["gate[1]"]);
    let all = place.fanfold(&[&["retry", "r", "--run-id", "c", "--select", "gate*"], &granted[..]].concat());
    assert_eq!((all.exit, all.stdout.as_str()), (0, "3\n"), "{}", all.stderr);
    let listed = place.fanfold(&["runs", "ls", "--store", "store"]).stdout;
    assert!(listed.starts_with("c             succeeded    main  retry of r\n"), "{listed}");
    let shown = place.fanfold(&["runs", "show", "c", "--store", "store", "--format", "json"]).json();
    assert_eq!(
        [&shown["parent"], &shown["retry_mode"], &shown["taken"]],
        [&json!("r"), &json!({ "select": ["gate*"] }), &json!(1)]
    );
}

#[test]
fn a_retry_that_is_killed_is_resumed_by_the_same_rule() {
    let place = place(
        r#"
load("plugin:numbers", "emit", "sleep", "sum_numbers")

def main():
    return sum_numbers(emit(5).map(sleep.configured({"ms": 200})).collect())

pipeline(main)
"#,
    );
    assert_eq!(place.run("main.star", &[]).exit, 0);
    let plugins = PLUGINS.display().to_string();
    let fixed = ["--plugins", &plugins, "--store", "store", "--jobs", "1", "--format", "json"];
    let select = ["retry", "r", "--run-id", "again", "--select", "sleep[1]", "sleep[3]"];
    let mut command = place.command(&[&select[..], &fixed[..]].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let store = Store::open(&place.path().join("store")).unwrap();
    let is_started = || {
        let log =
            store.find("again").unwrap().map_or_else(Vec::new, |record| store.entries(&record).unwrap());
        log.iter().any(|entry| matches!(entry.fact, Fact::StepStarted { .. }))
    };
    while !is_started() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = place.fanfold(&[&["resume", "again"], &fixed[..]].concat());
    assert_eq!((ran.exit, ran.json()["result"].clone()), (0, json!(10)), "{}", ran.stderr);
    assert_eq!((ran.json()["parent"].clone(), ran.json()["taken"].clone()), (json!("r"), json!(5)));
    let mut done = executed(&place, "again");
    done.dedup();
    assert_eq!(done, ["sleep[1]", "sleep[3]"]);
}

#[test]
fn a_run_that_is_running_is_not_retried() {
    let place = place(
        "load(\"plugin:numbers\", \"sleep\")\npipeline(lambda: sleep.configured({\"ms\": 60000})(1), name = \"p\")\n",
    );
    let mut child =
        place.run_command("main.star", &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    loop {
        let ran = retry(&place, &[]);
        if ran.stderr.starts_with("error: run `r` is still running\n") {
            assert_eq!(ran.exit, 2);
            break;
        }
        assert!(ran.stderr.contains("no run `r`"), "{}", ran.stderr);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_plugin_that_changed_is_used_with_a_warning_and_one_with_other_solids_is_refused() {
    let place = place(
        "load(\"plugin:p\", \"emit\", \"echo\")\npipeline(lambda: emit().map(echo), name = \"main\")\n",
    );
    let plugins = place.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    let code = fs::read(PLUGINS.join("numbers.wasm")).unwrap();
    let fixed = ["--plugins", "plugins", "--store", "store", "--format", "json"];
    let fanfold = |arguments: &[&str]| place.fanfold(&[arguments, &fixed[..]].concat());
    fs::write(plugins.join("p.wasm"), &code).unwrap();
    assert_eq!(fanfold(&["run", "main.star", "--run-id", "r"]).exit, 0);
    // An empty custom section named `x` changes a component's digest and nothing else.
    fs::write(plugins.join("p.wasm"), [&code[..], &[0, 2, 1, b'x']].concat()).unwrap();
    let ran = fanfold(&["retry", "r", "--run-id", "a", "--select", "echo[1]"]);
    let told = ran.stderr.trim_start_matches("compiling plugin `p`, once\n");
    assert_eq!((ran.exit, told), (0, "warning: plugin `p` has changed since run `r`\n"));
    fs::copy(PLUGINS.join("faults.wasm"), plugins.join("p.wasm")).unwrap();
    let ran = fanfold(&["retry", "r", "--run-id", "b"]);
    let told = "error: plugin `p` describes its solid `echo` in another way\n\
                hint: the pipeline has to be composed anew: `fanfold run` instead of `retry r`\n";
    assert_eq!(ran.exit, 3);
    assert!(ran.stderr.starts_with(told), "{}", ran.stderr);
}
