//! Inputs and a returned value: the plainest solids there are.

use fanfold_sdk::prelude::*;
use serde_json::Value;

/// How far to count.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeConfig {
    /// The number to return.
    #[serde(default = "three")]
    pub range: i64,
}

fn three() -> i64 {
    3
}

/// Returns a number that the configuration chooses, 3 if it does not.
#[solid]
pub fn num_range(config: RangeConfig) -> i64 {
    config.range
}

/// Returns its input, whatever that is.
#[solid]
pub fn echo(x: Value) -> Value {
    x
}

/// Adds two numbers.
#[solid]
pub fn add(x: i64, y: i64) -> Result<i64> {
    exact(x.checked_add(y))
}

/// Doubles a number.
#[solid]
pub fn multiply_by_two(y: i64) -> Result<i64> {
    exact(y.checked_mul(2))
}

/// Multiplies two numbers.
#[solid]
pub fn multiply_inputs(y: i64, ten: i64) -> Result<i64> {
    exact(y.checked_mul(ten))
}

/// Adds up any amount of numbers, without ever holding all of them.
#[solid]
pub fn sum_numbers(nums: Collected<i64>) -> Result<i64> {
    let mut sum = Some(0_i64);
    for (_key, number) in nums {
        let number = number?;
        sum = sum.and_then(|sum| sum.checked_add(number));
    }
    exact(sum)
}

/// A wrong number would travel on unseen, so one that does not fit fails the step; no retry would change it.
fn exact(number: Option<i64>) -> Result<i64> {
    number.ok_or("the result does not fit 64 bits").never_retry()
}

#[cfg(test)]
mod tests {
    use fanfold_sdk::RetryRequest;
    use fanfold_sdk::testing::Step;

    use super::*;

    #[test]
    fn num_range_has_a_default() {
        assert_eq!(Step::of::<num_range>().run().result::<i64>(), 3);
        assert_eq!(Step::of::<num_range>().config(json!({ "range": 5 })).run().result::<i64>(), 5);
    }

    #[test]
    fn num_range_refuses_what_it_does_not_know() {
        let outcome = Step::of::<num_range>().config(json!({ "rnage": 5 })).run();
        assert!(outcome.failure().unwrap().description.contains("unknown field `rnage`"));
    }

    #[test]
    fn echo_returns_anything() {
        for value in [json!(1), json!([1, "a"]), json!({ "a": null }), json!(null)] {
            assert_eq!(Step::of::<echo>().input("x", &value).run().result::<Value>(), value);
        }
        assert_eq!(Step::of::<echo>().list("x", [1, 2]).run().result::<Value>(), json!([1, 2]));
    }

    #[test]
    fn arithmetic_is_exact_or_fails_for_good() {
        assert_eq!(add(2, 3).unwrap(), 5);
        assert_eq!(multiply_by_two(-4).unwrap(), -8);
        assert_eq!(multiply_inputs(4, 10).unwrap(), 40);
        let failure = add(i64::MAX, 1).unwrap_err();
        assert_eq!(failure.retry(), RetryRequest::Never);
    }

    #[test]
    fn sum_numbers_takes_collections_and_lists() {
        let step = Step::of::<sum_numbers>;
        assert_eq!(step().collected("nums", [("a", 1), ("b", 2)]).run().result::<i64>(), 3);
        assert_eq!(step().input("nums", [1, 2, 3]).run().result::<i64>(), 6);
        assert_eq!(step().list("nums", 0..10_000).run().result::<i64>(), 49_995_000);
        assert_eq!(step().list::<i64>("nums", []).run().result::<i64>(), 0);
    }

    #[test]
    fn sum_numbers_names_the_value_that_is_no_number() {
        let outcome = Step::of::<sum_numbers>().collected("nums", [("a", json!(1)), ("b", json!("x"))]).run();
        assert!(outcome.failure().unwrap().description.starts_with("collected value `b`: invalid type"));
    }
}
