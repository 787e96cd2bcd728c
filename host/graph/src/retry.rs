//! Whether and when a failed step runs again.

use crate::definition::RetryPolicy;

/// What a failed solid asks for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetryRequest {
    /// As its retry policy says.
    #[default]
    ByPolicy,
    /// Not to run again, whatever the policy says.
    Never,
    /// To run again after that many milliseconds, as long as the policy has retries left.
    AfterMs(u32),
}

/// The pause in milliseconds before a step that has just failed runs again; none when it does not.
///
/// `retries` is how often it was retried before. The pause before retry *n* (from 0) is `delay * backoff^n`, of
/// which the share `jitter` is multiplied by `random`, a number from 0 to 1 that the caller draws.
pub fn pause(policy: Option<&RetryPolicy>, request: RetryRequest, retries: u32, random: f64) -> Option<u32> {
    let policy = policy.filter(|policy| retries < policy.max_retries)?;
    match request {
        RetryRequest::Never => None,
        RetryRequest::AfterMs(pause) => Some(pause),
        RetryRequest::ByPolicy => Some(policy_pause(policy, retries, random)),
    }
}

#[expect(clippy::cast_sign_loss, reason = "a float-to-int cast saturates, so a negative pause is none")]
fn policy_pause(policy: &RetryPolicy, retries: u32, random: f64) -> u32 {
    let longest = f64::from(policy.delay_ms) * policy.backoff.powf(f64::from(retries));
    let jitter = policy.jitter.clamp(0.0, 1.0);
    (longest * (1.0 - jitter + jitter * random)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(max_retries: u32, delay_ms: u32, backoff: f64, jitter: f64) -> RetryPolicy {
        RetryPolicy { max_retries, delay_ms, backoff, jitter }
    }

    #[test]
    fn the_policy_decides_unless_the_solid_asks() {
        let doubling = policy(3, 100, 2.0, 0.0);
        let by_policy = |retries| pause(Some(&doubling), RetryRequest::ByPolicy, retries, 0.5);
        assert_eq!([0, 1, 2, 3].map(by_policy), [Some(100), Some(200), Some(400), None]);
        assert_eq!(pause(None, RetryRequest::ByPolicy, 0, 0.5), None);
        assert_eq!(pause(None, RetryRequest::AfterMs(5), 0, 0.5), None);
        assert_eq!(pause(Some(&doubling), RetryRequest::Never, 0, 0.5), None);
        assert_eq!(pause(Some(&doubling), RetryRequest::AfterMs(5), 2, 0.5), Some(5));
        assert_eq!(pause(Some(&doubling), RetryRequest::AfterMs(5), 3, 0.5), None);
    }

    #[test]
    fn jitter_takes_away_at_most_its_share() {
        let jittered = policy(1, 1000, 1.0, 0.25);
        let at = |random| pause(Some(&jittered), RetryRequest::ByPolicy, 0, random);
        assert_eq!([0.0, 0.5, 1.0].map(at), [Some(750), Some(875), Some(1000)]);
    }

    #[test]
    fn absurd_policies_saturate() {
        let explosive = policy(u32::MAX, u32::MAX, 1e9, 0.0);
        assert_eq!(pause(Some(&explosive), RetryRequest::ByPolicy, 1_000_000, 1.0), Some(u32::MAX));
        let negative = policy(2, 100, -3.0, 7.0);
        assert_eq!(pause(Some(&negative), RetryRequest::ByPolicy, 1, 1.0), Some(0));
    }
}
