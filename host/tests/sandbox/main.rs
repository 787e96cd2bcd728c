//! The sandbox against good and hostile guests. No test depends on how long anything takes.

mod collections;
mod crossing;
mod describing;
mod every_limit;
mod guests;
mod harness;
mod isolation;
mod limits;
mod loading;
mod reach;
mod real;
mod refusals;
mod world;

use guests::{ATTEMPT, BLOBS, Guest};
use harness::{ENGINE, Recorder, Step, emitted, fails, plugin, run};

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use fanfold::sandbox::*;
use fanfold_graph::name::MappingKey;

const EMIT: &str = "(call $emit (i32.const 2100) (i32.const 3))";
const EMIT_A: &str = "(call $emit_key (i32.const 2200) (i32.const 1) (i32.const 2100) (i32.const 1))";
const EMIT_B: &str = "(call $emit_key (i32.const 2201) (i32.const 1) (i32.const 2100) (i32.const 2))";

#[test]
fn a_good_step_hands_over_what_it_emits() {
    let plugin = plugin(Guest::new(&[EMIT, EMIT_A, EMIT_B].concat()));
    let recorder = Recorder::default();
    let report = Step { recorder: recorder.clone(), ..Step::default() }.run(&plugin).unwrap();
    assert_eq!(emitted(&recorder), ["123", "1", "12"]);
    assert_eq!((report.values, report.value_bytes), (3, 6));
    assert_eq!(report.peak_memory_bytes, 4 << 16);
    let keys: Vec<_> = recorder.0.lock().unwrap().emissions.iter().map(|it| it.mapping_key.clone()).collect();
    assert_eq!(keys, [None, Some(MappingKey::new("a").unwrap()), Some(MappingKey::new("b").unwrap())]);
}

#[test]
fn solids_are_described() {
    let plugin = plugin(Guest::new("").required());
    assert_eq!(plugin.solids().len(), 1);
    let solid = plugin.solid("s").unwrap();
    let outputs: Vec<_> =
        solid.outputs.iter().map(|it| (it.name.as_str(), it.is_required, it.is_dynamic)).collect();
    assert_eq!(outputs, [("result", true, false), ("files", false, true)]);
    assert!(plugin.solid("t").is_none());
}

#[test]
fn a_required_output_that_is_missing_fails_the_step() {
    let failure = fails(Guest::new(EMIT_A).required(), Limits::default());
    assert_eq!(
        failure.to_string(),
        "missing-output: the solid finished without its required output `result`"
    );
}

#[test]
fn a_refused_output_fails_the_step_whatever_the_guest_does_next() {
    let recorder = Recorder::default();
    // The answer is in memory at once; then the guest goes on, emits again, and even traps.
    let bad_key = "(call $emit_key (i32.const 2300) (i32.const 6) (i32.const 2100) (i32.const 1))";
    let check = "(if (i32.ne (i32.load8_u (i32.const 512)) (i32.const 1)) (then (return (i32.const 2100))))";
    for end in ["", "unreachable"] {
        let guest = Guest::new(&[EMIT, bad_key, check, EMIT_A, end].concat());
        let step = Step { recorder: recorder.clone(), ..Step::default() };
        let failure = step.run(&plugin(guest)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidMappingKey, "{failure}");
    }
    assert_eq!(emitted(&recorder), ["123", "123"], "nothing passes after the first refusal");
}

#[test]
fn a_guest_tells_the_attempt_only_if_it_imports_it() {
    let body = "(call $emit (i32.add (i32.const 2100) (call $attempt)) (i32.const 1))";
    let plugin = plugin(Guest::new(body).import(ATTEMPT));
    assert!(plugin.depends_on_attempt());
    let recorder = Recorder::default();
    Step { recorder: recorder.clone(), attempt: 2, ..Step::default() }.run(&plugin).unwrap();
    assert_eq!(emitted(&recorder), ["3"]);
    assert!(!harness::plugin(Guest::new("")).depends_on_attempt());
}

