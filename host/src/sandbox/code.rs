//! A plugin's machine code, connected with the host's functions: once for all threads, and once more for each thread that
//! runs many of its steps.
//!
//! Threads that share an engine slow each other down: what it counts and locks goes from processor to processor with every
//! instance. On two processors two threads run 1.6 times the steps of one, and 1.9 times with an engine for each:
//! `docs/performance.md`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::component::Component;

use super::bindings::PluginWithAttemptPre;
use super::engine::Engine;
use super::instance::StepState;
use super::lane;

/// A thread gets a copy of its own with this step of a plugin: to make one takes as long as some hundred steps.
const STEPS_BEFORE_COPY: u32 = 200;
/// Code that is larger than this, in bytes, is not copied: its steps take longer than threads wait for each other.
const MAX_COPIED_BYTES: usize = 8 << 20;

/// The code of one plugin.
pub(super) struct Code {
    shared: PluginWithAttemptPre<StepState>,
    /// By lane.
    lanes: Vec<Lane>,
}

/// What one thread has of it. No two of them share a cache line.
#[derive(Default)]
#[repr(align(128))]
struct Lane {
    steps: AtomicU32,
    /// None inside: it could not be made, and the shared one does.
    copy: OnceLock<Option<PluginWithAttemptPre<StepState>>>,
}

impl Code {
    /// Connects a component with the host's functions, so that instantiating it is all that is left for each step.
    pub(super) fn new(engine: &Engine, component: &Component) -> wasmtime::Result<Self> {
        let lanes = (0..engine.lanes()).map(|_| Lane::default()).collect();
        Ok(Self { shared: engine.link(component)?, lanes })
    }

    /// The code that all threads share.
    pub(super) fn shared(&self) -> &PluginWithAttemptPre<StepState> {
        &self.shared
    }

    /// The code for the next step on this thread.
    pub(super) fn for_this_thread(&self, engine: &Engine) -> &PluginWithAttemptPre<StepState> {
        let Some((number, lane)) = lane::current().and_then(|number| Some((number, self.lanes.get(number)?)))
        else {
            return &self.shared;
        };
        let copy = lane.copy.get().or_else(|| {
            let is_due = lane.steps.fetch_add(1, Ordering::Relaxed) >= STEPS_BEFORE_COPY;
            is_due.then(|| lane.copy.get_or_init(|| self.copied(engine, number)))
        });
        copy.and_then(Option::as_ref).unwrap_or(&self.shared)
    }

    fn copied(&self, engine: &Engine, lane: usize) -> Option<PluginWithAttemptPre<StepState>> {
        let component = self.shared.instance_pre().component();
        let image = component.image_range();
        let is_small = image.end.addr() - image.start.addr() <= MAX_COPIED_BYTES;
        if is_small { engine.link_copy(lane, component) } else { None }
    }
}
