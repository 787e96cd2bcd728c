//! Each limit, exceeded: the step fails with the limit's own kind and says what to raise.

use fanfold::sandbox::*;

use crate::guests::{ATTEMPT, BLOBS, CANCELLED, EXIT, Guest, HTTP, LOG, PRINT, SLEEP};
use crate::harness::{Step, fails, load_into, plugin, run, short_wall};

const ENDLESS: &str = "(loop $l (br $l))";
/// Sleeps for an hour.
const HOUR: &str = "(call $block (call $alarm (i64.const 3600000000000)))";

fn assert_kind(guest: Guest, limits: Limits, kind: FailureKind) -> StepFailure {
    let failure = fails(guest, limits);
    assert_eq!(failure.kind, kind, "{failure}");
    failure
}

#[test]
fn traps_are_told_in_plain_words() {
    let failure = assert_kind(Guest::new("unreachable"), Limits::default(), FailureKind::Trapped);
    assert_eq!(failure.message, "the plugin's code gave up (a panic or an abort)");
    let far = Guest::new("(i32.store (i32.const -8) (i32.const 1))");
    assert_kind(far, Limits::default(), FailureKind::Trapped);
    let lie = Guest::new("(return (i32.const -1))");
    assert_kind(lie, Limits::default(), FailureKind::Trapped);
}

#[test]
fn memory() {
    let greedy = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable";
    let limits = Limits { memory_bytes: 16 << 20, ..Limits::default() };
    let failure = assert_kind(Guest::new(greedy), limits, FailureKind::OutOfMemory);
    assert_eq!(failure.message, "asked for 16.2 MiB, limit 16 MiB");
    assert_eq!(failure.hint.as_deref(), Some("raise `limits.memory`"));
    let limits = Limits { memory_bytes: 1 << 16, ..Limits::default() };
    assert_kind(Guest::new(""), limits, FailureKind::OutOfMemory);
}

#[test]
fn a_guest_that_copes_with_a_refused_growth_succeeds() {
    let modest = "(drop (memory.grow (i32.const 60000)))";
    Step::default().run(&plugin(Guest::new(modest))).unwrap();
}

#[test]
fn wall_time_of_a_loop_and_of_a_sleep() {
    let failure = assert_kind(Guest::new(ENDLESS), short_wall(), FailureKind::TimedOut);
    assert_eq!(failure.message, "ran longer than its limit of 100ms");
    assert_kind(Guest::new(HOUR).import(SLEEP), short_wall(), FailureKind::TimedOut);
}

#[test]
fn a_thread_that_has_run_many_steps_is_interrupted_too() {
    // By then it has code of its own, on an engine of its own.
    let body = "(if (call $attempt) (then (loop $l (br $l))))";
    let plugin = plugin(Guest::new(body).import(ATTEMPT));
    for _ in 0..500 {
        Step::default().run(&plugin).unwrap();
    }
    let failure = Step { attempt: 1, limits: short_wall(), ..Step::default() }.run(&plugin).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    Step::default().run(&plugin).unwrap();
}

#[test]
fn fuel_is_deterministic() {
    let limits = Limits { fuel: Some(100_000), ..Limits::default() };
    assert_kind(Guest::new(ENDLESS), limits.clone(), FailureKind::OutOfFuel);
    let counting = "(loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))";
    let plugin = plugin(Guest::new(counting));
    let spent = || Step { limits: limits.clone(), ..Step::default() }.run(&plugin).unwrap().fuel.unwrap();
    let first = spent();
    assert!(first > 1000);
    assert_eq!(spent(), first);
}

#[test]
fn recursion() {
    let guest = Guest::new("(call $deeper)").field("(func $deeper (call $deeper) (call $deeper))");
    let failure = assert_kind(guest, Limits::default(), FailureKind::StackOverflow);
    assert_eq!(failure.hint.as_deref(), Some("raise `limits.stack`"));
}

#[test]
fn a_stack_is_as_deep_as_the_engine_makes_it() {
    // 8000 calls, each of some tens of bytes.
    let body = "(call $down (i32.const 8000))";
    let down = "(func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))";
    let wasm = Guest::new(body).field(down).component();
    let ended = |stack_bytes| {
        let engine = Engine::new(EngineOptions { stack_bytes, ..EngineOptions::default() }).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let cache = CompileCache::open(directory.path()).unwrap();
        run(&load_into(&engine, &cache, &wasm).unwrap()).map_err(|failure| failure.kind)
    };
    assert_eq!(ended(64 << 10).unwrap_err(), FailureKind::StackOverflow);
    assert!(ended(1 << 20).is_ok());
}

