use fanfold_sdk::prelude::*;

#[solid]
fn both(mut result: Output<i64>) -> Result<i64> {
    result.emit(1)?;
    Ok(2)
}

#[solid]
fn named(a: Output<i64>, #[output(name = "a")] b: Output<i64>, #[input(name = "y")] x: i64, y: i64) {
    drop((a, b, x + y));
}

fn main() {}
