//! A plugin's machine code, connected with the host's functions: once for all threads, and once more for each thread that
//! runs many of its steps.
//!
//! Threads that share an engine slow each other down: what it counts and locks goes from processor to processor with every
//! instance. On two processors two threads run 1.6 times the steps of one, and 1.9 times with an engine for each:
//! `docs/performance.md`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use wasmtime::component::{
    Component, ComponentExportIndex, ComponentType, Instance, InstancePre, Lower, TypedFunc,
};
use wasmtime::{Engine as Wasmtime, Result, Store};

use super::bindings::exports::fanfold::plugin::solids::{Failure, Input};
use super::bindings::fanfold::plugin::definitions::SolidDefinition;
use super::engine::Engine;
use super::inspect::CONTRACT_VERSION;
use super::instance::StepState;
use super::lane;

/// A thread gets a copy of its own with this step of a plugin: to make one takes as long as some hundred steps.
const STEPS_BEFORE_COPY: u32 = 200;
/// Code that is larger than this, in bytes, is not copied: its steps take longer than threads wait for each other.
const MAX_COPIED_BYTES: usize = 8 << 20;

/// Code on one engine.
pub(super) struct Linked {
    instance: InstancePre<StepState>,
    describe: ComponentExportIndex,
    execute: ComponentExportIndex,
    /// True once `execute` was found to have the contract's type.
    is_checked: AtomicBool,
}

impl Linked {
    /// Finds what is called.
    pub(super) fn new(instance: InstancePre<StepState>) -> Result<Self> {
        let component = instance.component();
        let interface = format!("fanfold:plugin/solids@{CONTRACT_VERSION}");
        let solids = component.get_export_index(None, &*interface);
        let find = |name: &str| {
            let found = solids.as_ref().and_then(|solids| component.get_export_index(Some(solids), name));
            found.ok_or_else(|| wasmtime::format_err!("`{interface}` has no function `{name}`"))
        };
        let (describe, execute) = (find("describe")?, find("execute")?);
        Ok(Self { instance, describe, execute, is_checked: AtomicBool::new(false) })
    }

    /// What it runs on.
    pub(super) fn engine(&self) -> &Wasmtime {
        self.instance.engine()
    }

    /// Asks a fresh instance for the plugin's solids.
    pub(super) fn describe(&self, store: &mut Store<StepState>) -> Result<Vec<SolidDefinition>> {
        let instance = self.instance.instantiate(&mut *store)?;
        // That one has the right type, too, is better known before a step needs it.
        self.executing(&mut *store, &instance)?;
        let describe = instance.get_typed_func::<(), (Vec<SolidDefinition>,)>(&mut *store, &self.describe)?;
        Ok(describe.call(store, ())?.0)
    }

    /// Runs one step in a fresh instance.
    pub(super) fn execute(
        &self,
        store: &mut Store<StepState>,
        context: Context<'_>,
        inputs: &[Input],
    ) -> Result<std::result::Result<(), Failure>> {
        let instance = self.instance.instantiate(&mut *store)?;
        let execute = self.executing(&mut *store, &instance)?;
        Ok(execute.call(store, (context, inputs))?.0)
    }

    /// The function that runs a step. Its type is looked at in the first instance alone.
    #[expect(
        unsafe_code,
        reason = "to compare the same types again takes a tenth of a microsecond of every step"
    )]
    fn executing<'c>(
        &self,
        store: &mut Store<StepState>,
        instance: &Instance,
    ) -> Result<TypedFunc<Executing<'c>, Executed>> {
        if !self.is_checked.load(Ordering::Relaxed) {
            let checked = instance.get_typed_func(&mut *store, self.execute)?;
            self.is_checked.store(true, Ordering::Relaxed);
            return Ok(checked);
        }
        let found = instance.get_func(&mut *store, self.execute);
        let execute = found.ok_or_else(|| wasmtime::format_err!("the component lost a function"))?;
        // SAFETY: a function's type is part of its component, and an instance of the same component has shown this one.
        Ok(unsafe { TypedFunc::new_unchecked(execute) })
    }
}

type Executing<'c> = (Context<'c>, &'c [Input]);
type Executed = (std::result::Result<(), Failure>,);

/// The contract's `context`, of texts that stay where they are.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct Context<'c> {
    pub(super) solid: &'c str,
    #[component(name = "mapping-keys")]
    pub(super) mapping_keys: &'c [&'c str],
    pub(super) config: &'c str,
}

/// The code of one plugin.
pub(super) struct Code {
    shared: Linked,
    /// By lane.
    lanes: Vec<Lane>,
}

/// What one thread has of it. No two of them share a cache line.
#[derive(Default)]
#[repr(align(128))]
struct Lane {
    steps: AtomicU32,
    /// None inside: it could not be made, and the shared one does.
    copy: OnceLock<Option<Linked>>,
}

impl Code {
    /// Connects a component with the host's functions, so that instantiating it is all that is left for each step.
    pub(super) fn new(engine: &Engine, component: &Component) -> Result<Self> {
        let lanes = (0..engine.lanes()).map(|_| Lane::default()).collect();
        Ok(Self { shared: engine.link(component)?, lanes })
    }

    /// The code that all threads share.
    pub(super) fn shared(&self) -> &Linked {
        &self.shared
    }

    /// The code for the next step on this thread.
    pub(super) fn for_this_thread(&self, engine: &Engine) -> &Linked {
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

    fn copied(&self, engine: &Engine, lane: usize) -> Option<Linked> {
        let component = self.shared.instance.component();
        let image = component.image_range();
        let is_small = image.end.addr() - image.start.addr() <= MAX_COPIED_BYTES;
        if is_small { engine.link_copy(lane, component) } else { None }
    }
}
