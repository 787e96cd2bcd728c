use fanfold_sdk::prelude::*;

#[solid(nmae = "other")]
fn echo(#[input(defualt = 3)] x: i64) -> i64 {
    x
}

#[solid(retry_policy(retries = 3))]
fn emit(#[output(required = false)] numbers: DynamicOutput<i64>) {
    drop(numbers);
}

#[solid(tags)]
fn tagged() {}

fn main() {}
