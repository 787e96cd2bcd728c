//! What a guest sees of the world: nothing that differs between two executions of the same work.

use fanfold::sandbox::{FailureKind, LogLevel, LogSource, StepEvent};

use crate::guests::{EVENTS, Guest, PRINT as CONSOLE, RANDOM, SLEEP};
use crate::harness::{Recorder, Step, emitted, plugin};

/// Emits the number in `$t` as JSON.
const PRINT: &str = "
    (local.set $i (i32.const 700))
    (loop $digit
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (i32.store8 (local.get $i) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $t) (i64.const 10)))))
      (local.set $t (i64.div_u (local.get $t) (i64.const 10)))
      (br_if $digit (i64.ne (local.get $t) (i64.const 0))))
    (call $emit (local.get $i) (i32.sub (i32.const 700) (local.get $i)))";

fn printed(body: &str, imports: &str, seed: u64) -> String {
    let plugin = plugin(Guest::new(&[body, PRINT].concat()).import(imports));
    let recorder = Recorder::default();
    Step { recorder: recorder.clone(), seed, ..Step::default() }.run(&plugin).unwrap();
    emitted(&recorder).remove(0)
}

#[test]
fn the_clock_moves_by_readings_and_sleeps_alone() {
    let readings = "(drop (call $now)) (local.set $t (call $now))";
    assert_eq!(printed(readings, SLEEP, 0), "2000");
    let sleep = "(call $block (call $alarm (i64.const 20000000))) (local.set $t (call $now))";
    assert_eq!(printed(sleep, SLEEP, 0), "20001000");
}

#[test]
fn a_loop_that_waits_for_time_to_pass_ends() {
    let spin =
        "(loop $l (local.set $t (call $now)) (br_if $l (i64.lt_u (local.get $t) (i64.const 1000000))))";
    assert_eq!(printed(spin, SLEEP, 0), "1000000");
}

#[test]
fn randomness_is_the_seeds() {
    let random = |seed| printed("(local.set $t (i64.shr_u (call $random) (i64.const 2)))", RANDOM, seed);
    assert_eq!(random(1), random(1));
    assert_ne!(random(1), random(2));
}

/// What a step of this guest reported.
fn events(guest: Guest) -> Vec<StepEvent> {
    let recorder = Recorder::default();
    Step { recorder: recorder.clone(), ..Step::default() }.run(&plugin(guest)).unwrap();
    let told = recorder.0.lock().unwrap();
    told.events.clone()
}

#[test]
fn what_a_guest_prints_becomes_lines_of_the_log() {
    // "one\ntwo\n" in two pieces that do not end where lines do, and a last line without an end.
    let body = "
        (call $print (call $stdout) (i32.const 3000) (i32.const 5) (i32.const 600))
        (call $print (call $stderr) (i32.const 3000) (i32.const 3) (i32.const 600))
        (call $print (call $stdout) (i32.const 3005) (i32.const 3) (i32.const 600))";
    let told = events(Guest::new(body).import(CONSOLE).field(r#"(data (i32.const 3000) "one\ntwo\n")"#));
    let line = |level, source, message: &str| StepEvent::Log { level, source, message: message.to_owned() };
    let wanted = [
        line(LogLevel::Info, LogSource::Stdout, "one"),
        line(LogLevel::Info, LogSource::Stdout, "two"),
        line(LogLevel::Warning, LogSource::Stderr, "one"),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_panic_carries_its_last_words() {
    let body = "(call $print (call $stderr) (i32.const 3000) (i32.const 8) (i32.const 600)) unreachable";
    let guest = Guest::new(body).import(CONSOLE).field(r#"(data (i32.const 3000) "one\ntwo\n")"#);
    let failure = Step::default().run(&plugin(guest)).unwrap_err();
    assert_eq!((failure.kind, failure.last_words), (FailureKind::Trapped, vec!["one".into(), "two".into()]));
}

#[test]
fn progress_is_thinned_out_and_its_last_word_kept() {
    let body = "
        (loop $l
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (call $progress (f64.convert_i32_u (local.get $i)) (i32.const 0) (f64.const 0) (i32.const 2200) (i32.const 3))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 10000))))
        (call $expect (i32.const 2200) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0))";
    let told = events(Guest::new(body).import(EVENTS));
    assert!(told.len() < 10_000, "{}", told.len());
    let expectation = StepEvent::Expectation { label: "abc".to_owned(), passed: false, metadata: Vec::new() };
    assert!(told.contains(&expectation));
    let last = told.iter().rfind(|event| matches!(event, StepEvent::Progress { .. })).unwrap();
    assert_eq!(*last, StepEvent::Progress { done: 10_000.0, total: None, message: "abc".to_owned() });
}

#[test]
fn many_steps_sleep_at_once() {
    let sleeper = plugin(Guest::new("(call $block (call $alarm (i64.const 20000000)))").import(SLEEP));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| Step::default().run(&sleeper).unwrap());
        }
    });
}
