use fanfold_sdk::prelude::*;

#[solid]
fn confused(#[output(is_required = false)] x: i64, #[default = 3] out: Output<i64>, #[config] cx: Context) {
    drop((x, out, cx));
}

#[solid(result(name = "nothing"))]
fn returns_nothing() {}

#[solid]
fn required(#[output(is_required = true)] a: OptionalOutput<i64>) {
    drop(a);
}

#[solid]
fn partitions(#[output(asset_partitions = ["p"])] a: Output<i64>) {
    drop(a);
}

#[solid]
fn of_what(a: Output) {
    drop(a);
}

fn main() {}
