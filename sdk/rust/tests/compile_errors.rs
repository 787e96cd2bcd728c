//! What the macros say about mistakes: `ui/*.rs` beside the expected messages.
//!
//! Messages that come from the compiler change with it, so `TRYBUILD=overwrite cargo test -p fanfold-sdk --test
//! compile_errors` renews them after an upgrade.

#[test]
fn mistakes_are_reported_where_they_were_made() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
