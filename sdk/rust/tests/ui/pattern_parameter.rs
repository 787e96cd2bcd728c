use fanfold_sdk::prelude::*;

#[solid]
fn add((x, y): (i64, i64)) -> i64 {
    x + y
}

#[solid]
fn ignore(_: i64) {}

fn main() {}
