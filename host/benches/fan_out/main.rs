//! What a step costs, from a bare loop over wasmtime up to a recorded run: `cargo bench -p fanfold --bench fan_out`.
//!
//! One generator, N clones that double a number, and a sum: `-- N` is 100,000 unless given, `-- growth` runs a table of sizes,
//! of other shapes too, and `-- repeat memory 1` one layer on one thread until it is stopped. Every ratio
//! is against the floor of the same process.

#[path = "../rig/best.rs"]
mod best;
#[path = "../rig/component.rs"]
mod component;
mod floor;
mod growth;
#[path = "../rig/plugins.rs"]
mod plugins;
#[path = "../rig/runs.rs"]
mod runs;
#[path = "../rig/void.rs"]
mod void;

use std::sync::Arc;
use std::time::Instant;

use fanfold::sandbox::{
    Engine, EngineOptions, Grants, Input, InputValue, Interrupt, Limits, Plugin, Seed, StepRequest, Value,
};
use fanfold::store::Store;
use fanfold_graph::name::MappingKey;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use best::best;
use component::component;
use floor::Floor;
use runs::Setup;
use void::Void;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let engine = Engine::new(EngineOptions { concurrent_steps: 2, ..EngineOptions::default() }).unwrap();
    let plugin = plugins::plugin(&engine, "numbers");
    println!("memory reset: {}", engine.memory_reset());
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["growth", ref shape @ ..] => growth::growth(&plugin, shape.first().unwrap_or(&"")),
        ["repeat", name, threads] => repeat(&layers(&plugin, 100_000), name, threads.parse().unwrap()),
        [clones] => table(&layers(&plugin, clones.parse().unwrap()), clones.parse().unwrap()),
        _ => table(&layers(&plugin, 100_000), 100_000),
    }
}

/// A part of a step's cost, on so many threads.
struct Layer<'a> {
    name: &'static str,
    work: Box<dyn Fn(usize) + 'a>,
}

/// The layers of a step's cost, one on top of the other.
fn layers(plugin: &Plugin, clones: u32) -> Vec<Layer<'_>> {
    fn layer<'a>(name: &'static str, work: impl Fn(usize) + 'a) -> Layer<'a> {
        Layer { name, work: Box::new(work) }
    }
    let floors = [(); 2].map(|()| Arc::new(Floor::new(&component("numbers"))));
    let floor = Arc::clone(&floors[0]);
    let in_memory = Store::in_memory().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let recorded = Store::open(directory.path()).unwrap();
    vec![
        layer("wasmtime alone", move |threads| on_threads(threads, clones, |_| floor.step())),
        layer("wasmtime, an engine each", move |threads| {
            on_threads(threads, clones, |thread| floors[thread].step());
        }),
        layer("sandbox", move |threads| on_threads(threads, clones, |_| sandboxed(plugin))),
        layer("run, in memory", move |threads| run(plugin, clones, threads, &in_memory)),
        layer("run, recorded", move |threads| {
            // The directory is there as long as its store.
            _ = &directory;
            run(plugin, clones, threads, &recorded);
        }),
    ]
}

/// How many hands a layer has.
#[derive(Clone, Copy)]
enum Hands {
    /// One thread, on the same processor as all others of the process, such as the log's writer.
    OneProcessor,
    /// So many threads, with all processors.
    Threads(usize),
}

const HANDS: [Hands; 3] = [Hands::OneProcessor, Hands::Threads(1), Hands::Threads(2)];

fn table(layers: &[Layer<'_>], clones: u32) {
    println!(
        "{clones} clones; microseconds of wall time for each, and against the floor with as many hands;"
    );
    println!(
        "how many times the steps of one processor, and of one thread, two threads run on two processors"
    );
    println!(
        "{:24} {:>11} {:>6} {:>8} {:>6} {:>9} {:>6} {:>9} {:>7}",
        "", "1 processor", "", "1 thread", "", "2 threads", "", "processor", "thread"
    );
    let took = best_in_turn(layers);
    let floor = took[0];
    for (Layer { name, .. }, took) in layers.iter().zip(&took) {
        print!("{name:24}");
        for ((seconds, floor), width) in took.iter().zip(floor).zip([11, 8, 9]) {
            print!(" {:width$.2} {:5.2}x", seconds * 1e6 / f64::from(clones), seconds / floor);
        }
        let [processor, one, two] = *took;
        println!(" {:8.2}x {:6.2}x", processor / two, one / two);
    }
}

/// The best of nine rounds through all layers, in seconds, with all kinds of hands: what else the machine does meanwhile
/// slows all of them down alike.
fn best_in_turn(layers: &[Layer<'_>]) -> Vec<[f64; HANDS.len()]> {
    let all_processors = sched_getaffinity(None).unwrap();
    let mut took = vec![[f64::INFINITY; HANDS.len()]; layers.len()];
    for _round in 0..9 {
        for (Layer { work, .. }, took) in layers.iter().zip(&mut took) {
            for (hands, took) in HANDS.into_iter().zip(took) {
                let (threads, processors) = match hands {
                    Hands::OneProcessor => (1, one_of(&all_processors)),
                    Hands::Threads(threads) => (threads, all_processors),
                };
                // Threads inherit it.
                sched_setaffinity(None, &processors).unwrap();
                let begun = Instant::now();
                work(threads);
                *took = took.min(begun.elapsed().as_secs_f64());
            }
        }
    }
    sched_setaffinity(None, &all_processors).unwrap();
    took
}

/// One of a set of processors.
fn one_of(processors: &CpuSet) -> CpuSet {
    let mut one = CpuSet::new();
    let any = (0..CpuSet::MAX_CPU).find(|processor| processors.is_set(*processor));
    one.set(any.expect("this thread runs somewhere"));
    one
}

/// One layer again and again, for a profiler to look at.
fn repeat(layers: &[Layer<'_>], name: &str, threads: usize) {
    let layer = layers.iter().find(|layer| layer.name.contains(name)).expect("a layer with that in its name");
    loop {
        println!("{:?}", best(|| (layer.work)(threads)));
    }
}

/// So many steps, spread over threads.
fn on_threads(threads: usize, steps: u32, step: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let step = &step;
            scope.spawn(move || (0..steps / threads as u32).for_each(|_| step(thread)));
        }
    });
}

/// One step in the sandbox, without a run around it.
fn sandboxed(plugin: &Plugin) {
    let request = StepRequest {
        solid: "multiply_by_two",
        mapping_keys: &[MappingKey::new("7").unwrap()],
        config: "null",
        inputs: vec![Input { name: "y".into(), value: InputValue::Single(Value::Json("7".into())) }],
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
    let doubled = format!("return sum_numbers(emit({clones}).map(multiply_by_two).collect())");
    let sum = Setup::new(plugin, threads).run(&plugins::pipeline(plugin, &doubled), store);
    assert_eq!(sum, (u64::from(clones) * (u64::from(clones) - 1)).to_string());
}
