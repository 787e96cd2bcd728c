//! The loop that drives a run. Nothing else both decides and acts.
//!
//! Worker threads share one state behind a lock. Each of them claims steps that may start, runs them with the lock released,
//! and records how they ended: there is no thread in between that a step would have to wait for. What nobody waits for is
//! recorded together with what comes after it: see `tray`.
//!
//! Invariants:
//! - `Shared::record` is the only writer: it appends to the log, applies to the run, and shows, in that order.
//! - What an execution hands over is recorded only while it is the step's current one: its *ticket* tells.
//! - When the log cannot be written, everything stops; what was recorded can be resumed.

mod executions;
mod hooks;
mod inputs;
mod read_ahead;
mod step_line;
mod taking;
mod tray;
mod worker;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use fanfold_graph::plan::Plan;
use fanfold_graph::run::{Outcome, Run};
use fanfold_graph::slots::{ConcurrencyLimit, Slots};
use fanfold_graph::step::{StepId, StepKey, StepKeyError};
use rustc_hash::FxHashMap;

pub use hooks::{Hook, HookEvent, Hooks, INPUT as HOOK_INPUT};
pub use inputs::InputTree;
pub use taking::Parent;

use crate::executor::Executor;
use crate::report::{Report, Snapshot};
use crate::sandbox::Interrupt;
use crate::store::{self, Canceled, Fact, OpenRun, Progress, RunId, StoreError};
use executions::Executions;
use read_ahead::ReadAhead;
use tray::Tray;
use worker::Worker;

/// A step's thread needs room for the guest's stack and the host's functions on top of it.
const WORKER_STACK_BYTES: usize = 4 << 20;

/// How often the run's lock is tried before a thread sleeps, and how long it spins in between: some 80 microseconds in all.
const LOCK_ATTEMPTS: u32 = 256;
const LOCK_SPINS: u32 = 16;

/// What a run is made of.
pub struct Assembly {
    /// The run's name.
    pub run_id: RunId,
    /// Its state: new, or replayed from its log.
    pub run: Run,
    /// Where it is recorded.
    pub store: OpenRun,
    /// Runs its steps.
    pub executor: Box<dyn Executor>,
    /// Shows what happens.
    pub report: Report,
    /// How many steps run at once, at least 1.
    pub jobs: usize,
    /// How many of them may be of some solids.
    pub concurrency: Vec<ConcurrencyLimit>,
    /// The run that it takes work from, if it is a retry of one.
    pub parent: Option<Parent>,
    /// What is called when steps have ended.
    pub hooks: Hooks,
}

/// Drives one run. Clones drive the same run.
#[derive(Clone)]
pub struct Orchestrator(Arc<Shared>);

/// Why a run stopped without an outcome. It can be resumed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the run stopped: {0}")]
pub struct Stopped(String);

struct Shared {
    run_id: RunId,
    plan: Arc<Plan>,
    store: OpenRun,
    executor: Box<dyn Executor>,
    parent: Option<Arc<Parent>>,
    /// By worker.
    trays: Vec<Tray>,
    /// Workers that wait for work.
    idle_workers: AtomicUsize,
    state: Mutex<State>,
    /// Something happened that an idle worker may be waiting for.
    wake: Condvar,
}

struct State {
    run: Run,
    report: Report,
    hooks: Hooks,
    executions: Executions,
    slots: Slots,
    /// Workers that execute steps, superseded ones too.
    busy_workers: usize,
    /// Large collections that steps are reading.
    collections: Vec<Weak<ReadAhead>>,
    /// Steps that wait for their retry, and until when.
    delayed: FxHashMap<StepId, Instant>,
    stopped: Option<Stopped>,
}

/// What a worker does next.
enum Next {
    Start(StepId),
    /// Call a hook.
    Call,
    /// Wait until something happens, or so long.
    Wait(Option<Duration>),
    Leave,
}

impl Orchestrator {
    /// Gets ready to drive a run.
    pub fn new(assembly: Assembly) -> Self {
        let Assembly { run_id, run, store, executor, report, jobs, concurrency, parent, hooks } = assembly;
        let (plan, parent) = (Arc::clone(run.plan()), parent.map(Arc::new));
        let state = State {
            run,
            report,
            hooks,
            executions: Executions::new(jobs),
            slots: Slots::new(&plan, &concurrency),
            busy_workers: 0,
            collections: Vec::new(),
            delayed: FxHashMap::default(),
            stopped: None,
        };
        let (state, wake) = (Mutex::new(state), Condvar::new());
        let trays = (0..jobs).map(|_| Tray::default()).collect();
        let idle_workers = AtomicUsize::new(0);
        Self(Arc::new(Shared { run_id, plan, store, executor, parent, trays, idle_workers, state, wake }))
    }

    /// Drives the run to its end, and returns how it ended. Returns once all of it is on disk.
    pub fn drive(&self) -> Result<Outcome, Stopped> {
        let shared = &self.0;
        std::thread::scope(|scope| {
            for worker in 1..shared.trays.len() {
                // With fewer threads than wanted the run is slower, and as right.
                _ = worker_thread().spawn_scoped(scope, move || shared.work(Worker(worker)));
            }
            let first = worker_thread().spawn_scoped(scope, || shared.work(Worker(0)));
            let first = first.map_err(|error| Stopped(format!("cannot start a thread: {error}")))?;
            first.join().map_err(|panic| std::panic::resume_unwind(panic))
        })?;
        let state = shared.lock();
        if let Some(stopped) = &state.stopped {
            return Err(stopped.clone());
        }
        let Some(outcome) = state.run.outcome() else {
            return Err(Stopped("no step can go on, and the run has not ended; this is a bug".to_owned()));
        };
        let snapshot = state.report.snapshot(&state.run);
        shared.store.finish(outcome, snapshot).map_err(|error| Stopped(error.to_string()))?;
        Ok(outcome)
    }