#[test]
fn every_step_starts_clean_though_slots_are_reused() {
    // Fails unless memory far from the data, a global and a table entry are as the module has them; then soils them.
    let body = "
        (if (i32.or (i32.load (i32.const 200000)) (i32.or (global.get $mark)
              (i32.eqz (ref.is_null (table.get $t (i32.const 3))))))
          (then unreachable))
        (i32.store (i32.const 200000) (i32.const 7))
        (global.set $mark (i32.const 7))
        (table.set $t (i32.const 3) (ref.func $f))
        (drop (memory.grow (i32.const 100)))
        (i32.store (i32.const 6000000) (i32.const 7))
        (call $emit (i32.const 2100) (i32.const 1))";
    let fields =
        "(global $mark (mut i32) (i32.const 0)) (table $t 8 funcref) (func $f) (elem declare func $f)";
    let wasm = Guest::new(body).field(fields).component();
    let strict = MemoryReset::Everything(StrictReason::UnknownSwap);
    let strict =
        Engine::with_memory_reset(EngineOptions { concurrent_steps: 2, ..EngineOptions::default() }, strict);
    for engine in [&*ENGINE, &strict.unwrap()] {
        let directory = tempfile::tempdir().unwrap();
        let cache = CompileCache::open(directory.path()).unwrap();
        let plugin = harness::load_into(engine, &cache, &wasm).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        run(&plugin).unwrap();
                    }
                });
            }
        });
    }
}

#[test]
fn steps_that_run_at_once_see_nothing_of_each_other() {
    /// Holds a step until the other one has come as far.
    #[derive(Clone, Default)]
    struct Meeting(Arc<(Mutex<u64>, Condvar)>);
    impl StepHost for Meeting {
        fn emit(&mut self, _: Emission) -> std::io::Result<()> {
            let (came, changed) = &*self.0;
            let mut number = came.lock().unwrap();
            *number += 1;
            let both = number.next_multiple_of(2);
            changed.notify_all();
            let met = changed.wait_timeout_while(number, Duration::from_mins(1), |number| *number < both);
            if met.unwrap().1.timed_out() { Err(std::io::Error::other("alone")) } else { Ok(()) }
        }
        fn report(&mut self, _: StepEvent) -> std::io::Result<()> {
            Ok(())
        }
        fn open_blob(&mut self, _: &BlobRef) -> std::io::Result<Box<dyn std::io::Read + Send>> {
            unreachable!()
        }
        fn create_blob(&mut self, _: &str) -> std::io::Result<Box<dyn BlobSink>> {
            unreachable!()
        }
    }
    // Leaves its own mark in a memory and a global that have none, meets the other step, and finds its mark again.
    let body = "
        (if (i32.or (i32.load (i32.const 200000)) (global.get $mark)) (then unreachable))
        (i32.store (i32.const 200000) (call $attempt))
        (global.set $mark (call $attempt))
        (call $emit (i32.const 2100) (i32.const 1))
        (if (i32.ne (i32.load (i32.const 200000)) (call $attempt)) (then unreachable))
        (if (i32.ne (global.get $mark) (call $attempt)) (then unreachable))";
    let plugin = plugin(Guest::new(body).import(ATTEMPT).field("(global $mark (mut i32) (i32.const 0))"));
    let meeting = Meeting::default();
    std::thread::scope(|scope| {
        for attempt in [1, 2] {
            let (plugin, meeting) = (&plugin, &meeting);
            scope.spawn(move || {
                for _ in 0..500 {
                    let step = Step { attempt, ..Step::default() };
                    step.run_with(plugin, Box::new(meeting.clone())).unwrap();
                }
            });
        }
    });
}

#[test]
fn more_steps_at_once_than_the_engine_has_room_for_fail_by_name() {
    /// Runs one more step inside each emit, until there is no room.
    struct Nested(Plugin);
    impl StepHost for Nested {
        fn emit(&mut self, _: Emission) -> std::io::Result<()> {
            let host = Box::new(Nested(self.0.clone()));
            harness::run_with(&self.0, host).map(|_| ()).map_err(std::io::Error::other)
        }
        fn report(&mut self, _: StepEvent) -> std::io::Result<()> {
            Ok(())
        }
        fn open_blob(&mut self, _: &BlobRef) -> std::io::Result<Box<dyn std::io::Read + Send>> {
            unreachable!()
        }
        fn create_blob(&mut self, _: &str) -> std::io::Result<Box<dyn BlobSink>> {
            unreachable!()
        }
    }
    let engine = Engine::new(EngineOptions { concurrent_steps: 2, ..EngineOptions::default() }).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let cache = CompileCache::open(directory.path()).unwrap();
    let wasm = Guest::new(EMIT).component();
    let plugin = harness::load_into(&engine, &cache, &wasm).unwrap();
    let failure = harness::run_with(&plugin, Box::new(Nested(plugin.clone()))).unwrap_err();
    assert_eq!(failure.kind, FailureKind::HostFailed);
    assert!(failure.message.contains("no room for another step"), "{failure}");
    run(&plugin).unwrap();
}

