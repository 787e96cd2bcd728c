//! One step: a fresh instance, run to its end on the caller's thread, and why it failed if it did.
//!
//! Invariant: nothing of a step outlives it. Whatever the guest does, this returns, within the limits.

use fanfold_graph::name::MappingKey;
use fanfold_graph::retry::RetryRequest;
use serde::{Deserialize, Serialize};
use wasmtime::component::{ResourceTable, ResourceTableError};
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::{I32Exit, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bindings::exports::fanfold::plugin::solids;
use super::blobs::KnownBlobs;
use super::clock::Clock;
use super::code::{Context, Linked};
use super::collection::OpenCollection;
use super::denials::Denials;
use super::failure::{FailureKind, StepFailure};
use super::grants::Grants;
use super::inputs::InputShapes;
use super::interrupt::{Interrupt, Watch};
use super::limits::{Limiter, Limits};
use super::metadata;
use super::net::Gate;
use super::outputs::OutputLedger;
use super::random::Seed;
use super::reporter::SharedReporter;
use super::step_host::StepHost;
use super::value::{Input, InputValue, LogLevel, LogSource, StepEvent};
use super::world::World;

/// A failure's description is cut off here, in bytes.
const MAX_DESCRIPTION_BYTES: usize = 64 << 10;

/// One step to run.
pub struct StepRequest<'a> {
    /// The solid's name in its plugin.
    pub solid: &'a str,
    /// The keys of this clone, outermost first.
    pub mapping_keys: &'a [MappingKey],
    /// JSON text, checked against the solid's schema; `null` for a solid without one.
    pub config: &'a str,
    /// The inputs, in the order of the definition.
    pub inputs: Vec<Input>,
    /// 0 for the first execution. Only plugins that import `attempt` see it.
    pub attempt: u32,
    /// Where randomness starts: equal for equal work.
    pub seed: Seed,
    /// What the step may see of the world.
    pub grants: &'a Grants,
    /// What the step may use.
    pub limits: &'a Limits,
    /// Ends the step from another thread.
    pub interrupt: Interrupt,
    /// Where everything goes that the step hands over.
    pub host: Box<dyn StepHost>,
}

/// What a step that succeeded has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepReport {
    /// The most linear memory that was in use, in bytes.
    pub peak_memory_bytes: u64,
    /// Values emitted.
    pub values: u64,
    /// Bytes of all emitted values.
    pub value_bytes: u64,
    /// Units of fuel, where the engine counts them: see [`Limits::fuel`].
    pub fuel: Option<u64>,
}

/// What a running instance's host functions work on.
pub(super) struct StepState {
    pub(super) table: ResourceTable,
    world: World,
    limiter: Limiter,
    pub(super) watch: Watch,
    pub(super) clock: Clock,
    pub(super) reporter: SharedReporter,
    http: WasiHttpCtx,
    /// Made with the first request.
    gate: Option<Box<Gate>>,
    response_limit: u64,
    /// Of paths.
    pub(super) denials: Denials,
    pub(super) outputs: OutputLedger,
    pub(super) blobs: KnownBlobs,
    pub(super) blob_bytes: u64,
    pub(super) blob_limit: u64,
    pub(super) attempt: u32,
}

impl StepState {
    /// Tells the operator what the guest was denied.
    fn report_denials(&mut self) -> Result<(), StepFailure> {
        let requests = self.gate.iter().flat_map(|gate| gate.take_denials());
        self.denials.take().into_iter().chain(requests).try_for_each(|message| {
            let (level, source) = (LogLevel::Warning, LogSource::Host);
            self.reporter.lock().report(StepEvent::Log { level, source, message })
        })
    }
}

impl WasiView for StepState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.world.wasi(), table: &mut self.table }
    }
}

impl WasiHttpView for StepState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let Self { gate, world, watch, response_limit, .. } = self;
        let gate = gate.get_or_insert_with(|| {
            let network = world.grants().list().network.clone();
            Box::new(Gate::new(network, watch.clone(), *response_limit))
        });
        WasiHttpCtxView { hooks: &mut **gate, table: &mut self.table, ctx: &mut self.http }
    }
}

/// What an instance needs besides the code: everything of a [`StepRequest`] but the call itself.
pub(super) struct Surroundings<'a> {
    pub(super) outputs: OutputLedger,
    pub(super) attempt: u32,
    pub(super) seed: Seed,
    pub(super) grants: &'a Grants,
    pub(super) limits: &'a Limits,
    pub(super) interrupt: Interrupt,
    pub(super) host: Box<dyn StepHost>,
}

/// A fresh instance in a store of its own.
pub(super) struct Instance {
    store: Store<StepState>,
    fuel: Option<u64>,
}

