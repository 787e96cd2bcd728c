//! The number of a thread among those that run steps: small, and no other living thread's.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The numbers that threads had and have no more, and the number of the next thread if there are none.
static FREE: Mutex<(BTreeSet<usize>, usize)> = Mutex::new((BTreeSet::new(), 0));

/// A number that this thread has until it ends.
struct Lane(usize);

thread_local! {
    static LANE: Lane = Lane::take();
}

/// This thread's number; none when it is about to end.
pub(super) fn current() -> Option<usize> {
    LANE.try_with(|lane| lane.0).ok()
}

impl Lane {
    fn take() -> Self {
        let (free, next) = &mut *lock();
        Self(free.pop_first().unwrap_or_else(|| {
            *next += 1;
            *next - 1
        }))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        lock().0.insert(self.0);
    }
}

fn lock() -> MutexGuard<'static, (BTreeSet<usize>, usize)> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn living_threads_have_different_numbers() {
        let together = Barrier::new(8);
        let numbers: Vec<_> = std::thread::scope(|scope| {
            let thread = || {
                let number = current();
                together.wait();
                assert_eq!(current(), number);
                number
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(thread)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 8);
    }
}
