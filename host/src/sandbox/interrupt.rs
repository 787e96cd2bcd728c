//! Ending a step from outside: cancel and the wall limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::failure::{FailureKind, StepFailure};

/// How often a running guest is looked at. Well under the second within which a cancel must take effect.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Ticks that a canceled step gets to end by itself, once `is-cancelled` says so: a quarter of a second.
const GRACE_TICKS: u32 = 25;

/// Asks steps to stop, from any thread. Clones ask the same steps.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks every step that runs with this interrupt to stop. There is no way back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// True once [`cancel`](Self::cancel) was called.
    pub fn is_canceled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Decides, tick by tick, whether a step may go on.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    interrupt: Interrupt,
    wall: Duration,
    deadline: Option<Instant>,
    ticks_since_cancel: u32,
}

impl Watch {
    pub(super) fn start(interrupt: Interrupt, wall: Duration) -> Self {
        Self { interrupt, wall, deadline: Instant::now().checked_add(wall), ticks_since_cancel: 0 }
    }

    pub(super) fn is_canceled(&self) -> bool {
        self.interrupt.is_canceled()
    }

    /// Called about every [`TICK`] while guest code runs.
    pub(super) fn tick(&mut self) -> Result<(), StepFailure> {
        if self.interrupt.is_canceled() {
            self.ticks_since_cancel += 1;
            if self.ticks_since_cancel > GRACE_TICKS {
                return Err(canceled());
            }
        }
        self.check_deadline()
    }

    /// Called while the guest waits: there is nothing for it to tidy up first.
    pub(super) fn check_waiting(&self) -> Result<(), StepFailure> {
        if self.interrupt.is_canceled() {
            return Err(canceled());
        }
        self.check_deadline()
    }

    fn check_deadline(&self) -> Result<(), StepFailure> {
        if self.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return Ok(());
        }
        let message = format!("ran longer than its limit of {:?}", self.wall);
        Err(StepFailure::limit(FailureKind::TimedOut, message, "wall"))
    }
}

fn canceled() -> StepFailure {
    StepFailure::new(FailureKind::Canceled, "the run was canceled while the step ran")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canceled_guest_has_its_grace_and_a_waiting_one_none() {
        let interrupt = Interrupt::default();
        let mut watch = Watch::start(interrupt.clone(), Duration::from_hours(1));
        assert_eq!(watch.tick(), Ok(()));
        interrupt.cancel();
        for _ in 0..GRACE_TICKS {
            assert_eq!(watch.tick(), Ok(()));
        }
        assert_eq!(watch.tick().unwrap_err().kind, FailureKind::Canceled);
        assert_eq!(watch.check_waiting().unwrap_err().kind, FailureKind::Canceled);
    }

    #[test]
    fn a_wall_limit_without_end_is_no_limit() {
        let mut watch = Watch::start(Interrupt::default(), Duration::MAX);
        assert_eq!(watch.tick(), Ok(()));
    }

    #[test]
    fn a_spent_wall_limit_ends_the_step() {
        let mut watch = Watch::start(Interrupt::default(), Duration::ZERO);
        assert_eq!(watch.tick().unwrap_err().kind, FailureKind::TimedOut);
    }
}
