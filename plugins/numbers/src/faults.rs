//! Solids that fail on demand.

use fanfold_sdk::prelude::*;
use serde_json::Value;

/// Where to fail.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailOnConfig {
    /// The values to fail on.
    #[serde(default)]
    pub at: Vec<Value>,
}

/// Returns its input, unless that is among the values to fail on.
#[solid]
pub fn fail_on(config: FailOnConfig, x: Value) -> Result<Value> {
    if config.at.contains(&x) {
        fail!("failing on {x}, as configured");
    }
    Ok(x)
}

/// How often to fail.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlakyConfig {
    /// How many of the first attempts fail.
    #[serde(default)]
    pub failures: u32,
}

/// Returns its input, but only once it has failed often enough.
#[solid]
pub fn flaky(config: FlakyConfig, cx: Context, x: Value) -> Result<Value> {
    if cx.attempt() < config.failures {
        fail!("attempt {} of {} that fail, as configured", cx.attempt() + 1, config.failures);
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use fanfold_sdk::testing::Step;

    use super::*;

    #[test]
    fn fail_on_fails_on_exactly_the_given_values() {
        let step = |x| Step::of::<fail_on>().config(json!({ "at": [2, "b"] })).input("x", x).run();
        assert_eq!(step(json!(1)).result::<i64>(), 1);
        assert_eq!(step(json!(2)).failure().unwrap().description, "failing on 2, as configured");
        assert!(step(json!("b")).failure().is_some());
        assert_eq!(Step::of::<fail_on>().input("x", 2).run().result::<i64>(), 2);
    }

    #[test]
    fn flaky_succeeds_after_its_failures() {
        let step =
            |attempt| Step::of::<flaky>().config(json!({ "failures": 2 })).input("x", 7).attempt(attempt);
        assert_eq!(step(0).run().failure().unwrap().description, "attempt 1 of 2 that fail, as configured");
        assert!(step(1).run().failure().is_some());
        assert_eq!(step(2).run().result::<i64>(), 7);
    }
}
