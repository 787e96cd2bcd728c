//! From an item to the code of its clone. Both ends read the time of day, so it has to be granted.

use std::thread;
use std::time::{Duration, SystemTime};

use fanfold_sdk::prelude::*;

/// How long to wait before each item.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseConfig {
    /// The pause in microseconds.
    #[serde(default)]
    pub pause_us: u64,
}

/// Emits the time, so many times.
#[solid]
pub fn emit_times(config: PauseConfig, count: u32, mut result: DynamicOutput<u64>) -> Result<()> {
    for number in 0..count {
        if config.pause_us > 0 {
            thread::sleep(Duration::from_micros(config.pause_us));
        }
        result.emit(number, now())?;
    }
    Ok(())
}

/// Says how long ago a time was, in nanoseconds.
#[solid]
pub fn since(then: u64) -> u64 {
    now().saturating_sub(then)
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use fanfold_sdk::testing::Step;

    use super::*;

    #[test]
    fn times_are_emitted_and_looked_back_at() {
        let times = Step::of::<emit_times>().input("count", 2).run().dynamic::<u64>("result");
        assert_eq!(times.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["0", "1"]);
        assert!(times[0].1 <= times[1].1);
        assert!(since(0) > 0);
        assert_eq!(since(u64::MAX), 0);
    }
}
