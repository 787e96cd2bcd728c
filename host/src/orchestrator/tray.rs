//! A worker's tray: the steps that it has claimed and not begun, and what its steps have handed over and nobody has
//! recorded yet.
//!
//! To record costs less for many facts at once than for each of them, and workers get in each other's way less often. So what nobody
//! waits for waits: while every worker is busy, a new clone could not start anyway. A worker that comes for its next step
//! first empties its own tray, and those of workers that have begun all that they have claimed: these may be at a long step.
//!
//! Invariant: while a worker sleeps, no tray has anything that could give it work.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fanfold_graph::step::StepId;

use super::executions::Ticket;
use super::worker::{Claim, Ended};
use crate::store::Fact;

/// One worker's. The workers' trays do not share cache lines.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Tray(Mutex<Content>);

#[derive(Default)]
struct Content {
    claims: VecDeque<Claim>,
    handed: Vec<Handed>,
}

/// What an execution has handed over.
pub(super) struct Handed {
    pub(super) step: StepId,
    pub(super) ticket: Ticket,
    pub(super) what: What,
}

pub(super) enum What {
    /// An output, a line of the log, and the like.
    Fact(Fact),
    /// How it ended.
    End(Ended),
}

impl Tray {
    /// Adds what an execution hands over; how much there is now.
    pub(super) fn put(&self, handed: Handed) -> usize {
        let mut content = self.lock();
        content.handed.push(handed);
        content.handed.len()
    }

    /// Takes out what was handed over, in order.
    pub(super) fn take(&self) -> Vec<Handed> {
        std::mem::take(&mut self.lock().handed)
    }

    pub(super) fn claim(&self, claim: Claim) {
        self.lock().claims.push_back(claim);
    }

    /// True while there is more that its worker is to begin.
    pub(super) fn has_claims(&self) -> bool {
        !self.lock().claims.is_empty()
    }

    /// The claim that its worker begins next, and how many there are after it.
    pub(super) fn next_claim(&self) -> Option<(Claim, usize)> {
        let claims = &mut self.lock().claims;
        claims.pop_front().map(|claim| (claim, claims.len()))
    }

    /// The claim that its worker would begin last.
    pub(super) fn last_claim(&self) -> Option<Claim> {
        self.lock().claims.pop_back()
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
