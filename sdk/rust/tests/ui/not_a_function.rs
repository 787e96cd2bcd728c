use fanfold_sdk::prelude::*;

#[solid]
struct Echo;

fn main() {}