impl Instance {
    /// Prepares an instance, on an engine that counts fuel or does not.
    pub(super) fn new(
        engine: &wasmtime::Engine,
        counts_fuel: bool,
        around: Surroundings<'_>,
    ) -> Result<Self, StepFailure> {
        let limits = around.limits;
        let reporter = SharedReporter::new(around.host, limits);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let watch = Watch::start(around.interrupt, limits.wall);
        let state = StepState {
            table,
            world: World::new(around.grants.clone(), around.seed, reporter.clone())?,
            limiter: Limiter::new(limits),
            http: WasiHttpCtx::new(),
            gate: None,
            response_limit: limits.response_bytes,
            denials: Denials::default(),
            watch,
            clock: Clock::new(around.grants.list().real_clock),
            reporter,
            outputs: around.outputs,
            blobs: KnownBlobs::default(),
            blob_bytes: 0,
            blob_limit: limits.blob_bytes,
            attempt: around.attempt,
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.call_bytes());
        store.set_max_component_handles(limits.handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            let state = store.data_mut();
            state.watch.tick().map_err(StepFailure::into_error)?;
            state.world.tick().map_err(StepFailure::into_error)?;
            Ok(UpdateDeadline::Continue(1))
        });
        let fuel = set_fuel(&mut store, counts_fuel, limits)?;
        Ok(Self { store, fuel })
    }

    /// Calls code in the instance. An error of `call` is the guest's end; what it means is decided here.
    pub(super) fn run<R>(
        &mut self,
        call: impl FnOnce(&mut Store<StepState>) -> wasmtime::Result<R>,
    ) -> Result<R, StepFailure> {
        let called = call(&mut self.store);
        let state = self.store.data_mut();
        let finished = state.world.finish();
        let finished = finished.and_then(|()| state.report_denials());
        let finished = finished.and_then(|()| state.reporter.lock().finish());
        let mut failure = match (called, finished) {
            (Ok(result), Ok(())) => return Ok(result),
            (Ok(_), Err(failure)) => failure,
            (Err(error), _) => classify(error, &mut state.limiter),
        };
        failure.last_words = state.reporter.lock().take_last_words();
        Err(failure)
    }

    pub(super) fn state(&mut self) -> &mut StepState {
        self.store.data_mut()
    }

    fn report(&self) -> StepReport {
        let state = self.store.data();
        let (values, value_bytes) = state.outputs.totals();
        let spent = |fuel: u64| fuel - self.store.get_fuel().unwrap_or(fuel);
        let peak_memory_bytes = state.limiter.peak_memory_bytes();
        StepReport { peak_memory_bytes, values, value_bytes, fuel: self.fuel.map(spent) }
    }
}

/// Fills the store up, where fuel is counted; the amount.
fn set_fuel(
    store: &mut Store<StepState>,
    counts_fuel: bool,
    limits: &Limits,
) -> Result<Option<u64>, StepFailure> {
    let failed = |message: String| StepFailure::new(FailureKind::HostFailed, message);
    match (counts_fuel, limits.fuel) {
        (false, None) => Ok(None),
        (false, Some(_)) => {
            Err(failed("`limits.fuel` is set, but this engine does not count fuel".to_owned()))
        }
        (true, limit) => {
            let fuel = limit.unwrap_or(u64::MAX);
            store.set_fuel(fuel).map_err(|error| failed(error.to_string()))?;
            Ok(Some(fuel))
        }
    }
}

/// Runs one step to its end.
pub(super) fn execute(
    counts_fuel: bool,
    code: &Linked,
    shapes: &InputShapes,
    outputs: OutputLedger,
    request: StepRequest<'_>,
) -> Result<StepReport, StepFailure> {
    let StepRequest { attempt, seed, grants, limits, interrupt, host, .. } = request;
    let around = Surroundings { outputs, attempt, seed, grants, limits, interrupt, host };
    let mut instance = Instance::new(code.engine(), counts_fuel, around)?;
    let mapping_keys: Vec<&str> = request.mapping_keys.iter().map(MappingKey::as_str).collect();
    let context = Context { solid: request.solid, mapping_keys: &mapping_keys, config: request.config };
    let inputs = hand_over(instance.state(), shapes, request.inputs)?;
    let ended = instance.run(|store| code.execute(store, context, &inputs));
    let state = instance.state();
    let responses = state.gate.as_ref().and_then(|gate| gate.refused());
    let exceeded = responses.or_else(|| state.world.check_scratch().err());
    let ledger = &mut instance.state().outputs;
    match (ended, ledger.take_refused().or(exceeded)) {
        (Err(failure), _) if failure.kind == FailureKind::Canceled => Err(failure),
        (Err(failure), Some(refused)) => Err(StepFailure { last_words: failure.last_words, ..refused }),
        (Ok(_), Some(refused)) => Err(refused),
        (Err(failure), None) => Err(failure),
        (Ok(Err(failure)), None) => Err(solid_failed(failure, limits.metadata_bytes)),
        (Ok(Ok(())), None) => match ledger.missing() {
            Some(missing) => Err(missing),
            None => Ok(instance.report()),
        },
    }
}

