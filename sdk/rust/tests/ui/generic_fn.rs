use fanfold_sdk::prelude::*;

#[solid]
fn echo<T>(x: T) -> T {
    x
}

#[solid]
fn twice(x: impl Into<String>) -> String {
    x.into().repeat(2)
}

fn main() {}
