//! The executions that speak for their steps: at most one for each.

use fanfold_graph::step::StepId;

use super::worker::Worker;
use crate::sandbox::Interrupt;

/// Tells an execution from all others of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    claimed_by: Worker,
    number: u64,
}

/// By the worker that has claimed them. That is few for each, and what workers change by turns does not share cache lines.
pub(super) struct Executions {
    claimed: Vec<Vec<Execution>>,
    begun: u64,
}

struct Execution {
    step: StepId,
    ticket: Ticket,
    interrupt: Interrupt,
}

impl Executions {
    pub(super) fn new(workers: usize) -> Self {
        Self { claimed: (0..workers).map(|_| Vec::new()).collect(), begun: 0 }
    }

    /// From now on a new execution speaks for a step, which has none.
    pub(super) fn begin(&mut self, step: StepId, claimed_by: Worker) -> (Ticket, Interrupt) {
        self.begun += 1;
        let (ticket, interrupt) = (Ticket { claimed_by, number: self.begun }, Interrupt::default());
        self.claimed[claimed_by.0].push(Execution { step, ticket, interrupt: interrupt.clone() });
        (ticket, interrupt)
    }

    /// True while an execution is the one that speaks for its step.
    pub(super) fn is_current(&self, ticket: Ticket) -> bool {
        self.claimed[ticket.claimed_by.0].iter().any(|execution| execution.ticket == ticket)
    }

    /// An execution speaks for its step no more.
    pub(super) fn end(&mut self, ticket: Ticket) {
        self.claimed[ticket.claimed_by.0].retain(|execution| execution.ticket != ticket);
    }

    /// Interrupts the execution of a step, if there is one, which speaks for it no more.
    pub(super) fn supersede(&mut self, step: StepId) {
        if let Some(Execution { ticket, interrupt, .. }) = self.of(step) {
            interrupt.cancel();
            self.end(*ticket);
        }
    }

    /// Interrupts the execution of a step. False if there is none.
    pub(super) fn interrupt(&self, step: StepId) -> bool {
        self.of(step).inspect(|execution| execution.interrupt.cancel()).is_some()
    }

    pub(super) fn interrupt_all(&self) {
        self.claimed.iter().flatten().for_each(|execution| execution.interrupt.cancel());
    }

    fn of(&self, step: StepId) -> Option<&Execution> {
        self.claimed.iter().flatten().find(|execution| execution.step == step)
    }
}

#[cfg(test)]
mod tests {
    use fanfold_graph::step::{Point, SolidId};

    use super::*;

    fn step(point: u32) -> StepId {
        StepId { solid: SolidId(0), point: Point(point) }
    }

    #[test]
    fn only_the_last_execution_speaks_for_its_step() {
        let mut executions = Executions::new(2);
        let (other, other_interrupt) = executions.begin(step(1), Worker(0));
        let (first, first_interrupt) = executions.begin(step(0), Worker(0));
        assert!(executions.is_current(first));
        executions.supersede(step(0));
        executions.supersede(step(7));
        let (second, second_interrupt) = executions.begin(step(0), Worker(1));
        executions.end(first);
        assert!(
            !executions.is_current(first) && executions.is_current(second) && executions.is_current(other)
        );
        assert!(first_interrupt.is_canceled() && !second_interrupt.is_canceled());

        assert!(executions.interrupt(step(0)) && !executions.interrupt(step(7)));
        assert!(second_interrupt.is_canceled() && !other_interrupt.is_canceled());
        executions.end(second);
        assert!(!executions.interrupt(step(0)));
        executions.interrupt_all();
        assert!(other_interrupt.is_canceled());
    }
}
