//! The price list: what each protection costs a step. Bare loops over wasmtime, set up as the sandbox is but for one thing.

use std::time::Duration;

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits,
    StoreLimitsBuilder, UpdateDeadline,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::best::best;
use crate::component::component;
use crate::floor::exports::fanfold::plugin::solids::{Context, Input, InputValue};
use crate::floor::fanfold::plugin::types::Value;
use crate::floor::{PluginWithAttempt, PluginWithAttemptPre, linked};

const STEPS: u32 = 20_000;
/// As often as the sandbox looks up.
const TICK: Duration = Duration::from_millis(10);

/// What a step is protected by, and what protects others from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// An instance of its own.
    FreshInstance,
    /// Running code looks up now and then.
    Epochs,
    /// Memory and tables are counted, and what crosses in a call.
    Limits,
    /// A virtual world of its own.
    Wasi,
    /// The same bits on every machine.
    CanonicalNans,
    /// Instructions are counted.
    Fuel,
    /// Slots are reset as a whole, not by their written pages.
    WholeReset,
}

use Protection::{CanonicalNans, Epochs, FreshInstance, Fuel, Limits, Wasi, WholeReset};

const DEFAULT: &[Protection] = &[FreshInstance, Epochs, Limits, Wasi, CanonicalNans];

/// One table.
pub(crate) fn prices() {
    println!("prices: microseconds a step, and against the default");
    println!(
        "{:34} {:>8} {:>6} {:>9} {:>6} {:>9} {:>6}",
        "", "1 thread", "", "2 threads", "", "computing", ""
    );
    let [trivial, computing] = ["numbers", "gauges"].map(component);
    let mut reference = None;
    let mut row = |name: &str, protections: &[Protection]| {
        let trivial = Bare::new(protections, &trivial, "multiply_by_two", &[("y", "7")]);
        let one = each(1, STEPS, &trivial);
        let two = each(2, STEPS, &trivial);
        let computing = Bare::new(protections, &computing, "spin", &[("x", "7"), ("rounds", "100000")]);
        let figures = [one, two, each(1, STEPS / 100, &computing)];
        let default = *reference.get_or_insert(figures);
        print!("{name:34}");
        for (figure, default) in figures.iter().zip(default) {
            print!(" {figure:9.2} {:5.2}x", figure / default);
        }
        println!();
    };
    row("the default", DEFAULT);
    for (name, left_out) in [
        ("without epochs", Epochs),
        ("without limits", Limits),
        ("without WASI", Wasi),
        ("without canonical NaNs", CanonicalNans),
        ("without a fresh instance", FreshInstance),
    ] {
        let kept: Vec<_> = DEFAULT.iter().copied().filter(|protection| *protection != left_out).collect();
        row(name, &kept);
    }
    row("with fuel, too", &[DEFAULT, &[Fuel]].concat());
    row("with slots reset as a whole", &[DEFAULT, &[WholeReset]].concat());
    row("a fresh instance and nothing else", &[FreshInstance]);
}

/// Microseconds of wall time for each of so many steps, on so many threads.
fn each(threads: u32, steps: u32, bare: &Bare) -> f64 {
    let took = best(|| {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| bare.run(steps / threads));
            }
        });
    });
    took.as_secs_f64() * 1e6 / f64::from(steps)
}

/// What a store holds.
struct State {
    limits: StoreLimits,
    wasi: Option<WasiCtx>,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.as_mut().unwrap(), table: &mut self.table }
    }
}

/// A step under some protections.
struct Bare {
    engine: Engine,
    code: PluginWithAttemptPre<State>,
    protections: Vec<Protection>,
    context: Context,
    inputs: Vec<Input>,
}

impl Bare {
    fn new(protections: &[Protection], component: &[u8], solid: &str, inputs: &[(&str, &str)]) -> Self {
        let engine = Engine::new(&config(protections)).unwrap();
        let component = Component::new(&engine, component).unwrap();
        let mut linker = Linker::new(&engine);
        if protections.contains(&Wasi) {
            wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
        }
        let linker = linked(linker, &component);
        let code = PluginWithAttemptPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        if protections.contains(&Epochs) {
            start_ticker(&engine);
        }
        let input = |(name, json): &(&str, &str)| {
            let value = InputValue::Single(Value::Json((*json).to_owned()));
            Input { name: (*name).to_owned(), value }
        };
        let context =
            Context { solid: solid.to_owned(), mapping_keys: Vec::new(), config: "null".to_owned() };
        let inputs = inputs.iter().map(input).collect();
        Self { engine, code, protections: protections.to_vec(), context, inputs }
    }

    fn run(&self, steps: u32) {
        let mut kept = None;
        for _ in 0..steps {
            let (mut store, instance) = kept.take().unwrap_or_else(|| self.instance());
            let solids = instance.fanfold_plugin_solids();
            solids.call_execute(&mut store, &self.context, &self.inputs).unwrap().unwrap();
            if !self.has(FreshInstance) {
                kept = Some((store, instance));
            }
        }
    }

    fn instance(&self) -> (Store<State>, PluginWithAttempt) {
        let limits = StoreLimitsBuilder::new().memory_size(64 << 20).build();
        let wasi = self.has(Wasi).then(|| WasiCtx::builder().build());
        let mut store = Store::new(&self.engine, State { limits, wasi, table: ResourceTable::new() });
        if self.has(Limits) {
            store.limiter(|state| &mut state.limits);
            store.set_hostcall_fuel(16 << 20);
            store.set_max_component_handles(1000);
        }
        if self.has(Epochs) {
            store.set_epoch_deadline(1);
            store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(1)));
        }
        if self.has(Fuel) {
            store.set_fuel(u64::MAX).unwrap();
        }
        let instance = self.code.instantiate(&mut store).unwrap();
        (store, instance)
    }

    fn has(&self, protection: Protection) -> bool {
        self.protections.contains(&protection)
    }
}

fn config(protections: &[Protection]) -> Config {
    let has = |protection| protections.contains(&protection);
    let mut pool = PoolingAllocationConfig::new();
    if has(WholeReset) {
        pool.pagemap_scan(Enabled::No).decommit_batch_size(64);
    } else {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(4 << 20)
            .table_keep_resident(1 << 20)
            .decommit_batch_size(32);
    }
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .gc_support(false)
        .memory_init_cow(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(has(Epochs))
        .consume_fuel(has(Fuel))
        .cranelift_nan_canonicalization(has(CanonicalNans));
    config
}

/// Lets running code look up for as long as the engine lives.
fn start_ticker(engine: &Engine) {
    let engine = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
}
