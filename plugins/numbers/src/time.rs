//! Solids that take their time. They wait in the host, which can interrupt them, and need no clock of their own.

use std::thread;
use std::time::Duration;

use fanfold_sdk::prelude::*;
use serde_json::Value;

/// How long to wait.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseConfig {
    /// The pause in milliseconds.
    #[serde(default)]
    pub ms: u64,
}

impl PauseConfig {
    fn wait(&self) {
        // A sleep of zero is still a call to the host.
        if self.ms > 0 {
            thread::sleep(Duration::from_millis(self.ms));
        }
    }
}

/// Returns its input after a pause.
#[solid]
pub fn sleep(config: PauseConfig, x: Value) -> Value {
    config.wait();
    x
}

/// Emits the numbers below `num`, with a pause before each.
#[solid]
pub fn emit_slowly(
    config: PauseConfig,
    cx: Context,
    #[default = 3] num: u32,
    mut result: DynamicOutput<u32>,
) -> Result<()> {
    for number in 0..num {
        config.wait();
        result.emit(number, number)?;
        cx.progress(f64::from(number + 1), f64::from(num), "numbers emitted");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use fanfold_sdk::testing::Step;

    use super::*;

    #[test]
    fn sleep_returns_its_input_after_the_pause() {
        let start = Instant::now();
        let outcome = Step::of::<sleep>().config(json!({ "ms": 20 })).input("x", "later").run();
        assert_eq!(outcome.result::<String>(), "later");
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn emit_slowly_emits_and_reports_progress() {
        let outcome = Step::of::<emit_slowly>().config(json!({ "ms": 1 })).input("num", 2).run();
        assert_eq!(outcome.dynamic::<u32>("result"), [("0".to_owned(), 0), ("1".to_owned(), 1)]);
        let progress: Vec<_> = outcome.progress().iter().map(|report| (report.done, report.total)).collect();
        assert_eq!(progress, [(1.0, Some(2.0)), (2.0, Some(2.0))]);
    }
}
