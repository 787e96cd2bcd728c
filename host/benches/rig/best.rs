//! How long something takes on a machine that has other things to do, too.

use std::time::{Duration, Instant};

const BEST_OF: usize = 3;

/// The shortest of a few.
pub(crate) fn best(mut work: impl FnMut()) -> Duration {
    let mut timed = || {
        let begun = Instant::now();
        work();
        begun.elapsed()
    };
    (0..BEST_OF).map(|_| timed()).min().unwrap()
}
