//! Inputs that hold many values: pages of any values and of JSON, what ends a page, and members that are not what is read.

use std::io;

use fanfold::sandbox::*;
use fanfold_graph::name::MappingKey;

use crate::guests::{COLLECTION, Guest, LOG};
use crate::harness::{Recorder, Step, plugin};

/// Reads pages of JSON, three members at most, and logs their two texts, until a page has no values.
const LOG_PAGES: &str = "
    (drop (memory.grow (i32.const 64)))
    (local.set $i (i32.load (i32.add (local.get $inputs) (i32.const 16))))
    (loop $page
      (global.set $heap (i32.const 65536))
      (call $next_json (local.get $i) (i32.const 3) (i32.const 600))
      (call $log (i32.const 1) (i32.load (i32.const 600)) (i32.load (i32.const 604)))
      (call $log (i32.const 1) (i32.load (i32.const 608)) (i32.load (i32.const 612)))
      (br_if $page (i32.gt_u (i32.load (i32.const 612)) (i32.const 2))))";
/// Reads one member as whatever it is.
const NEXT: &str =
    "(call $next (i32.load (i32.add (local.get $inputs) (i32.const 16))) (i32.const 1) (i32.const 600))";

fn collection(
    items: impl Iterator<Item = io::Result<CollectedItem>> + Send + 'static,
    len: u32,
) -> Vec<Input> {
    let collection = Collection { len, items: Box::new(items), missing: Box::new(std::iter::empty()) };
    vec![Input { name: "all".into(), value: InputValue::Items(collection) }]
}

fn keyed(key: &str, value: Value) -> CollectedItem {
    CollectedItem { mapping_key: Some(MappingKey::new(key).unwrap()), value }
}

fn listed(value: Value) -> CollectedItem {
    CollectedItem { mapping_key: None, value }
}

fn json(text: &str) -> Value {
    Value::Json(text.into())
}

/// What a guest logs that reads these members.
fn logged(body: &str, members: Vec<CollectedItem>) -> Result<Vec<String>, StepFailure> {
    let plugin = plugin(Guest::new(body).import(COLLECTION).import(LOG));
    let recorder = Recorder::default();
    let len = members.len() as u32;
    let inputs = collection(members.into_iter().map(Ok), len);
    Step { inputs, recorder: recorder.clone(), ..Step::default() }.run(&plugin)?;
    let told = recorder.0.lock().unwrap();
    let text = |event: &StepEvent| match event {
        StepEvent::Log { message, .. } => Some(message.clone()),
        _ => None,
    };
    Ok(told.events.iter().filter_map(text).collect())
}

#[test]
fn a_collection_is_read_in_pages_and_never_whole() {
    // Counts pages until one is empty; the members come from an iterator that makes each one when asked.
    // A page of 4096 members takes the guest about 300 KB: it makes room first.
    let body = "
        (drop (memory.grow (i32.const 16)))
        (local.set $i (i32.load (i32.add (local.get $inputs) (i32.const 16))))
        (loop $page
          (call $next (local.get $i) (i32.const -1) (i32.const 600))
          (global.set $heap (i32.const 65536))
          (global.set $seen (i32.add (global.get $seen) (i32.load (i32.const 604))))
          (br_if $page (i32.load (i32.const 604))))
        (if (i32.ne (global.get $seen) (call $len (local.get $i))) (then unreachable))";
    let guest = Guest::new(body).import(COLLECTION).field("(global $seen (mut i32) (i32.const 0))");
    let plugin = plugin(guest);
    let items = (0..10_000).map(|number: u32| {
        let mapping_key = MappingKey::new(&format!("k{number}")).ok();
        Ok(CollectedItem { mapping_key, value: Value::Json(number.to_string().into()) })
    });
    let inputs = collection(items, 10_000);
    Step { inputs, ..Step::default() }.run(&plugin).unwrap();
}

#[test]
fn an_input_that_cannot_be_read_is_the_hosts_failure() {
    for body in [NEXT, LOG_PAGES] {
        let plugin = plugin(Guest::new(body).import(COLLECTION).import(LOG));
        let inputs = collection(std::iter::once(Err(io::Error::other("disk on fire"))), 1);
        let failure = Step { inputs, ..Step::default() }.run(&plugin).unwrap_err();
        assert_eq!(failure.to_string(), "host-failed: cannot read an input: disk on fire");
    }
}

#[test]
fn a_page_of_json_is_two_texts() {
    let members = [("a", "1"), ("b", "[2, \"x y\"]"), ("c_3", " {\n} "), ("d", "null")];
    let keyed = members.map(|(key, text)| keyed(key, json(text))).to_vec();
    assert_eq!(
        logged(LOG_PAGES, keyed).unwrap(),
        ["a b c_3", "[1,[2, \"x y\"], {\n} ]", "d", "[null]", "", "[]"]
    );
    let listed = members.map(|(_, text)| listed(json(text))).to_vec();
    assert_eq!(logged(LOG_PAGES, listed).unwrap(), ["", "[1,[2, \"x y\"], {\n} ]", "", "[null]", "", "[]"]);
    assert_eq!(logged(LOG_PAGES, Vec::new()).unwrap(), ["", "[]"]);
}

#[test]
fn both_kinds_of_pages_go_on_where_the_other_ended() {
    let members = ["1", "2", "3"].map(|text| keyed(&format!("k{text}"), json(text))).to_vec();
    assert_eq!(logged(&[NEXT, LOG_PAGES].concat(), members).unwrap(), ["k2 k3", "[2,3]", "", "[]"]);
}

#[test]
fn a_page_ends_with_the_member_that_makes_it_large() {
    let large = json(&format!("\"{}\"", "x".repeat(600 << 10)));
    let members = ["a", "b", "c"].map(|key| keyed(key, large.clone())).to_vec();
    let pages = logged(LOG_PAGES, members).unwrap();
    assert_eq!([&pages[0], &pages[2], &pages[4]], ["a b", "c", ""]);
}

#[test]
fn what_is_not_json_is_not_read_as_json() {
    let blob =
        BlobRef { digest: BlobDigest([7; 32]), size: 7, media_type: "text/plain".into(), keeper: None };
    let cases = [
        (vec![keyed("a", json("1")), keyed("b", Value::Bytes(vec![0]))], "member `b`: it is bytes"),
        (vec![listed(json("1")), listed(json("2")), listed(Value::Blob(blob))], "member 2: it is a blob"),
    ];
    for (members, problem) in cases {
        // As whatever it is, it can be read.
        logged(&[NEXT; 3].concat(), members.clone()).unwrap();
        let failure = logged(LOG_PAGES, members).unwrap_err();
        assert_eq!(failure.kind, FailureKind::TypeMismatch);
        assert_eq!(
            failure.message,
            format!("what input `all` receives does not fit: {problem}, the solid takes JSON")
        );
        assert_eq!(
            failure.hint.as_deref(),
            Some("read it with `next`: in Rust, as `Collected<Bytes>` or `Collected<Blob>`")
        );
    }
}
