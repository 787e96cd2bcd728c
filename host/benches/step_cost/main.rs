//! What a plugin's load and a step cost, each figure against its neighbours of the same run, and what of it is the price of
//! each protection: `cargo bench -p fanfold --bench step_cost`; `-- prices` prints the prices alone.

#[path = "../rig/component.rs"]
mod component;
#[expect(dead_code, reason = "the other benchmark runs it")]
#[path = "../fan_out/floor.rs"]
mod floor;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/sandbox/guests.rs"]
mod guests;
mod prices;
#[path = "../rig/void.rs"]
mod void;

use std::time::{Duration, Instant};

use fanfold::sandbox::{
    CompileCache, Compiler, Engine, EngineOptions, Grants, Interrupt, Limits, LoadLimits, MemoryReset,
    Plugin, PluginLoader, Seed, StepRequest, StrictReason,
};
use fanfold_graph::name::PluginName;

use component::component;
use guests::Guest;
use void::Void;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: u32 = 20_000;

fn step(plugin: &Plugin, solid: &str, limits: &Limits) {
    let request = StepRequest {
        solid,
        mapping_keys: &[],
        config: "{}",
        inputs: Vec::new(),
        attempt: 0,
        seed: Seed::default(),
        grants: &Grants::none(),
        limits,
        interrupt: Interrupt::default(),
        host: Box::new(Void),
    };
    plugin.execute(request).unwrap();
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn report(name: &str, plugin: &Plugin, solid: &str) {
    let limits = Limits::default();
    let one = timed(|| (0..STEPS).for_each(|_| step(plugin, solid, &limits)));
    let two = timed(|| {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..STEPS).for_each(|_| step(plugin, solid, &limits)));
            }
        });
    });
    let rate = f64::from(2 * STEPS) / two.as_secs_f64();
    println!("{name}: {:?} a step on one thread; {rate:.0} steps a second on two", one / STEPS);
}

fn main() {
    if std::env::args().all(|argument| argument != "prices") {
        loads_and_steps();
    }
    if std::env::args().all(|argument| argument != "steps") {
        prices::prices();
    }
}

fn loads_and_steps() {
    let numbers = component("numbers");
    let trivial = Guest::new("(call $emit (i32.const 2100) (i32.const 3))").component();
    let detected = MemoryReset::detect();
    println!("memory reset: {detected}");
    for reset in [detected, MemoryReset::Everything(StrictReason::Swap)] {
        let options = EngineOptions { concurrent_steps: 2, ..EngineOptions::default() };
        let mut engine = None;
        let made = timed(|| engine = Some(Engine::with_memory_reset(options, reset).unwrap()));
        let engine = engine.unwrap();
        println!("-- {reset}: engine in {made:?}");
        let directory = tempfile::tempdir().unwrap();
        let cache = CompileCache::open(directory.path()).unwrap();
        let loader = PluginLoader {
            engine: engine.clone(),
            cache,
            compiler: Compiler::Here,
            before_compiling: |_| {},
        };
        for (name, wasm, solid) in
            [("hand-written", &trivial, "s"), ("numbers (Rust)", &numbers, "num_range")]
        {
            let load = || {
                let name = PluginName::new("p").unwrap();
                Plugin::from_bytes(&loader, &LoadLimits::default(), name, wasm).unwrap()
            };
            let cold = timed(|| drop(load()));
            let cached = timed(|| drop(load()));
            println!("{name}, {} bytes: loaded cold in {cold:?}, from the cache in {cached:?}", wasm.len());
            report(name, &load(), solid);
        }
    }
}
