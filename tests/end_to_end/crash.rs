//! Runs that are killed, canceled and taken up again end as if nothing had happened.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fanfold::store::{Entry, Fact, RunRecord, Store};
use fanfold_graph::step::StepId;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use crate::harness::{PLUGINS, Place, Ran};

/// Two levels of generators, retries, values in files, and a collect of collects; steps that take a while, so that a kill
/// hits some.
const PIPELINE: &str = r#"
load("plugin:numbers", "emit", "dynamic_add", "flaky", "multiply_by_two", "pad", "sleep", "sum_numbers")

def main():
    retried = flaky.configured({"failures": 1}).with_retry(1)
    slow = sleep.configured({"ms": 20})
    def inner(x):
        pad(x)
        return sum_numbers(dynamic_add(x).map(multiply_by_two).map(retried).map(slow).collect())
    return sum_numbers.alias("total")(emit(40).map(inner).collect())

pipeline(main)
"#;

/// How often the run is made anew and killed on its way. Each time it is killed some five times.
const ROUNDS: u64 = 12;

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

fn place() -> Place {
    let place = Place::new();
    fs::write(place.path().join("main.star"), PIPELINE).unwrap();
    place
}

const RUN: &[&str] = &["run", "main.star", "--run-id", "r"];
const RESUME: &[&str] = &["resume", "r"];

/// The result and all outputs of run `r`.
fn come_to(place: &Place, ran: &Ran) -> (Json, Json) {
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    (ran.json()["result"].clone(), place.outputs())
}

fn log(place: &Place) -> Vec<Entry> {
    let store = Store::open(&place.path().join("store")).unwrap();
    let record = store.find("r").unwrap().unwrap();
    store.entries(&record).unwrap()
}

/// A step that was recorded as done is never started again.
fn assert_nothing_ran_twice(log: &[Entry]) {
    let mut done: BTreeSet<StepId> = BTreeSet::new();
    for entry in log {
        match &entry.fact {
            Fact::StepStarted { step } => assert!(!done.contains(step), "{step:?} started after its end"),
            Fact::StepSucceeded { step, .. } => assert!(done.insert(*step), "{step:?} ended twice"),
            _ => {}
        }
    }
}

