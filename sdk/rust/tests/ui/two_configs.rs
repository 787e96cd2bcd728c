use fanfold_sdk::prelude::*;

#[solid]
fn range(config: i64, #[config] other: i64) -> i64 {
    config + other
}

fn main() {}
