//! What a step costs, from a bare loop over wasmtime up to a recorded run: `cargo bench -p fanfold --bench fan_out`.
//!
//! One generator, N clones that double a number, and a sum: `-- N` is 100,000 unless given, `-- growth` runs a table of sizes.
//! Every figure is the best of three, and every ratio is against the floor of the same process.

mod floor;
mod numbers;

use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanfold::executor::{LocalExecutor, LocalSolid};
use fanfold::orchestrator::{Assembly, Hooks, Orchestrator};
use fanfold::report::Report;
use fanfold::sandbox::{
    BlobRef, BlobSink, Emission, Engine, EngineOptions, Grants, Input, InputValue, Interrupt, Limits, Plugin,
    Seed, StepEvent, StepHost, StepRequest, Value,
};
use fanfold::store::{NewRun, PluginDigests, RunId, Store};
use fanfold_graph::plan::Plan;
use fanfold_graph::run::{Outcome, Run};

use floor::Floor;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BEST_OF: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let engine = Engine::new(EngineOptions { concurrent_steps: 2, count_fuel: false }).unwrap();
    let plugin = numbers::plugin(&engine);
    println!("memory reset: {}", engine.memory_reset());
    match arguments.first().map(String::as_str) {
        Some("growth") => growth(&plugin),
        clones => layers(&plugin, clones.map_or(100_000, |clones| clones.parse().unwrap())),
    }
}

/// The layers of a step's cost, one on top of the other.
fn layers(plugin: &Plugin, clones: u32) {
    let floor = Floor::new(&numbers::component());
    println!("{clones} clones; microseconds of wall time for each, and against the floor on as many threads");
    println!("{:28} {:>10} {:>6} {:>10} {:>6} {:>8}", "", "1 thread", "", "2 threads", "", "speedup");
    let mut floors = None;
    let mut row = |name: &str, work: &dyn Fn(usize)| {
        let [one, two] = [1, 2].map(|threads| best(|| work(threads)).as_secs_f64() * 1e6 / f64::from(clones));
        let (floor_one, floor_two) = *floors.get_or_insert((one, two));
        let (against_one, against_two, speedup) = (one / floor_one, two / floor_two, one / two);
        println!("{name:28} {one:10.2} {against_one:5.2}x {two:10.2} {against_two:5.2}x {speedup:7.2}x");
    };
    row("wasmtime alone", &|threads| on_threads(threads, clones, || floor.step()));
    row("sandbox", &|threads| on_threads(threads, clones, || sandboxed(plugin)));
    row("run, in memory", &|threads| run(plugin, clones, threads, &Store::in_memory().unwrap()));
    row("run, recorded", &|threads| {
        let directory = tempfile::tempdir().unwrap();
        run(plugin, clones, threads, &Store::open(directory.path()).unwrap());
    });
}

/// What a clone costs when there are more of them.
fn growth(plugin: &Plugin) {
    println!("recorded, 2 threads: microseconds of wall time for each clone");
    let mut reference = None;
    for clones in [1_000, 10_000, 100_000, 1_000_000] {
        let took = best(|| {
            let directory = tempfile::tempdir().unwrap();
            run(plugin, clones, 2, &Store::open(directory.path()).unwrap());
        });
        let each = took.as_secs_f64() * 1e6 / f64::from(clones);
        if clones == 10_000 {
            reference = Some(each);
        }
        let against = reference.map_or_else(String::new, |reference| format!("{:.2}x", each / reference));
        println!("{clones:>9} {each:8.2} {against:>6}");
    }
}

/// The shortest of a few.
fn best(work: impl Fn()) -> Duration {
    let timed = || {
        let begun = Instant::now();
        work();
        begun.elapsed()
    };
    (0..BEST_OF).map(|_| timed()).min().unwrap()
}

/// So many steps, spread over threads.
fn on_threads(threads: usize, steps: u32, step: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..steps / threads as u32).for_each(|_| step()));
        }
    });
}

/// Takes everything and keeps nothing.
struct Void;

impl StepHost for Void {
    fn emit(&mut self, emission: Emission) -> io::Result<()> {
        black_box(emission);
        Ok(())
    }
    fn report(&mut self, _: StepEvent) -> io::Result<()> {
        Ok(())
    }
    fn open_blob(&mut self, _: &BlobRef) -> io::Result<Box<dyn io::Read + Send>> {
        Err(io::Error::other("no blobs"))
    }
    fn create_blob(&mut self, _: &str) -> io::Result<Box<dyn BlobSink>> {
        Err(io::Error::other("no blobs"))
    }
}

/// One step in the sandbox, without a run around it.
fn sandboxed(plugin: &Plugin) {
    let request = StepRequest {
        solid: "multiply_by_two",
        mapping_keys: vec!["7".to_owned()],
        config: "null".to_owned(),
        inputs: vec![Input { name: "y".to_owned(), value: InputValue::Single(Value::Json("7".to_owned())) }],
        attempt: 0,
        seed: Seed::default(),
        grants: &Grants::none(),
        limits: &Limits::default(),
        interrupt: Interrupt::default(),
        host: Box::new(Void),
    };
    _ = plugin.execute(request).unwrap();
}

/// A whole run, from its record to its end.
fn run(plugin: &Plugin, clones: u32, threads: usize, store: &Store) {
    let plan = Arc::new(Plan::new(numbers::fan_out(plugin, clones)).unwrap());
    let solids = plan.solids().map(|solid| {
        let invocation = plan.invocation(solid);
        LocalSolid {
            name: invocation.name.to_string(),
            plugin: plugin.clone(),
            solid: invocation.solid.solid.clone(),
            config: invocation.config.as_ref().map_or_else(|| "null".to_owned(), ToString::to_string),
            grants: Grants::none(),
            limits: Limits::default(),
            timeout: None,
        }
    });
    let run_id = RunId::new("r").unwrap();
    let plugins = PluginDigests::new();
    let new = NewRun { pipeline: plan.pipeline(), plugins: &plugins, granted: &[], sources: &[] };
    let orchestrator = Orchestrator::new(Assembly {
        store: store.create(&run_id, &new).unwrap(),
        run_id,
        executor: Box::new(LocalExecutor::new(solids.collect(), Vec::new())),
        run: Run::new(Arc::clone(&plan)),
        report: Report::silent(),
        jobs: threads,
        concurrency: Vec::new(),
        parent: None,
        hooks: Hooks::default(),
    });
    assert_eq!(orchestrator.drive().unwrap(), Outcome::Succeeded);
    let mut sum = Vec::new();
    orchestrator.write_json(&orchestrator.result().unwrap(), &mut sum).unwrap();
    let wanted = u64::from(clones) * (u64::from(clones) - 1);
    assert_eq!(String::from_utf8(sum).unwrap(), wanted.to_string());
}
