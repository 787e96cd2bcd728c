//! What crosses the boundary in either direction: lies about memory, text that is none, and floods. The host's memory stays
//! within a bound throughout.

use fanfold::sandbox::*;

use crate::guests::{BLOBS, EVENTS, Guest, LOG, REALLOC};
use crate::harness::{Step, plugin, run};

/// The most memory that the process of all these tests may ever have resident, in bytes.
pub(crate) const MOST: u64 = 1 << 30;

/// How the step of a guest fails; before and after, another plugin's step succeeds, and the host never grew beyond its bound.
fn fails(guest: Guest, limits: Limits) -> FailureKind {
    let sibling = plugin(Guest::new("(call $emit (i32.const 2100) (i32.const 1))"));
    run(&sibling).unwrap();
    let failure = Step { limits, ..Step::default() }.run(&plugin(guest)).unwrap_err();
    run(&sibling).unwrap();
    assert!(peak() < MOST, "{failure}");
    failure.kind
}

/// The most memory that this process ever had resident, in bytes.
pub(crate) fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn memory_that_a_guest_does_not_have() {
    for (pointer, length) in [("-8", "4"), ("262140", "8"), ("2100", "-1"), ("-1", "-1"), ("0", "2147483647")]
    {
        let emit = format!("(call $emit (i32.const {pointer}) (i32.const {length}))");
        let kind = fails(Guest::new(&emit), Limits::default());
        assert!(
            matches!(kind, FailureKind::Trapped | FailureKind::ValueTooLarge),
            "{pointer} {length}: {kind}"
        );
    }
}

#[test]
fn text_that_is_no_text() {
    let invalid = r#"(data (i32.const 3000) "\22\ff\fe\80\22")"#;
    let emit = "(call $emit (i32.const 3000) (i32.const 5))";
    assert_eq!(fails(Guest::new(emit).field(invalid), Limits::default()), FailureKind::Trapped);
    let log = "(call $log (i32.const 1) (i32.const 3000) (i32.const 5))";
    assert_eq!(fails(Guest::new(log).import(LOG).field(invalid), Limits::default()), FailureKind::Trapped);
    let key = "(call $emit_key (i32.const 3000) (i32.const 5) (i32.const 2100) (i32.const 1))";
    assert_eq!(fails(Guest::new(key).field(invalid), Limits::default()), FailureKind::Trapped);
}

#[test]
fn a_value_of_four_gibibytes() {
    // As much as can be named, with as much memory as there can be.
    let emit = "(drop (memory.grow (i32.const 65000))) (call $emit (i32.const 0) (i32.const -65536))";
    let limits = Limits { memory_bytes: 4 << 30, ..Limits::default() };
    let kind = fails(Guest::new(emit), limits);
    assert!(matches!(kind, FailureKind::ValueTooLarge | FailureKind::Trapped), "{kind}");
}

#[test]
fn a_million_of_everything() {
    let log = "(loop $l (call $log (i32.const 1) (i32.const 2200) (i32.const 26)) (br $l))";
    assert_eq!(fails(Guest::new(log).import(LOG), Limits::default()), FailureKind::LogsTooLarge);
    // A key of six digits for each number, the same value under all.
    let keys = "(loop $l
        (i32.store8 (i32.const 3000) (i32.add (i32.const 65) (i32.rem_u (local.get $i) (i32.const 26))))
        (i32.store8 (i32.const 3001) (i32.add (i32.const 65) (i32.rem_u (i32.div_u (local.get $i) (i32.const 26)) (i32.const 26))))
        (i32.store8 (i32.const 3002) (i32.add (i32.const 65) (i32.rem_u (i32.div_u (local.get $i) (i32.const 676)) (i32.const 26))))
        (i32.store8 (i32.const 3003) (i32.add (i32.const 65) (i32.rem_u (i32.div_u (local.get $i) (i32.const 17576)) (i32.const 26))))
        (i32.store8 (i32.const 3004) (i32.add (i32.const 65) (i32.div_u (local.get $i) (i32.const 456976))))
        (call $emit_key (i32.const 3000) (i32.const 5) (i32.const 2100) (i32.const 1))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $l))";
    let limits = Limits { keys: 50_000, ..Limits::default() };
    assert_eq!(fails(Guest::new(keys), limits), FailureKind::TooManyKeys);
    let expect = "(loop $l (call $expect (i32.const 2200) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0)) (br $l))";
    let limits = Limits { metadata_bytes: 4 << 20, ..Limits::default() };
    assert_eq!(fails(Guest::new(expect).import(EVENTS), limits), FailureKind::MetadataTooLarge);
}

#[test]
fn a_list_that_has_more_members_than_memory() {
    // Metadata with 268 million entries.
    let emit = "(call $raw_emit (i32.const 2010) (i32.const 6) (i32.const 0) (i32.const 2100) (i32.const 1)
        (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 268435455) (i32.const 512))";
    assert_eq!(fails(Guest::new(emit), Limits::default()), FailureKind::Trapped);
}

