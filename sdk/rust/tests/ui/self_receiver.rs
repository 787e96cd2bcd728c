use fanfold_sdk::prelude::*;

struct Counter;

impl Counter {
    #[solid]
    fn count(self, x: i64) -> i64 {
        x
    }
}

fn main() {}
