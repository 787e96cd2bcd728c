//! The price list: what each protection costs a step. Bare loops over wasmtime, set up as the sandbox is but for one thing.

use std::time::{Duration, Instant};

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits,
    StoreLimitsBuilder, UpdateDeadline,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::component::component;
use crate::floor::exports::fanfold::plugin::solids::{Context, Input, InputValue};
use crate::floor::fanfold::plugin::types::Value;
use crate::floor::{PluginWithAttempt, PluginWithAttemptPre, add_contract};

/// The machine has other things to do, too: each line is measured once in each round.
const ROUNDS: u32 = 9;
const STEPS: u32 = 5_000;
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
    let [trivial, computing] = ["numbers", "gauges"].map(component);
    let without = |left_out| DEFAULT.iter().copied().filter(|it| *it != left_out).collect::<Vec<_>>();
    let mut rows = [
        ("the default", DEFAULT.to_vec()),
        ("without epochs", without(Epochs)),
        ("without limits", without(Limits)),
        ("without WASI", without(Wasi)),
        ("without canonical NaNs", without(CanonicalNans)),
        ("without a fresh instance", without(FreshInstance)),
        ("with fuel, too", [DEFAULT, &[Fuel]].concat()),
        ("with slots reset as a whole", [DEFAULT, &[WholeReset]].concat()),
        ("a fresh instance and nothing else", vec![FreshInstance]),
    ]
    .map(|(name, protections)| {
        let trivial = Bare::new(&protections, &trivial, "multiply_by_two", &[("y", "7")]);
        let computing = Bare::new(&protections, &computing, "spin", &[("x", "7"), ("rounds", "100000")]);
        Row { name, trivial, computing, figures: [f64::INFINITY; 3] }
    });
    for _ in 0..ROUNDS {
        rows.iter_mut().for_each(Row::measure);
    }
    println!("prices: microseconds a step, the best of {ROUNDS} rounds, and against the default");
    println!("{:34} {:>8} {:>7} {:>9} {:>6} {:>9}", "", "1 thread", "", "2 threads", "", "computing");
    let default = rows[0].figures;
    for Row { name, figures, .. } in rows {
        print!("{name:34}");
        for (figure, default) in figures.iter().zip(default) {
            print!(" {figure:8.2} {:6.2}x", figure / default);
        }
        println!();
    }
}

/// A line of the table.
struct Row {
    name: &'static str,
    trivial: Bare,
    computing: Bare,
    /// The least microseconds so far: of a trivial step on one thread and on two, and of one that computes.
    figures: [f64; 3],
}

impl Row {
    fn measure(&mut self) {
        let now = [
            self.trivial.microseconds(1, STEPS),
            self.trivial.microseconds(2, STEPS),
            self.computing.microseconds(1, STEPS / 100),
        ];
        for (least, now) in self.figures.iter_mut().zip(now) {
            *least = least.min(now);
        }
    }
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
        add_contract(&mut linker);
        if protections.contains(&Wasi) {
            wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
            trap_in_contract(&mut linker, &component);
        } else {
            linker.define_unknown_imports_as_traps(&component).unwrap();
        }
        let code = PluginWithAttemptPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        if protections.contains(&Epochs) {
            start_ticker(&engine);
        }
        let input = |(name, json): &(&str, &str)| {
            let value = InputValue::Single(Value::Json((*json).into()));
            Input { name: (*name).into(), value }
        };
        let context =
            Context { solid: solid.to_owned(), mapping_keys: Vec::new(), config: "null".to_owned() };
        let inputs = inputs.iter().map(input).collect();
        Self { engine, code, protections: protections.to_vec(), context, inputs }
    }

    /// Wall time for each of so many steps, on so many threads.
    fn microseconds(&self, threads: u32, steps: u32) -> f64 {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.run(steps / threads));
            }
        });
        begun.elapsed().as_secs_f64() * 1e6 / f64::from(steps)
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
    // All lines have their engines at once. More slots than can wait for their reset: else a thread may be refused.
    pool.total_component_instances(200)
        .total_core_instances(800)
        .total_memories(200)
        .total_tables(800)
        .total_stacks(0);
    if has(WholeReset) {
        pool.pagemap_scan(Enabled::No).decommit_batch_size(16);
    } else {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(4 << 20)
            .table_keep_resident(1 << 20)
            .decommit_batch_size(1);
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

/// Defines what is imported of the contract and not defined yet: it traps.
fn trap_in_contract(linker: &mut Linker<State>, component: &Component) {
    let engine = linker.engine().clone();
    for (interface, item) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        if !interface.starts_with("fanfold:") {
            continue;
        }
        let mut linker = linker.instance(interface).unwrap();
        for (name, item) in instance.exports(&engine) {
            if matches!(item.ty, ComponentItem::ComponentFunc(_)) && name != "emit" {
                linker
                    .func_new(name, |_, _, _, _| Err(wasmtime::Error::msg("not part of the benchmark")))
                    .unwrap();
            }
        }
    }
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
