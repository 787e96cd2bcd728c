//! Clones of one solid that run at the same time: nothing that one of them leaves anywhere is seen by another.

use std::io::{self, Read};
use std::sync::{Arc, Barrier};

use fanfold::sandbox::*;
use serde_json::json;

use crate::guests::Guest;
use crate::harness::{Recorder, Step, emitted, plugin};
use crate::real;

const CLONES: usize = 8;

/// A host that takes no output before all clones have one: so all of them are half done at the same time.
struct Meeting {
    together: Arc<Barrier>,
    recorder: Recorder,
}

impl StepHost for Meeting {
    fn emit(&mut self, emission: Emission) -> io::Result<()> {
        self.together.wait();
        self.recorder.emit(emission)
    }
    fn report(&mut self, event: StepEvent) -> io::Result<()> {
        self.recorder.report(event)
    }
    fn open_blob(&mut self, blob: &BlobRef) -> io::Result<Box<dyn Read + Send>> {
        self.recorder.open_blob(blob)
    }
    fn create_blob(&mut self, media_type: &str) -> io::Result<Box<dyn BlobSink>> {
        self.recorder.create_blob(media_type)
    }
}

/// Runs so many rounds of clones side by side, each with a configuration and outputs of its own, told by the clone's number.
fn rounds(
    count: usize,
    plugin: &Plugin,
    solid: &str,
    grants: &Grants,
    config: impl Fn(usize) -> String + Sync,
    wanted: impl Fn(usize) -> Vec<String> + Sync,
) {
    let together = Arc::new(Barrier::new(CLONES));
    std::thread::scope(|scope| {
        for clone in 0..CLONES {
            let (together, config, wanted) = (&together, &config, &wanted);
            scope.spawn(move || {
                for _ in 0..count {
                    let recorder = Recorder::default();
                    let host = Meeting { together: Arc::clone(together), recorder: recorder.clone() };
                    let step = Step {
                        solid: Some(solid),
                        config: Some(config(clone)),
                        grants: grants.clone(),
                        ..Step::default()
                    };
                    let ended = step.run_with(plugin, Box::new(host));
                    let came = ended.map(|_| emitted(&recorder)).map_err(|failure| failure.to_string());
                    if came != Ok(wanted(clone)) {
                        // A thread that is gone would let the others wait for ever.
                        eprintln!("clone {clone}: {came:?}");
                        std::process::abort();
                    }
                }
            });
        }
    });
}

#[test]
fn clones_share_no_memory_globals_or_tables() {
    // Its mark is its configuration, a digit. Before the meeting nothing is there, and after it its own mark.
    let body = "
        (local.set $i (i32.load8_u (local.get $config)))
        (if (i32.or (i32.load (i32.const 200000)) (i32.or (global.get $mark)
              (i32.eqz (ref.is_null (table.get $t (i32.sub (local.get $i) (i32.const 48)))))))
          (then unreachable))
        (i32.store (i32.const 200000) (local.get $i))
        (global.set $mark (local.get $i))
        (table.set $t (i32.sub (local.get $i) (i32.const 48)) (ref.func $f))
        (call $emit_key (local.get $config) (i32.const 1) (i32.const 2100) (i32.const 1))
        (if (i32.ne (global.get $mark) (local.get $i)) (then unreachable))
        (global.set $marks (i32.const 0))
        (loop $l
          (if (i32.eqz (ref.is_null (table.get $t (global.get $marks))))
            (then (if (i32.ne (i32.add (global.get $marks) (i32.const 48)) (local.get $i)) (then unreachable))))
          (global.set $marks (i32.add (global.get $marks) (i32.const 1)))
          (br_if $l (i32.lt_u (global.get $marks) (i32.const 8))))
        (call $emit (i32.const 200000) (i32.const 1))";
    let fields = "(global $mark (mut i32) (i32.const 0)) (global $marks (mut i32) (i32.const 0))
        (table $t 8 funcref) (func $f) (elem declare func $f)";
    let plugin = plugin(Guest::new(body).field(fields));
    // So many that threads have engines of their own in the end.
    let wanted = |clone: usize| vec!["1".to_owned(), clone.to_string()];
    rounds(600, &plugin, "s", &Grants::none(), |clone| clone.to_string(), wanted);
}

#[test]
fn clones_share_no_scratch_space_or_environment() {
    let host = tempfile::tempdir().unwrap();
    let scratch = ScratchGrant { guest: "/tmp".to_owned(), bytes: 1 << 20, host: host.path().to_owned() };
    let grants = Grants::new(GrantList { scratch: Some(scratch), ..GrantList::default() }).unwrap();
    let mark = |clone: usize| format!("mark_{clone}");
    let config = |clone| json!({ "mark": mark(clone) }).to_string();
    let wanted = |clone| vec!["[]".to_owned(), json!([mark(clone), mark(clone), mark(clone)]).to_string()];
    rounds(25, &real::plugin("hostile"), "leave_mark", &grants, config, wanted);
    assert_eq!(std::fs::read_dir(host.path()).unwrap().count(), 0, "nothing is left");
}
