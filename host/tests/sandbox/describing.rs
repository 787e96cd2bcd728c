//! Plugins that lie about their solids, or describe them in ways that are to cost the host its time or memory.

use std::fmt::Write as _;

use fanfold::sandbox::*;

use crate::crossing::{MOST, peak};
use crate::guests::{Guest, PRINT, RANDOM, SLEEP};
use crate::harness::{ENGINE, Step, load, load_into, plugin, run};

/// What a plugin is refused with; afterwards a good one loads and runs.
fn refused(guest: Guest) -> String {
    let refusal = load(&guest.component()).unwrap_err();
    run(&plugin(Guest::new("(call $emit (i32.const 2100) (i32.const 1))"))).unwrap();
    refusal.to_string()
}

/// A guest that emits 123 where it has promised what this schema says.
fn promising(schema: &str) -> Guest {
    let length = schema.len();
    let describing = format!(
        "(i32.store (i32.const 1296) (i32.const 1)) (i32.store (i32.const 1300) (i32.const 70000))
         (i32.store (i32.const 1304) (i32.const {length}))"
    );
    Guest::new("(call $emit (i32.const 2100) (i32.const 3))")
        .describing(&describing)
        .data(70_000, schema.as_bytes())
}

#[test]
fn schemas_that_are_none() {
    for (schema, wanted) in [
        ("3", "a schema is an object or a boolean"),
        ("{oops", "is no JSON"),
        ("\"\\ud800\"", "is no JSON"),
        (r#"{"pattern": "("}"#, "pattern"),
        // Patterns that would take all memory, compiled.
        (r#"{"pattern": "((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9})"}"#, "pattern"),
        (r#"{"pattern": "\\w{1000}{1000}"}"#, "pattern"),
        (r#"{"$ref": "https://example.com/schema"}"#, "reference"),
        (&format!("{}{}", r#"{"not":"#.repeat(20_000), "}".repeat(20_000)), "is no JSON"),
        (&"[".repeat(150_000), "is no JSON"),
    ] {
        let told = refused(promising(schema));
        assert!(told.contains("solid `s`: output `result`: its schema ") && told.contains(wanted), "{told}");
        assert!(told.len() < 1000, "{}", told.len());
    }
}

#[test]
fn schemas_that_would_take_for_ever_to_check() {
    let mut exponential = r##"{"$ref": "#/$defs/d60", "$defs": {"d0": {"type": "null"}"##.to_owned();
    for level in 1..=60 {
        let below = format!(r##"{{"$ref": "#/$defs/d{}"}}"##, level - 1);
        _ = write!(exponential, r#", "d{level}": {{"anyOf": [{below}, {below}]}}"#);
    }
    exponential += "}}";
    for schema in [
        r##"{"$ref": "#"}"##,
        r##"{"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}"##,
        r##"{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}}"##,
        &exponential,
    ] {
        let failure = run(&plugin(promising(schema))).unwrap_err();
        assert_eq!(failure.kind, FailureKind::TypeMismatch, "{failure}");
    }
}

#[test]
fn a_pattern_that_would_take_for_ever_to_match() {
    // Backtracking takes 2^n steps where the text almost fits.
    let schema = r#"{"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}"#;
    let text = format!("\"{}\"", "a".repeat(60_000));
    let emit = format!("(call $emit (i32.const 80000) (i32.const {}))", text.len());
    let guest = promising(schema).data(80_000, text.as_bytes());
    let failure = run(&plugin(guest.executing(&emit))).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TypeMismatch, "{failure}");
    assert!(failure.message.len() < 1000, "{}", failure.message.len());
}

#[test]
fn patterns_that_would_take_all_memory_together() {
    // Each of them is small enough, and so are those of each schema.
    let schema = |number: u32| {
        let patterns = (0..14).map(|it| format!(r#"{{"pattern": "\\w{{10}}{number}-{it}"}}"#));
        format!(r#"{{"allOf": [{}]}}"#, patterns.collect::<Vec<_>>().join(","))
    };
    let mut guest = Guest::new("");
    let (count, outputs, at) = (40, 70_000, 80_000);
    let mut describing = format!(
        "(i32.store (i32.const 1060) (i32.const {outputs})) (i32.store (i32.const 1064) (i32.const {count}))"
    );
    let mut store = |at: u32, value: u32| {
        _ = write!(describing, "(i32.store (i32.const {at}) (i32.const {value}))");
    };
    for number in 0..count {
        let (record, text) = (outputs + 68 * number, schema(number));
        let place = at + 2000 * number;
        // Its name is two letters of the alphabet that lies there.
        guest = guest.data(
            74_000 + 2 * number,
            format!("{}{}", char::from(b'a' + (number / 20) as u8), char::from(b'a' + (number % 20) as u8))
                .as_bytes(),
        );
        store(record, 74_000 + 2 * number);
        store(record + 4, 2);
        store(record + 16, 1);
        store(record + 20, place);
        store(record + 24, text.len() as u32);
        assert!(text.len() < 2000);
        guest = guest.data(place, text.as_bytes());
    }
    let told = refused(guest.describing(&describing));
    assert!(told.ends_with("its schema has patterns that are too large with all others"), "{told}");
}

#[test]
fn values_that_are_small_as_text_and_large_as_a_tree() {
    // As many of these as a value may hold, in a list.
    for member in ["0,", "[],", "{\"\":0},"] {
        let length = ((4 << 20) - 2) / member.len() * member.len();
        let repeated = format!(
            "(drop (memory.grow (i32.const 80)))
             (i32.store8 (i32.const 262144) (i32.const 91))
             (loop $l
               (memory.copy (i32.add (i32.const 262145) (local.get $i)) (i32.const 3000) (i32.const {member}))
               (local.set $i (i32.add (local.get $i) (i32.const {member})))
               (br_if $l (i32.lt_u (local.get $i) (i32.const {length}))))
             (i32.store8 (i32.add (i32.const 262144) (i32.const {length})) (i32.const 93))
             (call $emit (i32.const 262144) (i32.const {all}))",
            member = member.len(),
            all = length + 1,
        );
        let guest = promising(r#"{"type": "array", "items": true}"#).data(3000, member.as_bytes());
        let report = run(&plugin(guest.executing(&repeated))).unwrap();
        assert_eq!(report.value_bytes, length as u64 + 1);
        assert!(peak() < MOST);
    }
}

#[test]
fn names_that_would_act_on_a_terminal_are_refused_and_harmless() {
    for name in ["\x1b[2Js", "s\x07", "s\u{9b}31m", "\u{202e}s", "s\n", "", "a b"] {
        let rename = format!(
            "(i32.store (i32.const 1024) (i32.const 3000)) (i32.store (i32.const 1028) (i32.const {}))",
            name.len()
        );
        let told = refused(Guest::new("").describing(&rename).data(3000, name.as_bytes()));
        assert!(told.starts_with("describes its solids wrongly: "), "{told:?}");
        assert!(!told.contains(|it: char| it.is_control() || it == '\u{202e}'), "{told:?}");
    }
}

#[test]
fn a_describe_that_would_like_to_differ_between_calls() {
    // Says more or less of its solid, by chance, by the time, and by what it has written to its memory before.
    let chance = "
        (i32.store (i32.const 1032) (i32.const 2200))
        (i32.store (i32.const 1036) (i32.and (i32.const 15)
          (i32.add (i32.load (i32.const 3000)) (i32.wrap_i64 (i64.add (call $random) (call $now))))))
        (i32.store (i32.const 3000) (i32.const 7))";
    let wasm = Guest::new("").describing(chance).import(RANDOM).import(SLEEP).component();
    let described = || {
        let directory = tempfile::tempdir().unwrap();
        let cache = CompileCache::open(directory.path()).unwrap();
        [(); 2].map(|()| load_into(&ENGINE, &cache, &wasm).unwrap().solids().to_vec())
    };
    let first = described();
    assert_eq!(first[0], first[1], "asked and remembered");
    for _ in 0..3 {
        assert_eq!(described(), first);
    }
}

#[test]
fn a_solid_that_was_not_described_cannot_be_called() {
    let step = Step { solid: Some("other"), ..Step::default() };
    let failure = step.run(&plugin(Guest::new(""))).unwrap_err();
    assert_eq!(failure.to_string(), "host-failed: plugin `guest` has no solid `other`");
}

#[test]
fn a_describe_that_talks_is_not_heard_and_has_an_end() {
    let print = "(call $print (call $stderr) (i32.const 2100) (i32.const 10) (i32.const 600))";
    load(&Guest::new("").import(PRINT).describing(print).component()).unwrap();
    let flood = format!("(loop $l {print} (br $l))");
    let told = refused(Guest::new("").import(PRINT).describing(&flood));
    assert!(told.starts_with("cannot describe its solids: "), "{told}");
}

#[test]
fn memory_and_tables_that_are_too_large_from_the_start() {
    for (field, wanted) in [
        ("(memory $big 65535)", "out-of-memory"),
        ("(table $big 10000000 funcref)", "table"),
        ("(memory $a 1) (memory $b 1) (memory $c 1) (memory $d 1)", "memories"),
    ] {
        let told = refused(Guest::new("").field(field));
        assert!(told.contains(wanted), "{field}: {told}");
    }
}
