//! A frame of an event log as it is on disk, its replay, and its entries as JSON. The first byte says how many entries
//! the frame has.
#![no_main]

use std::cell::LazyCell;

use fanfold::event_json::event_json;
use fanfold::store::{Entry, RunRecord};
use fanfold_fuzz::{example, store};
use fanfold_graph::run::Run;
use fanfold_graph::step::StepKey;
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;

struct Log {
    store: store::OpenedStore,
    record: RunRecord,
    fresh: Run,
}

thread_local! {
    static LOG: LazyCell<Log> = LazyCell::new(|| {
        let store = store::with_one_run();
        Log { record: store.record(), store, fresh: example::fresh_run() }
    });
}

fuzz_target!(|data: &[u8]| {
    let Some((count, body)) = data.split_first() else { return };
    LOG.with(|log| {
        let Some(entries) = log.read(*count, body) else { return };
        assert_eq!(entries.len(), usize::from((*count).max(1)));
        // What was read can be written, and is read as the same.
        assert_eq!(log.read(*count, &packed(&entries)).as_ref(), Some(&entries));
        log.replay(&entries);
    });
});

impl Log {
    /// The entries of a log that is this frame; none if it is damaged.
    fn read(&self, count: u8, body: &[u8]) -> Option<Vec<Entry>> {
        let row = (self.store.database).execute(
            "REPLACE INTO frames (run, first_seq, entries, body) VALUES (1, 0, ?1, ?2)",
            (count.max(1), body),
        );
        assert_eq!(row.expect("the row is written"), 1);
        self.store.store.entries(&self.record).ok()
    }

    /// As `fanfold events` does it: until an entry does not fit those before it.
    fn replay(&self, entries: &[Entry]) {
        let mut run = self.fresh.clone();
        for (seq, entry) in (0..).zip(entries) {
            assert_eq!(entry.seq, seq);
            if entry.event().is_some_and(|event| run.apply(&event).is_err()) {
                return;
            }
            if entry.fact.step().is_some_and(|step| !run.knows(step)) {
                return;
            }
            check_json(&run, entry, &event_json(&run, entry));
        }
        _ = run.outcome();
    }
}

/// JSON is read back as it was printed, and names the step by a key that leads to it.
fn check_json(run: &Run, entry: &Entry, json: &Json) {
    assert_eq!(&serde_json::from_str::<Json>(&json.to_string()).expect("it is JSON"), json);
    assert_eq!((json["seq"].as_u64(), json["at_ms"].as_u64()), (Some(entry.seq), Some(entry.at_ms)));
    let key = json["step"].as_str().map(|key| key.parse::<StepKey>().expect("a step key"));
    if let Some(step) = entry.fact.step().filter(|step| run.state(*step).is_some()) {
        assert_eq!(run.find(&key.expect("it is about a step")), Some(step));
    }
}

/// The form of entries in a frame: a mark, and each with the time since the one before it.
fn packed(entries: &[Entry]) -> Vec<u8> {
    let mut last_at_ms = 0;
    entries.iter().fold(vec![0], |body, entry| {
        let since_ms = entry.at_ms.wrapping_sub(last_at_ms).cast_signed();
        last_at_ms = entry.at_ms;
        postcard::to_extend(&(since_ms, &entry.fact), body).expect("every entry has a form")
    })
}
