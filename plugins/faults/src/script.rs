//! A solid that emits what its configuration says, right or wrong.

use std::time::Duration;

use fanfold_sdk::prelude::*;
use serde_json::Value;

/// What to do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Each attempt in turn; the last stands for all after it.
    pub attempts: Vec<Attempt>,
}

/// What one attempt does.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// What it emits, in this order, going on after what is refused.
    #[serde(default)]
    pub emit: Vec<Emission>,
    /// What it then adds a fact to: `[output, key]`, the key null for a plain output.
    #[serde(default)]
    pub annotate: Vec<(String, Option<String>)>,
    /// How it ends, if not well.
    pub end: Option<End>,
}

/// `[output, value]`, or with a mapping key `[output, key, value]`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Emission {
    /// An item of a dynamic output.
    Item(String, String, Value),
    /// A plain output.
    Plain(String, Value),
}

/// How an attempt goes wrong.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It fails, and leaves it to the retry policy what follows.
    Fail,
    /// It fails, and another attempt would be of no use.
    FailForGood,
    /// It fails, and wants another attempt after so many milliseconds.
    RetryAfterMs(u64),
    /// It breaks down.
    Panic,
}

/// Emits what its script says. It has all sorts of outputs; the script may go against their definitions.
///
/// # Panics
/// If the script says so.
#[solid]
pub fn perform(
    config: Script,
    cx: Context,
    #[default = Value::Null] x: Value,
    items: DynamicOutput<i64>,
    #[output(is_required = false)] others: DynamicOutput<i64>,
    total: Output<i64>,
    note: OptionalOutput<String>,
) -> Result<()> {
    drop((x, items, others, total, note));
    let attempt = config.attempts.get(cx.attempt() as usize).or(config.attempts.last());
    let Attempt { emit, annotate, end } = attempt.cloned().unwrap_or_default();
    emit.into_iter().for_each(raw::emit);
    annotate.into_iter().for_each(raw::annotate);
    match end {
        None => Ok(()),
        Some(End::Fail) => Err(Error::new("as the script says")),
        Some(End::FailForGood) => Err(Error::new("as the script says, for good").never_retry()),
        Some(End::RetryAfterMs(pause)) => {
            Err(Error::new("as the script says, for a while").retry_after(Duration::from_millis(pause)))
        }
        Some(End::Panic) => panic!("as the script says"),
    }
}

/// The contract's own functions, which take what the typed outputs of a solid would not let through.
#[cfg(target_arch = "wasm32")]
mod raw {
    use fanfold_sdk::runtime::wasm::bindings::fanfold::plugin::{outputs, types};

    use super::Emission;

    /// Emits, and goes on if that is refused: the host remembers.
    pub(super) fn emit(emission: Emission) {
        let refused = match emission {
            Emission::Item(output, key, value) => {
                outputs::emit_dynamic(&output, &key, &types::Value::Json(value.to_string()), &[]).is_err()
            }
            Emission::Plain(output, value) => {
                outputs::emit(&output, &types::Value::Json(value.to_string()), &[]).is_err()
            }
        };
        drop(refused);
    }

    /// Adds a fact, and goes on if that is refused.
    pub(super) fn annotate((output, key): (String, Option<String>)) {
        let value = types::MetadataValue::Boolean(true);
        let fact = types::MetadataEntry { label: "seen".to_owned(), description: None, value };
        drop(outputs::annotate(&output, key.as_deref(), &[fact]));
    }
}

/// Natively there is nobody who could refuse.
#[cfg(not(target_arch = "wasm32"))]
mod raw {
    use super::Emission;

    pub(super) fn emit(_: Emission) {
        panic!("only a plugin can go against the contract");
    }

    pub(super) fn annotate(_: (String, Option<String>)) {
        panic!("only a plugin can go against the contract");
    }
}

#[cfg(test)]
mod tests {
    use fanfold_sdk::testing::Step;

    use super::*;

    #[test]
    fn each_attempt_ends_as_its_script_says() {
        let attempts = json!({ "attempts": [{ "end": "fail" }, { "end": { "retry_after_ms": 5 } }, {}] });
        let step = |attempt| Step::of::<perform>().config(&attempts).attempt(attempt).run();
        assert_eq!(step(0).failure().unwrap().description, "as the script says");
        assert_eq!(step(1).failure().unwrap().description, "as the script says, for a while");
        for late in [2, 9] {
            assert!(step(late).failure().is_none_or(|failure| failure.description.contains("total")));
        }
    }
}