#[test]
fn a_wrong_guest_does_not_disturb_its_siblings() {
    let bad = ["unreachable", "(loop $l (br $l))", "(drop (memory.grow (i32.const 60000))) unreachable"]
        .map(|body| plugin(Guest::new(body)));
    let good = plugin(Guest::new(EMIT));
    std::thread::scope(|scope| {
        for plugin in &bad {
            scope.spawn(|| {
                for _ in 0..5 {
                    Step { limits: harness::short_wall(), ..Step::default() }.run(plugin).unwrap_err();
                }
            });
        }
        for _ in 0..100 {
            run(&good).unwrap();
        }
    });
}

#[test]
fn compiled_code_is_cached_and_a_damaged_entry_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let cache = CompileCache::open(directory.path()).unwrap();
    let wasm = Guest::new(EMIT).component();
    let load = || harness::load_into(&ENGINE, &cache, &wasm);
    run(&load().unwrap()).unwrap();
    let entries = || {
        let entries = std::fs::read_dir(directory.path()).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let paths = entries();
    assert_eq!(paths.len(), 2, "code and definitions");
    let sound: Vec<_> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();

    let written = |path| std::fs::metadata(path).unwrap().modified().unwrap();
    let before: Vec<_> = paths.iter().map(written).collect();
    run(&load().unwrap()).unwrap();
    assert_eq!(paths.iter().map(written).collect::<Vec<_>>(), before, "a hit writes nothing");

    for damage in [&b""[..], b"garbage", &sound[0][..sound[0].len() / 2]] {
        for path in &paths {
            std::fs::write(path, damage).unwrap();
        }
        run(&load().unwrap()).unwrap();
        assert_eq!(entries(), paths);
        assert!(std::fs::read(&paths[0]).unwrap() == sound[0], "the entry is sound again");
    }
}

/// Writes a blob of ten bytes and leaves its reference, a `result<blob-ref>`, at 640.
const WRITE_BLOB: &str = "
    (call $create (i32.const 2200) (i32.const 3) (i32.const 600))
    (local.set $i (i32.load (i32.const 604)))
    (call $write (local.get $i) (i32.const 2100) (i32.const 10) (i32.const 616))
    (call $finish (local.get $i) (i32.const 640))";

#[test]
fn a_blob_is_written_emitted_and_read() {
    let emit_and_read = "
        (call $raw_emit (i32.const 2010) (i32.const 6) (i32.const 2)
          (i32.load (i32.const 648)) (i32.load (i32.const 652)) (i64.load (i32.const 656))
          (i32.load (i32.const 664)) (i32.load (i32.const 668)) (i32.const 0) (i32.const 0) (i32.const 512))
        (call $open (i32.load (i32.const 648)) (i32.load (i32.const 652)) (i64.load (i32.const 656))
          (i32.load (i32.const 664)) (i32.load (i32.const 668)) (i32.const 600))
        (if (i32.load8_u (i32.const 600)) (then unreachable))
        (call $read (i32.load (i32.const 604)) (i32.const 100) (i32.const 700))
        (if (i32.ne (i32.load (i32.const 708)) (i32.const 7)) (then unreachable))
        ;; A writer that has finished does nothing more.
        (call $finish (local.get $i) (i32.const 720))
        (if (i32.ne (i32.load8_u (i32.const 720)) (i32.const 1)) (then unreachable))";
    let recorder = Recorder::default();
    let plugin = plugin(Guest::new(&[WRITE_BLOB, emit_and_read].concat()).import(BLOBS));
    Step { recorder: recorder.clone(), ..Step::default() }.run(&plugin).unwrap();
    let digest = BlobDigest(*blake3::hash(b"1234567890").as_bytes());
    let blob = BlobRef { digest, size: 10, media_type: "text/plain".to_owned(), keeper: None };
    assert_eq!(recorder.0.lock().unwrap().emissions[0].value, Value::Blob(blob));
    let limits = Limits { blob_bytes: 9, ..Limits::default() };
    let failure = Step { limits, ..Step::default() }.run(&plugin).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BlobsTooLarge);
}

#[test]
fn a_blob_that_the_step_does_not_know_cannot_be_emitted() {
    let forged = "
        (call $raw_emit (i32.const 2010) (i32.const 6) (i32.const 2)
          (i32.const 2200) (i32.const 26) (i64.const 1) (i32.const 2200) (i32.const 3)
          (i32.const 0) (i32.const 0) (i32.const 512))";
    let failure = fails(Guest::new(forged), Limits::default());
    assert_eq!(failure.kind, FailureKind::TypeMismatch, "{failure}");
}