    /// Asks the run to end: running steps are interrupted, and nothing more starts.
    pub fn cancel(&self) {
        let mut state = self.0.up_to_date();
        if state.run.is_canceled() || self.0.record(&mut state, Fact::RunCanceled).is_err() {
            return;
        }
        state.interrupt_all();
        self.0.wake.notify_all();
    }

    /// Does what other processes ask for. They wait for the answers.
    pub fn answer_cancel_requests(&self) -> Result<(), StoreError> {
        for request in self.0.store.cancel_requests()? {
            let canceled = match &request.step {
                None => {
                    self.cancel();
                    Ok(())
                }
                Some(step) => self.cancel_step(step),
            };
            self.0.store.answer(&request, &canceled)?;
        }
        Ok(())
    }

    /// Interrupts one running step. It counts as canceled, and what reads it does not run.
    pub fn cancel_step(&self, name: &str) -> Canceled {
        let key: StepKey = name.parse().map_err(|error: StepKeyError| error.to_string())?;
        let state = self.0.up_to_date();
        let Some(step) = state.run.find(&key) else {
            return Err(format!("the run has no step `{key}`, at least not yet"));
        };
        if !state.executions.interrupt(step) {
            let now = state.run.state(step).map_or_else(String::new, |now| format!("is {now} and "));
            return Err(format!("step `{key}` {now}is not running"));
        }
        Ok(())
    }

    /// Keeps how far the run is, for others to see.
    pub fn keep_progress(&self) -> Result<(), StoreError> {
        let progress = {
            let state = self.0.up_to_date();
            Progress { entries: self.0.store.log_length(), snapshot: state.report.snapshot(&state.run) }
        };
        self.0.store.keep_progress(&progress)
    }

    /// How far the run is.
    pub fn snapshot(&self) -> Snapshot {
        self.look(|run, report| report.snapshot(run))
    }

    /// Calls `look` with the run's present state and its report.
    pub fn look<R>(&self, look: impl FnOnce(&Run, &mut Report) -> R) -> R {
        let state = &mut *self.0.up_to_date();
        look(&state.run, &mut state.report)
    }

    /// What the pipeline returned; none when that was skipped, or failed.
    pub fn result(&self) -> Option<InputTree> {
        self.0.lock().run.result().map(InputTree::from)
    }

    /// Writes a tree of values as JSON, reading them one by one.
    pub fn write_json(&self, tree: &InputTree, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        self.0.write_json(tree, out, &Interrupt::default())
    }
}

fn worker_thread() -> std::thread::Builder {
    std::thread::Builder::new().name("fanfold-worker".to_owned()).stack_size(WORKER_STACK_BYTES)
}

impl Shared {
    /// Takes the run's lock. It is held for as long as it takes to record what a worker has handed over, up to tens of
    /// microseconds, and to be woken up takes as long: so it is tried for a while before this thread sleeps.
    fn lock(&self) -> MutexGuard<'_, State> {
        for _ in 0..LOCK_ATTEMPTS {
            if let Some(state) = self.try_lock() {
                return state;
            }
            (0..LOCK_SPINS).for_each(|_| std::hint::spin_loop());
        }
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the run's lock if it is free.
    fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Takes the run's lock, and records what was handed over until now.
    fn up_to_date(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        self.empty_all(&mut state);
        state
    }

    /// Appends a fact that happened now to the log, applies it to the run, and shows it.
    fn record(&self, state: &mut State, fact: Fact) -> Result<(), Stopped> {
        self.record_at(state, store::now_ms(), fact)
    }

    /// As [`record`](Self::record): who records many facts at once looks at the clock once.
    fn record_at(&self, state: &mut State, now_ms: u64, fact: Fact) -> Result<(), Stopped> {
        if let Some(stopped) = &state.stopped {
            return Err(stopped.clone());
        }
        let entry = self
            .store
            .append_at(&state.run, now_ms, fact)
            .map_err(|error| self.stop(state, error.to_string()))?;
        if let Some(event) = entry.event() {
            let applied = state.run.apply(&event);
            let applied = applied.map_err(|error| self.stop(state, format!("{error}; this is a bug")))?;
            applied.superseded.into_iter().for_each(|step| state.executions.supersede(step));
        }
        state.report.show(&state.run, &entry);
        state.hooks.note(&entry);
        if self.idle_workers.load(Ordering::SeqCst) > 0 && matches!(state.next(), Next::Start(_) | Next::Call)
        {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Gives up: interrupts what runs, and lets the workers leave.
    fn stop(&self, state: &mut State, reason: String) -> Stopped {
        let stopped = Stopped(reason);
        state.stopped = Some(stopped.clone());
        state.interrupt_all();
        self.wake.notify_all();
        stopped
    }
}

impl State {
    fn next(&self) -> Next {
        if self.stopped.is_some() || self.run.is_canceled() {
            return Next::Leave;
        }
        if self.hooks.is_due() {
            return Next::Call;
        }
        let is_due = |step: &StepId| self.delayed.get(step).is_none_or(|until| *until <= Instant::now());
        let with_room = self.run.solids_with_ready().filter(|solid| self.slots.has_room(*solid));
        if let Some(step) = with_room.flat_map(|solid| self.run.ready_of(solid)).find(is_due) {
            return Next::Start(step);
        }
        let first_due = self.delayed.values().min();
        match first_due.map(|until| until.saturating_duration_since(Instant::now())) {
            None if self.busy_workers == 0 => Next::Leave,
            pause => Next::Wait(pause),
        }
    }

    fn interrupt_all(&self) {
        self.executions.interrupt_all();
        self.hooks.interrupt_all();
    }
}
