//! Dynamic outputs: emitted any number of times, each time under a mapping key.

use fanfold_sdk::prelude::*;

/// What `emit` is to do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmitConfig {
    /// Fail after two values.
    #[serde(default)]
    pub fail: bool,
}

/// Emits the numbers below `num`, each under itself as the key; asked to fail, it emits two first.
#[solid]
pub fn emit(config: EmitConfig, #[default = 3] num: i64, mut result: DynamicOutput<i64>) -> Result<()> {
    for number in 0..num {
        if config.fail && number == 2 {
            break;
        }
        result.emit(number, number)?;
    }
    if config.fail {
        fail!("failing as configured, with `fail = true`");
    }
    Ok(())
}

/// Emits the numbers from 0 to 9.
#[solid]
pub fn emit_ten(mut result: DynamicOutput<i64>) -> Result<()> {
    for number in 0..10 {
        result.emit(number, number)?;
    }
    Ok(())
}

/// Emits each number of a list under its place, and when it has seen all of them, says what share each has of the sum.
#[solid]
pub fn emit_shares(nums: Vec<u32>, mut result: DynamicOutput<u32>) -> Result<()> {
    let mut sum = 0.0;
    for (place, number) in nums.iter().enumerate() {
        sum += f64::from(*number);
        result.emit(place, number)?;
    }
    for (place, number) in nums.iter().enumerate() {
        result.annotate(place, Metadata::new().number("share", f64::from(*number) / sum))?;
    }
    Ok(())
}

/// Emits each number of a list under itself as the key, so that a number given twice fails it.
#[solid]
pub fn dynamic_echo(nums: Collected<i64>, mut result: DynamicOutput<i64>) -> Result<()> {
    for (_key, number) in nums {
        let number = number?;
        result.emit(number, number)?;
    }
    Ok(())
}

/// Emits the next two numbers, under the keys `1` and `2`.
#[solid]
pub fn dynamic_add(x: i64, mut result: DynamicOutput<i64>) -> Result<()> {
    for step in [1, 2] {
        result.emit(step, x.checked_add(step).ok_or("the result does not fit 64 bits")?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use fanfold_sdk::EmitError;
    use fanfold_sdk::testing::{Reason, Step};

    use super::*;

    fn items(items: &[(&str, i64)]) -> Vec<(String, i64)> {
        items.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    #[test]
    fn emit_counts_to_its_input_or_three() {
        let outcome = Step::of::<emit>().run();
        assert_eq!(outcome.dynamic("result"), items(&[("0", 0), ("1", 1), ("2", 2)]));
        let outcome = Step::of::<emit>().input("num", 0).run();
        outcome.expect_success();
        assert!(outcome.emitted().is_empty());
    }

    #[test]
    fn emit_fails_after_two_values() {
        let outcome = Step::of::<emit>().config(json!({ "fail": true })).input("num", 5).run();
        assert_eq!(outcome.dynamic("result"), items(&[("0", 0), ("1", 1)]));
        assert_eq!(outcome.failure().unwrap().description, "failing as configured, with `fail = true`");
    }

    #[test]
    fn emit_ten_emits_ten() {
        let emitted = Step::of::<emit_ten>().run().dynamic::<i64>("result");
        assert_eq!(emitted.len(), 10);
        assert_eq!(emitted[9], ("9".to_owned(), 9));
    }

    #[test]
    fn dynamic_echo_uses_values_as_keys() {
        let outcome = Step::of::<dynamic_echo>().input("nums", [5, -3]).run();
        assert_eq!(outcome.dynamic("result"), items(&[("5", 5), ("minus_3", -3)]));
        let outcome = Step::of::<dynamic_echo>().input("nums", [5, 5]).run();
        let refusal = &outcome.failure().unwrap().reason;
        assert!(matches!(refusal, Reason::Refused(EmitError::Duplicate(_))), "{refusal:?}");
    }

    #[test]
    fn emit_shares_adds_what_it_knows_in_the_end() {
        let outcome = Step::of::<emit_shares>().input("nums", [1, 3]).run();
        let share = |place: usize| outcome.emitted()[place].metadata.get("share").cloned();
        assert_eq!(share(0), Some(fanfold_sdk::MetadataValue::Number(0.25)));
        assert_eq!(share(1), Some(fanfold_sdk::MetadataValue::Number(0.75)));
    }

    #[test]
    fn dynamic_add_emits_the_next_two() {
        let outcome = Step::of::<dynamic_add>().input("x", 40).run();
        assert_eq!(outcome.dynamic("result"), items(&[("1", 41), ("2", 42)]));
    }
}