#[test]
fn a_run_that_is_killed_anywhere_ends_the_same() {
    let undisturbed = place();
    let ran = ended(start(&undisturbed, RUN));
    let wanted = come_to(&undisturbed, &ran);
    // For a longer campaign.
    let rounds = std::env::var("CRASH_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut kills: u64 = 0;
    for round in 0..rounds {
        let place = place();
        // Killed when so much is recorded, then again and again while it is resumed: whatever moment that is, is right.
        let mut draws = (0..).map(|draw: u64| (round * 977 + draw * 613) * 7_919 % 331);
        let mut wanted_entries = draws.by_ref().next().unwrap() * round / 4;
        let mut verb = RUN;
        let ran = loop {
            let mut child = start(&place, verb);
            while recorded(&place) <= wanted_entries && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if child.try_wait().unwrap().is_some() {
                break ended(child);
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            wanted_entries += draws.next().unwrap();
            assert_sound(&place);
            verb = if recorded_run(&place).is_some() { RESUME } else { RUN };
        };
        if ran.exit == 2 {
            // The last kill hit a process that had recorded the end and not yet told it.
            assert!(ran.stderr.contains("nothing to resume"), "{}", ran.stderr);
        } else {
            assert_eq!(come_to(&place, &ran).0, wanted.0);
        }
        assert_eq!(place.outputs(), wanted.1, "round {round}");
        assert_nothing_ran_twice(&log(&place));
        assert_shown_as_replayed(&place);
    }
    assert!(kills >= rounds, "{kills} kills in {rounds} rounds");
    println!("{kills} kills");
}

/// The database is sound, whatever became of who wrote it.
pub(crate) fn assert_sound(place: &Place) {
    let file = place.path().join("store/runs.db");
    if file.exists() {
        let database = rusqlite::Connection::open(file).unwrap();
        let found: String = database.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(found, "ok");
    }
}

/// What is shown of a run is what its log says.
fn assert_shown_as_replayed(place: &Place) {
    let show = || place.fanfold(&["runs", "show", "r", "--store", "store", "--format", "json"]).json();
    let shown = show();
    let database = rusqlite::Connection::open(place.path().join("store/runs.db")).unwrap();
    assert_eq!(database.execute("DELETE FROM progress", ()).unwrap(), 1);
    assert_eq!(shown, show());
}

/// Run `r`, if it is recorded.
fn recorded_run(place: &Place) -> Option<RunRecord> {
    Store::open_existing(&place.path().join("store")).ok()??.find("r").ok()?
}

/// How many entries of run `r` are on disk.
fn recorded(place: &Place) -> u64 {
    let read = || {
        let store = Store::open_existing(&place.path().join("store")).ok()??;
        store.log_length(&store.find("r").ok()??).ok()
    };
    read().unwrap_or(0)
}

#[test]
fn a_log_that_is_cut_or_damaged_anywhere_is_a_beginning_of_itself() {
    let undisturbed = place();
    let ran = ended(start(&undisturbed, RUN));
    let wanted = come_to(&undisturbed, &ran);
    let place = place();
    let mut child = start(&place, RUN);
    // The log grows by groups of entries: it is cut between several of them, and within.
    let mut grown = BTreeSet::new();
    while grown.len() < 7 {
        grown.insert(recorded(&place));
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Copied before anybody opens it, who would put the journal's content in its place.
    let journal = fs::read(place.path().join("store/runs.db-wal")).unwrap();
    let copy = |journal: &[u8]| {
        let torn = self::place();
        copy_tree(&place.path().join("store"), &torn.path().join("store"));
        fs::write(torn.path().join("store/runs.db-wal"), journal).unwrap();
        // Of the process that is gone: made anew by who comes next.
        _ = fs::remove_file(torn.path().join("store/runs.db-shm"));
        torn
    };
    let whole = log(&copy(&journal));
    let mut lengths = BTreeSet::new();
    for part in 0..=60 {
        let at = journal.len() * part / 60;
        let mut damaged = journal.clone();
        damaged[at.min(journal.len() - 1)] ^= 0x55;
        for torn in [copy(&journal[..at]), copy(&damaged)] {
            if recorded_run(&torn).is_none() {
                continue;
            }
            let log = log(&torn);
            assert!(whole.starts_with(&log), "cut at {at}");
            assert_sound(&torn);
            // Those that are new are taken up again, now and then.
            if lengths.insert(log.len()) && lengths.len() % 8 == 1 {
                let ran = ended(start(&torn, RESUME));
                assert_eq!(come_to(&torn, &ran), wanted, "cut at {at}");
            }
        }
    }
    assert!(lengths.len() > 3, "{lengths:?}");
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_full_disk_stops_a_run_that_goes_on_later() {
    let undisturbed = place();
    let ran = ended(start(&undisturbed, RUN));
    let wanted = come_to(&undisturbed, &ran);
    let place = place();
    // No file of the process may be longer than this: writing fails as it does on a full disk. What plugins' memory begins with
    // is a file, too, if on no disk: those of the example plugins take up to 60.
    for kilobytes in [64, 120, 200] {
        let verb = if recorded_run(&place).is_some() { RESUME } else { RUN };
        let plugins = PLUGINS.display().to_string();
        let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$@\"");
        let program = env!("CARGO_BIN_EXE_fanfold");
        let limited = Command::new("bash")
            .args(["-c", &script, "bash", program])
            .args([verb, &["--plugins", &plugins, "--store", "store"]].concat())
            .current_dir(place.path())
            .output()
            .unwrap();
        let told = String::from_utf8(limited.stderr).unwrap();
        assert_eq!(limited.status.code(), Some(1), "{told}");
        assert!(told.contains("error: ") && !told.contains("panicked"), "{told}");
        assert_sound(&place);
    }
    let ran = ended(start(&place, RESUME));
    assert_eq!(come_to(&place, &ran), wanted);
}

#[test]
fn a_store_that_cannot_be_is_named() {
    let place = place();
    fs::write(place.path().join("store"), "a file").unwrap();
    let ran = ended(start(&place, RUN));
    assert_eq!(ran.exit, 1);
    assert!(ran.stderr.starts_with("error: cannot use the store directory `"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn garbage_is_collected_beside_a_run_that_writes_values() {
    let place = place();
    let mut run = start(&place, RUN);
    let mut collected = 0;
    while run.try_wait().unwrap().is_none() {
        let mut child = place.command(&["gc", "--store", "store"]).stdout(Stdio::null()).spawn().unwrap();
        collected += 1;
        if collected % 3 == 0 {
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            assert!(child.wait().unwrap().success());
        }
    }
    let ran = ended(run);
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(collected > 2, "{collected}");
    let outputs = place.outputs();
    let pads = outputs["pad"]["result"].as_object().unwrap();
    assert_eq!(pads.len(), 40);
    assert!(pads.values().all(|pad| pad.as_str().map(str::len) == Some(100_000)));
    assert_sound(&place);
}

#[test]
fn a_canceled_run_says_so_and_goes_on_where_it_was() {
    let place = Place::new();
    let pipeline = r#"
load("plugin:numbers", "emit", "sleep", "sum_numbers")

def main():
    return sum_numbers(emit(6).map(sleep.configured({"ms": 1500})).collect())

pipeline(main)
"#;
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let mut done = 0;
    for signal in [Signal::INT, Signal::TERM] {
        let child = start(&place, if signal == Signal::INT { RUN } else { RESUME });
        let pid = Pid::from_child(&child);
        // Once a step has started, the process listens for signals.
        let before = done;
        while recorded(&place) <= before + 1 {
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(pid, signal).unwrap();
        let ran = ended(child);
        assert_eq!(ran.exit, 130, "{}", ran.stderr);
        assert_eq!(ran.json()["status"], "canceled");
        done = recorded(&place);
    }
    let ran = ended(start(&place, RESUME));
    assert_eq!((ran.exit, ran.json()["result"].clone()), (0, 15.into()), "{}", ran.stderr);
    assert_nothing_ran_twice(&log(&place));
    let again = ended(start(&place, RESUME));
    assert_eq!(again.exit, 2, "a run that has ended is not resumed");
}

#[test]
fn what_has_changed_since_a_run_began_is_named() {
    let place = place();
    fs::write(place.path().join("run.yaml"), "solids: {}\n").unwrap();
    let mut child = start(&place, &[RUN, &["--config", "run.yaml"]].concat());
    while recorded(&place) < 30 {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fs::write(place.path().join("main.star"), PIPELINE.replace("emit(40)", "emit(2)")).unwrap();
    fs::remove_file(place.path().join("run.yaml")).unwrap();
    let before = recorded(&place);
    let refused = ended(start(&place, RESUME));
    assert_eq!((refused.exit, recorded(&place)), (3, before));
    let file = |name: &str| place.path().join(name).display().to_string();
    let gone = format!("warning: `{}` is gone; the run goes on with what it said\n", file("run.yaml"));
    let changed = format!("error: `{}` has changed since run `r` began\nhint: ", file("main.star"));
    assert!(refused.stderr.contains(&gone) && refused.stderr.contains(&changed), "{}", refused.stderr);
    // The run has its own plan.
    let ran = ended(start(&place, &[RESUME, &["--allow-changed"]].concat()));
    let undisturbed = self::place();
    let wanted = come_to(&undisturbed, &ended(start(&undisturbed, RUN)));
    assert_eq!(come_to(&place, &ran), wanted);
}

/// A pipe can be read only once, and nobody asks it again when the run is taken up.
#[test]
fn a_pipeline_or_a_run_config_may_come_through_a_pipe() {
    let pipeline =
        "load(\"plugin:numbers\", \"multiply_by_two\")\npipeline(lambda: multiply_by_two(), name = \"p\")\n";
    let run_config = "solids: {multiply_by_two: {inputs: {y: 21}}}\n";
    for (piped, pipeline_file, config_file) in
        [(pipeline, "/dev/stdin", "run.yaml"), (run_config, "main.star", "/dev/stdin")]
    {
        let place = Place::new();
        fs::write(place.path().join("main.star"), pipeline).unwrap();
        fs::write(place.path().join("run.yaml"), run_config).unwrap();
        let mut command = place.run_command(pipeline_file, &["--config", config_file]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(piped.as_bytes()).unwrap();
        let ran = ended(child);
        assert_eq!((ran.exit, ran.json()["result"].clone()), (0, 42.into()), "{}", ran.stderr);
        let recorded = recorded_run(&place).unwrap().sources;
        let files: Vec<_> = recorded.iter().map(|source| source.path.file_name().unwrap()).collect();
        let of_file = if pipeline_file == "main.star" { "main.star" } else { "run.yaml" };
        assert_eq!(files, [of_file]);
    }
}

#[test]
fn a_damaged_value_is_a_failure_of_who_reads_it() {
    let place = Place::new();
    let pipeline =
        "load(\"plugin:numbers\", \"echo\", \"pad\")\npipeline(lambda: echo(pad(7)), name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    assert_eq!(ended(start(&place, RUN)).exit, 0);
    let values = place.path().join("store/values");
    let shards = fs::read_dir(&values).unwrap().map(|shard| shard.unwrap().path());
    let mut files =
        shards.filter(|shard| !shard.ends_with("new")).flat_map(|shard| fs::read_dir(shard).unwrap());
    let file = files.next().unwrap().unwrap().path();
    let mut content = fs::read(&file).unwrap();
    content[50_000] ^= 1;
    fs::write(&file, content).unwrap();
    let ran = ended(start(&place, &["retry", "r", "--select", "echo"]));
    let failure = &ran.json()["failures"][0];
    let message = failure["message"].as_str().unwrap();
    assert_eq!((ran.exit, failure["step"].as_str()), (1, Some("echo")));
    assert!(
        message.starts_with("cannot read an input: the value in `") && message.ends_with("` is damaged"),
        "{message}"
    );
}

#[test]
fn two_processes_do_not_run_the_same_run() {
    let place = Place::new();
    let pipeline = "load(\"plugin:numbers\", \"sleep\")\npipeline(lambda: sleep.configured({\"ms\": 60000})(1), name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let mut first = start(&place, RUN);
    loop {
        let second = ended(start(&place, RESUME));
        if second.stderr.contains("another process is running `r`") {
            assert_eq!(second.exit, 1);
            break;
        }
        assert!(second.stderr.contains("no run `r`"), "{}", second.stderr);
    }
    first.kill().unwrap();
    first.wait().unwrap();
}

/// A run of one step that never ends by itself and one that does, then `cancel` with these arguments.
fn canceled_from_outside(place: &Place, step: &[&str]) -> (Ran, Ran) {
    let pipeline = "load(\"plugin:numbers\", \"echo\", \"emit\", \"sleep\")\n\
        pipeline(lambda: [sleep.configured({\"ms\": 600000})(echo(1)), emit(3).map(echo.alias(\"each\"))], name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    let run = start(place, RUN);
    let canceled = loop {
        let canceled = place.fanfold(&[&["cancel", "r", "--store", "store"], step].concat());
        // Until the run is there, and its step runs.
        if canceled.exit != 2 {
            break canceled;
        }
    };
    (canceled, ended(run))
}

#[test]
fn one_running_step_is_canceled_from_another_process() {
    let place = Place::new();
    let (canceled, ran) = canceled_from_outside(&place, &["sleep"]);
    assert_eq!((canceled.exit, canceled.stderr.as_str()), (0, "step sleep of run r is canceled\n"));
    assert_eq!(ran.exit, 1);
    assert_eq!(ran.json()["steps"], serde_json::json!({ "succeeded": 5, "canceled": 1 }));
    let again = place.fanfold(&["cancel", "r", "--store", "store"]);
    assert_eq!(again.stderr, "error: no process is running `r`: there is nothing to cancel\n");
    assert_eq!(again.exit, 2);
}

#[test]
fn a_run_is_canceled_from_another_process() {
    let place = Place::new();
    let (canceled, ran) = canceled_from_outside(&place, &[]);
    assert_eq!(canceled.exit, 0);
    assert_eq!(canceled.stderr, "run r is canceled; continue with: fanfold resume r --store store\n");
    assert_eq!((ran.exit, ran.json()["status"].as_str().unwrap()), (130, "canceled"));
    let wrong = place.fanfold(&["cancel", "q", "--store", "store"]);
    assert_eq!(wrong.stderr, "error: there is no run `q`\nhint: there is `r`\n");
    let no_step = place.fanfold(&["cancel", "r", "a[", "--store", "store"]);
    assert!(no_step.stderr.starts_with("error: `a[` is no step key"), "{}", no_step.stderr);
}

#[test]
fn a_log_about_a_step_that_there_is_not_is_damaged() {
    let place = Place::new();
    let pipeline = "load(\"plugin:numbers\", \"say\")\npipeline(lambda: say(7), name = \"p\")\n";
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    assert_eq!(ended(start(&place, RUN)).exit, 0);
    // Every byte of the log is damaged in turn: some of them number the steps of log lines.
    let database = rusqlite::Connection::open(place.path().join("store/runs.db")).unwrap();
    let read = "SELECT first_seq, body FROM frames ORDER BY first_seq";
    let frames: Vec<(i64, Vec<u8>)> = {
        let mut query = database.prepare(read).unwrap();
        let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut refused = 0;
    for (first_seq, body) in &frames {
        for at in 0..body.len() {
            let mut damaged = body.clone();
            damaged[at] = 0x7f;
            let change = "UPDATE frames SET body = ?2 WHERE first_seq = ?1";
            database.execute(change, rusqlite::params![first_seq, damaged]).unwrap();
            for verb in ["events", "logs"] {
                let told = place.fanfold(&[verb, "r", "--store", "store"]);
                assert!([0, 1].contains(&told.exit) && !told.stderr.contains("bug"), "{at}: {}", told.stderr);
                refused += i32::from(told.stderr.contains("about a step that there is not"));
            }
            database.execute(change, rusqlite::params![first_seq, body]).unwrap();
        }
    }
    assert!(refused > 0);
}
