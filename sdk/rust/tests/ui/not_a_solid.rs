use fanfold_sdk::prelude::*;

#[solid]
fn echo(x: i64) -> i64 {
    x
}

fn forgotten(x: i64) -> i64 {
    x
}

plugin!(echo, forgotten);

fn main() {
    echo(forgotten(1));
}
