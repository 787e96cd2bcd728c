use fanfold_sdk::prelude::*;

#[solid]
fn echo(#[default = "three"] x: i64) -> i64 {
    x
}

fn main() {}
