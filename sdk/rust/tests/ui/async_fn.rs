use fanfold_sdk::prelude::*;

#[solid]
async fn echo(x: i64) -> i64 {
    x
}

fn main() {}
