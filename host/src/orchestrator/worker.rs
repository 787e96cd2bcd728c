//! A worker's life: it claims steps, runs them with the run's lock released, and records how they ended.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use compact_str::CompactString;
use fanfold_graph::name::MappingKey;
use fanfold_graph::retry;
use fanfold_graph::run::Run;
use fanfold_graph::step::{SolidId, StepId};
use rustc_hash::FxHashMap;

use super::executions::Ticket;
use super::hooks::{self, HookLine};
use super::inputs::InputTree;
use super::step_line::StepLine;
use super::taking::Taken;
use super::tray::{Handed, What};
use super::{Next, Shared, State, Stopped};
use crate::executor::{Code, Job};
use crate::sandbox::{FailureKind, Interrupt, StepFailure, StepReport};
use crate::store::{self, Fact};

/// So much is handed over before it is recorded if the run's lock is free,
const MUCH_HANDED: usize = 64;
/// and so much before that waits for the lock.
const MAX_HANDED: usize = 128;
/// So many steps are claimed at once, at most,
const MAX_CLAIMS: u32 = 16;
/// and no more than may end in this time: a step that is claimed counts as started. Half as many may still be there from before.
const CLAIMED_TIME: Duration = Duration::from_micros(200);

/// A worker's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Worker(pub(super) usize);

/// A step that has started, and what is to be done for it.
pub(super) struct Claim {
    step: StepId,
    ticket: Ticket,
    interrupt: Interrupt,
    work: Work,
}

enum Work {
    Execute(UnreadJob),
    /// It is taken from another run.
    Take(Taken),
}

/// How an execution ended.
pub(super) enum Ended {
    Succeeded(StepReport),
    Failed(Box<StepFailure>),
    /// It was not executed.
    LeftOut,
}

impl Ended {
    /// What the host could not do for a step because it was told to stop waiting is no failure of the step: one that has
    /// failed for good would stay so when its run is taken up again.
    fn failed(failure: StepFailure, interrupt: &Interrupt) -> Self {
        let was_told = failure.kind == FailureKind::HostFailed && interrupt.is_canceled();
        let kind = if was_told { FailureKind::Canceled } else { failure.kind };
        Self::Failed(Box::new(StepFailure { kind, ..failure }))
    }
}

/// What a step reads, by reference.
struct UnreadJob {
    mapping_keys: Arc<[MappingKey]>,
    inputs: Vec<(CompactString, InputTree)>,
    attempt: u32,
}

impl UnreadJob {
    fn of(run: &Run, step: StepId) -> Self {
        let inputs = run.inputs(step).into_iter();
        Self {
            mapping_keys: run.mapping_keys(step).into_iter().cloned().collect(),
            inputs: inputs.map(|(name, value)| (name.clone().into(), value.into())).collect(),
            attempt: run.attempt(step),
        }
    }
}

/// How many steps of a solid a worker claims at once: few of what takes long.
#[derive(Default)]
struct Pace(FxHashMap<SolidId, u32>);

impl Pace {
    fn claims(&self, solid: SolidId) -> u32 {
        self.0.get(&solid).copied().unwrap_or(1)
    }

    /// Steps of a solid took so long: from now on as many are claimed as may end in time, twice what was tried at most.
    fn note(&mut self, solid: SolidId, steps: u32, took: Duration) {
        let each = (took / steps.max(1)).max(Duration::from_nanos(1));
        let in_time = u32::try_from(CLAIMED_TIME.as_nanos() / each.as_nanos()).unwrap_or(MAX_CLAIMS);
        let tried = self.claims(solid).max(steps.saturating_mul(2));
        self.0.insert(solid, in_time.clamp(1, MAX_CLAIMS.min(tried)));
    }
}