#[test]
fn tables_and_instances() {
    let grow = "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1)))) unreachable";
    let guest = || Guest::new(grow).field("(table $t 1 funcref)");
    let limits = Limits { table_elements: 1000, ..Limits::default() };
    let failure = assert_kind(guest(), limits, FailureKind::TableTooLarge);
    assert_eq!(failure.message, "asked for a table of 1001 elements, limit 1000");
    let limits = Limits { tables: 0, ..Limits::default() };
    assert_kind(guest(), limits, FailureKind::TooManyInstances);
    let limits = Limits { instances: 0, ..Limits::default() };
    assert_kind(guest(), limits, FailureKind::TooManyInstances);
}

#[test]
fn values_keys_and_outputs() {
    let value = |bytes: u32| Guest::new(&format!("(call $emit (i32.const 2100) (i32.const {bytes}))"));
    let limits = Limits { value_bytes: 4, ..Limits::default() };
    assert_kind(value(5), limits, FailureKind::ValueTooLarge);
    // Far more than one value may have: the host does not even copy it.
    let limits = Limits { value_bytes: 4, memory_bytes: 1 << 30, ..Limits::default() };
    let huge = format!(
        "(drop (memory.grow (i32.const 200))) {}",
        "(call $emit (i32.const 2100) (i32.const 9000000))"
    );
    assert_kind(Guest::new(&huge), limits, FailureKind::ValueTooLarge);

    let keys = "(loop $l
        (call $emit_key (i32.add (i32.const 2200) (local.get $i)) (i32.const 1) (i32.const 2100) (i32.const 9))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 20))))";
    let limits = Limits { keys: 10, ..Limits::default() };
    assert_kind(Guest::new(keys), limits, FailureKind::TooManyKeys);
    let limits = Limits { output_bytes: 100, ..Limits::default() };
    assert_kind(Guest::new(keys), limits, FailureKind::OutputsTooLarge);
}

#[test]
fn logs() {
    let flood = "(loop $l (call $log (i32.const 1) (i32.const 0) (i32.const 0)) (br $l))";
    assert_kind(Guest::new(flood).import(LOG), Limits::default(), FailureKind::LogsTooLarge);
    // Lines, and one line that never ends.
    for stream in ["$stdout", "$stderr"] {
        let print = format!(
            "(local.set $i (call {stream}))
            (loop $l (call $print (local.get $i) (i32.const 3000) (i32.const 4000) (i32.const 600)) (br $l))"
        );
        for byte in [b'x', b'\n'] {
            let flood = Guest::new(&print).import(PRINT).data(3000, &[byte; 4000]);
            assert_kind(flood, Limits::default(), FailureKind::LogsTooLarge);
        }
    }
}

#[test]
fn handles() {
    let hoard = "(loop $l (call $create (i32.const 2200) (i32.const 3) (i32.const 600)) (br $l))";
    assert_kind(Guest::new(hoard).import(BLOBS), Limits::default(), FailureKind::TooManyHandles);
    for (hoard, import) in [
        ("(loop $l (drop (call $alarm (i64.const 1))) (br $l))", SLEEP),
        ("(loop $l (drop (call $fields)) (br $l))", HTTP),
        ("(loop $l (drop (call $request (call $fields))) (br $l))", HTTP),
        ("(loop $l (drop (call $stdout)) (br $l))", PRINT),
    ] {
        assert_kind(Guest::new(hoard).import(import), Limits::default(), FailureKind::TooManyHandles);
    }
}

#[test]
fn a_guessed_blob_opens_nothing() {
    let guess = "(call $open (i32.const 2200) (i32.const 26) (i64.const 1) (i32.const 2200) (i32.const 3) (i32.const 600))
        (if (i32.ne (i32.load8_u (i32.const 600)) (i32.const 1)) (then unreachable))";
    Step::default().run(&plugin(Guest::new(guess).import(BLOBS))).unwrap();
}

#[test]
fn ending_the_process() {
    let failure = assert_kind(
        Guest::new("(call $exit (i32.const 1))").import(EXIT),
        Limits::default(),
        FailureKind::Exited,
    );
    assert_eq!(failure.message, "the plugin ended itself with status 1");
}

#[test]
fn cancel_ends_a_loop_and_a_sleep_and_lets_a_polite_guest_finish() {
    for guest in [Guest::new(ENDLESS), Guest::new(HOUR).import(SLEEP)] {
        let plugin = plugin(guest);
        let interrupt = Interrupt::default();
        let failure = std::thread::scope(|scope| {
            let step = Step { interrupt: interrupt.clone(), ..Step::default() };
            let running = scope.spawn(|| step.run(&plugin).unwrap_err());
            interrupt.cancel();
            running.join().unwrap()
        });
        assert_eq!(failure.kind, FailureKind::Canceled, "{failure}");
    }
    let polite = plugin(Guest::new("(loop $l (br_if $l (i32.eqz (call $cancelled))))").import(CANCELLED));
    let interrupt = Interrupt::default();
    interrupt.cancel();
    Step { interrupt, ..Step::default() }.run(&polite).unwrap();
}