fn hand_over(
    state: &mut StepState,
    shapes: &InputShapes,
    inputs: Vec<Input>,
) -> Result<Vec<solids::Input>, StepFailure> {
    let convert = |input: Input| {
        let check = shapes.check(&input)?;
        let name = input.name.clone();
        let open = |state: &mut StepState, collection| {
            let opened = state.table.push(OpenCollection::new(name, collection, check));
            opened.map_err(|_| too_many_handles())
        };
        let value = match input.value {
            InputValue::Single(value) => solids::InputValue::Single(state.blobs.hand_over(value)),
            InputValue::Items(collection) => solids::InputValue::Items(open(state, collection)?),
            InputValue::Entries(collection) => solids::InputValue::Entries(open(state, collection)?),
        };
        Ok(solids::Input { name: input.name.into(), value })
    };
    inputs.into_iter().map(convert).collect()
}

/// The solid's own account, cut to what a log can hold.
fn solid_failed(failure: solids::Failure, metadata_limit: u64) -> StepFailure {
    let retry = match failure.retry {
        solids::RetryRequest::ByPolicy => RetryRequest::ByPolicy,
        solids::RetryRequest::Never => RetryRequest::Never,
        solids::RetryRequest::AfterMs(pause) => RetryRequest::AfterMs(pause),
    };
    let mut description = failure.description;
    description.truncate(description.floor_char_boundary(MAX_DESCRIPTION_BYTES));
    let metadata =
        if metadata::size(&failure.metadata) <= metadata_limit { failure.metadata } else { Vec::new() };
    let metadata = metadata::convert(metadata);
    StepFailure { metadata, retry, ..StepFailure::new(FailureKind::SolidFailed, description) }
}

fn too_many_handles() -> StepFailure {
    StepFailure::limit(FailureKind::TooManyHandles, "the step held too many resources open", "handles")
}

/// What the end of a guest means. A refused growth explains a trap that follows it.
fn classify(error: wasmtime::Error, limiter: &mut Limiter) -> StepFailure {
    let error = match error.downcast::<StepFailure>() {
        Ok(failure) => return failure,
        Err(error) => error,
    };
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::OutOfFuel) => {
            return StepFailure::limit(FailureKind::OutOfFuel, "used up its fuel", "fuel");
        }
        Some(Trap::StackOverflow) => {
            return StepFailure::limit(FailureKind::StackOverflow, "recursed deeper than its stack", "stack");
        }
        _ => {}
    }
    if let Some(refused) = limiter.take_refused() {
        return refused;
    }
    if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
        return StepFailure::new(
            FailureKind::Exited,
            format!("the plugin ended itself with status {status}"),
        );
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return too_many_handles();
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return StepFailure::new(FailureKind::HostFailed, format!("no room for another step: {error}"));
    }
    if let Some(system) = error.root_cause().downcast_ref::<std::io::Error>() {
        return StepFailure::new(
            FailureKind::HostFailed,
            format!("the system has not what the step needs: {system}"),
        );
    }
    by_message(&error).unwrap_or_else(|| trapped(trap, &error))
}

/// The errors of the engine that have no public type: told apart by what they say, which a test pins down.
fn by_message(error: &wasmtime::Error) -> Option<StepFailure> {
    let text = error.root_cause().to_string();
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        let message = "passed more to the host in one call than a value may have";
        return Some(StepFailure::limit(FailureKind::ValueTooLarge, message, "value"));
    }
    if text.contains("store handle limit exceeded") {
        return Some(too_many_handles());
    }
    if text.starts_with("resource limit exceeded") {
        let setting = match &text {
            text if text.contains("memory count") => "memories",
            text if text.contains("table count") => "tables",
            _ => "instances",
        };
        return Some(StepFailure::limit(FailureKind::TooManyInstances, text, setting));
    }
    None
}

/// In the words of people who do not know WebAssembly; the engine's own words follow where they say more.
fn trapped(trap: Option<&Trap>, error: &wasmtime::Error) -> StepFailure {
    let message = match trap {
        Some(Trap::UnreachableCodeReached) => "the plugin's code gave up (a panic or an abort)".to_owned(),
        Some(Trap::MemoryOutOfBounds | Trap::TableOutOfBounds) => {
            "the plugin's code used memory that it does not have".to_owned()
        }
        Some(Trap::IntegerDivisionByZero) => "the plugin's code divided by zero".to_owned(),
        Some(trap) => {
            format!("the plugin's code went wrong: {}", trap.to_string().replace("wasm trap: ", ""))
        }
        None => format!("the plugin broke the contract: {}", error.root_cause()),
    };
    StepFailure::new(FailureKind::Trapped, message)
}