/// Inputs that the host has to put into the guest's memory by its `realloc`.
fn with_input(guest: Guest, limits: Limits) -> Result<StepReport, StepFailure> {
    let text = Value::Json(format!("\"{}\"", "x".repeat(100_000)).into());
    let inputs = vec![Input { name: "a".into(), value: InputValue::Single(text) }];
    Step { limits, inputs, ..Step::default() }.run(&plugin(guest))
}

#[test]
fn a_realloc_that_lies_traps_or_never_ends() {
    for (realloc, wanted) in [
        ("(i32.const -4)", FailureKind::Trapped),
        ("(i32.const 1)", FailureKind::Trapped),
        ("(i32.const 262143)", FailureKind::Trapped),
        ("unreachable", FailureKind::Trapped),
        ("(loop $l (br $l)) (i32.const 0)", FailureKind::TimedOut),
        ("(call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))", FailureKind::StackOverflow),
        ("(call $raw_emit (i32.const 2010) (i32.const 6) (i32.const 0) (i32.const 2100) (i32.const 1)
           (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512)) (i32.const 65536)", FailureKind::Trapped),
    ] {
        let failure = with_input(Guest::new("").realloc(realloc), crate::harness::short_wall()).unwrap_err();
        assert_eq!(failure.kind, wanted, "{realloc}: {failure}");
    }
    // An honest one has room for it.
    with_input(Guest::new(""), Limits::default()).unwrap();
}

#[test]
fn a_host_call_whose_answer_meets_the_same_reallocs() {
    // Until it calls the host, the guest is honest. The host answers with a sentence, for which it needs room.
    let body =
        "(global.set $lies (i32.const 1)) (call $create (i32.const 2200) (i32.const 300) (i32.const 600))";
    let guest = |lie: &str| {
        let realloc = format!("(if (result i32) (global.get $lies) (then {lie}) (else {REALLOC}))");
        Guest::new(body).import(BLOBS).field("(global $lies (mut i32) (i32.const 0))").realloc(&realloc)
    };
    for (lie, wanted) in [
        ("(i32.const -4)", FailureKind::Trapped),
        ("(i32.const 262143)", FailureKind::Trapped),
        ("unreachable", FailureKind::Trapped),
        ("(loop $l (br $l)) (i32.const 0)", FailureKind::TimedOut),
        (
            "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable",
            FailureKind::OutOfMemory,
        ),
        (
            "(call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))",
            FailureKind::StackOverflow,
        ),
        (
            "(call $create (i32.const 2200) (i32.const 3) (i32.const 600)) (i32.const 65536)",
            FailureKind::Trapped,
        ),
    ] {
        assert_eq!(fails(guest(lie), crate::harness::short_wall()), wanted, "{lie}");
    }
    run(&plugin(guest(REALLOC))).unwrap();
}

#[test]
fn an_input_that_is_larger_than_the_guests_memory() {
    let input = |realloc: &str| {
        let text = Value::Json(format!("\"{}\"", "x".repeat(70 << 20)).into());
        let inputs = vec![Input { name: "a".into(), value: InputValue::Single(text) }];
        Step { inputs, ..Step::default() }.run(&plugin(Guest::new("").realloc(realloc))).unwrap_err().kind
    };
    assert_eq!(input(REALLOC), FailureKind::Trapped);
    let growing = "
        (local.set $at (i32.mul (memory.size) (i32.const 65536)))
        (if (i32.eq (i32.const -1)
              (memory.grow (i32.add (i32.div_u (local.get 3) (i32.const 65536)) (i32.const 1))))
          (then unreachable))
        (local.get $at)";
    assert_eq!(input(growing), FailureKind::OutOfMemory);
    assert!(peak() < MOST);
}

#[test]
fn traps_of_every_kind() {
    let fields = "(table $t 1 funcref) (type $wrong (func (param i32 i32 i32)))";
    for body in [
        "unreachable",
        "(drop (i32.load (i32.const -4)))",
        "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
        "(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))",
        "(drop (i32.trunc_f64_s (f64.const nan)))",
        "(drop (i32.trunc_f64_s (f64.const 1e300)))",
        "(drop (table.get $t (i32.const 7)))",
        "(call_indirect $t (type $wrong) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))",
        "(call_indirect $t (type $wrong) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 9))",
        "(memory.copy (i32.const 0) (i32.const -1) (i32.const 9))",
        "(memory.fill (i32.const -1) (i32.const 0) (i32.const 9))",
        "(return (i32.const 262143))",
    ] {
        assert_eq!(fails(Guest::new(body).field(fields), Limits::default()), FailureKind::Trapped, "{body}");
    }
}