impl Shared {
    pub(super) fn work(self: &Arc<Self>, worker: Worker) {
        let tray = &self.trays[worker.0];
        let mut pace = Pace::default();
        let mut state = self.lock();
        loop {
            match state.next() {
                Next::Start(step) => {
                    let claims = pace.claims(step.solid);
                    // Nothing waits on a tray behind what may take long.
                    let may_claim = claims > 1 || !tray.has_claims();
                    if may_claim && self.claim(&mut state, step, worker, claims).is_err() {
                        break;
                    }
                    state = self.run_claimed(state, worker, &mut pace);
                }
                _ if tray.has_claims() => state = self.run_claimed(state, worker, &mut pace),
                Next::Leave => break,
                Next::Wait(pause) => state = self.look_around(state, worker, pause),
                Next::Call => state = self.call_hook(state),
            }
        }
        drop(state);
        self.wake.notify_all();
    }

    /// Runs what is on a worker's tray until nothing is left; or until the run's lock is found free, from when on half of
    /// what was claimed is left: who comes for more before it has to seldom waits for another worker.
    fn run_claimed<'a>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State>,
        worker: Worker,
        pace: &mut Pace,
    ) -> MutexGuard<'a, State> {
        state.busy_workers += 1;
        drop(state);
        let (begun, mut ran, mut last) = (Instant::now(), 0, None);
        let mut early = None;
        while early.is_none()
            && let Some((claim, left)) = self.trays[worker.0].next_claim()
        {
            let solid = claim.step.solid;
            self.run(claim, worker);
            (ran, last) = (ran + 1, Some(solid));
            if left <= pace.claims(solid) as usize / 2 {
                early = self.try_lock();
            }
        }
        if let Some(solid) = last {
            pace.note(solid, ran, begun.elapsed());
        }
        state = early.unwrap_or_else(|| self.lock());
        state.busy_workers -= 1;
        self.catch_up(&mut state, worker);
        state
    }

    /// Starts a step that may start, and puts it on the worker's tray; with others of its solid, where nobody else waits
    /// for work.
    fn claim(&self, state: &mut State, first: StepId, worker: Worker, claims: u32) -> Result<(), Stopped> {
        let now_ms = store::now_ms();
        let mut taken = self.parent.as_ref().and_then(|parent| parent.choose(&state.run, first));
        let may_have_more = self.parent.is_none()
            && self.idle_workers.load(Ordering::SeqCst) == 0
            && self.plan.is_unlimited(first.solid)
            && state.slots.is_unlimited(first.solid);
        let mut next = Some(first);
        let mut claimed = 0;
        while let Some(step) = next {
            self.start(state, now_ms, step, taken.take(), worker)?;
            claimed += 1;
            next = match state.next() {
                Next::Start(next) if may_have_more && claimed < claims && next.solid == first.solid => {
                    Some(next)
                }
                _ => None,
            };
        }
        Ok(())
    }

    /// Starts one step, to be executed or to be taken from another run, and puts it on the worker's tray.
    fn start(
        &self,
        state: &mut State,
        now_ms: u64,
        step: StepId,
        taken: Option<Taken>,
        worker: Worker,
    ) -> Result<(), Stopped> {
        let fact = if taken.is_some() { Fact::StepTaken { step } } else { Fact::StepStarted { step } };
        self.record_at(state, now_ms, fact)?;
        state.delayed.remove(&step);
        state.slots.take(step.solid);
        let (ticket, interrupt) = state.executions.begin(step, worker);
        let work = taken.map_or_else(|| Work::Execute(UnreadJob::of(&state.run, step)), Work::Take);
        self.trays[worker.0].claim(Claim { step, ticket, interrupt, work });
        Ok(())
    }

    /// Has nothing to do: empties all trays, runs what another worker has claimed and not begun, reads ahead for a step that
    /// another one runs, or sleeps.
    fn look_around<'a>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State>,
        worker: Worker,
        pause: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        // Before anybody's tray is looked at: what is put on it from now on is recorded at once.
        self.idle_workers.fetch_add(1, Ordering::SeqCst);
        if self.empty_all(&mut state) {
            self.idle_workers.fetch_sub(1, Ordering::SeqCst);
            return state;
        }
        if let Some(claim) = self.trays.iter().find_map(super::Tray::last_claim) {
            self.idle_workers.fetch_sub(1, Ordering::SeqCst);
            state.busy_workers += 1;
            drop(state);
            self.run(claim, worker);
            state = self.lock();
            state.busy_workers -= 1;
            self.empty(&mut state, worker);
            return state;
        }
        let unread = state.collections.iter().filter_map(Weak::upgrade).find(|it| it.is_waiting());
        if let Some(collection) = unread {
            self.idle_workers.fetch_sub(1, Ordering::SeqCst);
            drop(state);
            collection.read_on();
            return self.lock();
        }
        state = match pause {
            Some(pause) => self.wake.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0,
            None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
        self.idle_workers.fetch_sub(1, Ordering::SeqCst);
        state
    }

    /// Sees a step through to its end.
    fn run(self: &Arc<Self>, claim: Claim, worker: Worker) {
        let Claim { step, ticket, interrupt, work } = claim;
        let line = || StepLine::new(Arc::clone(self), worker, step, ticket, interrupt.clone());
        let ended = match work {
            _ if interrupt.is_canceled() => Ended::LeftOut,
            Work::Execute(job) => {
                let executed = self.execute(job, step, interrupt.clone(), line());
                executed.map_or_else(|failure| Ended::failed(failure, &interrupt), Ended::Succeeded)
            }
            Work::Take(taken) => taken.end(&line(), &interrupt),
        };
        self.hand_over(worker, Handed { step, ticket, what: What::End(ended) });
    }

    /// Reads a step's inputs and runs it.
    fn execute(
        self: &Arc<Self>,
        job: UnreadJob,
        step: StepId,
        interrupt: Interrupt,
        line: StepLine,
    ) -> Result<StepReport, StepFailure> {
        let inputs = job.inputs.into_iter().map(|(name, tree)| self.open_input(name, tree, &interrupt));
        let inputs = inputs.collect::<std::io::Result<_>>().map_err(|error| {
            StepFailure::new(FailureKind::HostFailed, format!("cannot read an input: {error}"))
        })?;
        let UnreadJob { mapping_keys, attempt, .. } = job;
        self.executor.execute(
            Job { code: Code::Solid(step.solid), mapping_keys, inputs, attempt, interrupt },
            Box::new(line),
        )
    }

    /// Puts what a step hands over on its worker's tray, and has it recorded if somebody waits, or if it is much.
    pub(super) fn hand_over(&self, worker: Worker, handed: Handed) {
        let there = self.trays[worker.0].put(handed);
        let state = if there >= MAX_HANDED || self.idle_workers.load(Ordering::SeqCst) > 0 {
            Some(self.lock())
        } else if there >= MUCH_HANDED {
            self.try_lock()
        } else {
            None
        };
        if let Some(mut state) = state {
            self.empty(&mut state, worker);
        }
    }

    /// Records what is on a worker's tray. True if there was something.
    pub(super) fn empty(&self, state: &mut State, worker: Worker) -> bool {
        let handed = self.trays[worker.0].take();
        let is_something = !handed.is_empty();
        let now_ms = if is_something { store::now_ms() } else { 0 };
        for Handed { step, ticket, what } in handed {
            let is_current = state.executions.is_current(ticket);
            match what {
                // Where it cannot be recorded, the run has stopped and says why; so below.
                What::Fact(fact) if is_current => _ = self.record_at(state, now_ms, fact),
                What::Fact(_) => {}
                What::End(ended) => {
                    state.slots.give_back(step.solid);
                    if is_current {
                        state.executions.end(ticket);
                        self.end(state, now_ms, step, ended);
                    } else {
                        // Somebody may have waited for the slots.
                        self.wake.notify_all();
                    }
                }
            }
        }
        is_something
    }

    /// Records what was handed over and may go before what is ready by now. Another worker that has claimed more comes soon
    /// with what its short steps have handed over, and has it in its processor's cache.
    fn catch_up(&self, state: &mut State, worker: Worker) {
        for (other, tray) in self.trays.iter().enumerate() {
            if other == worker.0 || !tray.has_claims() {
                self.empty(state, Worker(other));
            }
        }
    }

    /// Records what is on all trays. True if there was something.
    pub(super) fn empty_all(&self, state: &mut State) -> bool {
        let mut is_something = false;
        for worker in 0..self.trays.len() {
            is_something |= self.empty(state, Worker(worker));
        }
        is_something
    }

    /// Records how an execution ended.
    fn end(&self, state: &mut State, now_ms: u64, step: StepId, ended: Ended) {
        let fact = match ended {
            Ended::Succeeded(report) => Fact::StepSucceeded { step, report },
            Ended::LeftOut => Fact::StepCanceled { step },
            Ended::Failed(failure) if failure.kind == FailureKind::Canceled => Fact::StepCanceled { step },
            Ended::Failed(failure) => {
                let retry_after_ms = self.retry_after_ms(state, step, &failure);
                if let Some(pause) = retry_after_ms.filter(|pause| *pause > 0) {
                    state.delayed.insert(step, Instant::now() + Duration::from_millis(pause.into()));
                }
                Fact::StepFailed { step, retry_after_ms, failure }
            }
        };
        _ = self.record_at(state, now_ms, fact);
    }

    fn retry_after_ms(&self, state: &State, step: StepId, failure: &StepFailure) -> Option<u32> {
        let retries = state.run.attempt(step);
        let random = drawn(&[self.run_id.as_str(), &state.run.step_key(step).to_string()], retries);
        retry::pause(self.plan.retry_policy(step.solid), failure.retry, retries, random)
    }

    /// Calls a hook that is due, with the lock released. One that is interrupted has not heard.
    fn call_hook<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(begun) = state.hooks.begin() else { return state };
        let facts = hooks::facts(self.run_id.as_str(), &state.run, &begun);
        let job = Job {
            code: Code::Hook(begun.hook),
            mapping_keys: state.run.mapping_keys(begun.step).into_iter().cloned().collect(),
            inputs: state.hooks.inputs(begun.hook, facts),
            attempt: 0,
            interrupt: begun.interrupt.clone(),
        };
        let (step, hook) = (begun.step, state.hooks.name(begun.hook));
        drop(state);
        let called = self.executor.execute(job, Box::new(HookLine { shared: Arc::clone(self), step }));
        let mut state = self.lock();
        let failure = called.err().map(Box::new);
        if failure.as_ref().is_none_or(|failure| failure.kind != FailureKind::Canceled) {
            // Where it cannot be recorded, the run has stopped and says why.
            _ = self.record(&mut state, Fact::HookEnded { step, hook, failure });
        }
        state
    }
}

/// A number from 0 to 1 that is the same for the same parts: jitter needs to spread, not to surprise.
fn drawn(parts: &[&str], number: u32) -> f64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    hasher.update(&number.to_le_bytes());
    let mut half = [0; 4];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..4]);
    f64::from(u32::from_le_bytes(half)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_claimed_as_may_end_in_time_and_twice_what_was_tried_at_most() {
        let micros = Duration::from_micros;
        let (short, long) = (SolidId(0), SolidId(1));
        let mut pace = Pace::default();
        for claims in [1, 2, 4, 8, 16, 16] {
            assert_eq!(pace.claims(short), claims);
            pace.note(short, claims, micros(claims.into()));
        }
        pace.note(long, 1, micros(1000));
        assert_eq!((pace.claims(short), pace.claims(long)), (16, 1));
        // One that came early has not tried less.
        pace.note(short, 1, micros(1));
        assert_eq!(pace.claims(short), 16);
        pace.note(short, 16, micros(16 * 50));
        assert_eq!(pace.claims(short), 4);
        pace.note(short, 0, micros(0));
        assert_eq!(pace.claims(short), 4);
    }
}
