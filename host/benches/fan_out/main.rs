//! What a step costs, from a bare loop over wasmtime up to a recorded run: `cargo bench -p fanfold --bench fan_out`.
//!
//! One generator, N clones that double a number, and a sum: `-- N ROUNDS` is 100,000 and 9 unless given, `-- growth` runs a table
//! of sizes, of other shapes too, and `-- repeat memory 1` one layer on one thread until it is stopped. Every ratio is against
//! the floor of the same run of this program.

#[path = "../rig/best.rs"]
mod best;
#[path = "../rig/component.rs"]
mod component;
mod floor;
mod growth;
#[path = "../rig/plugins.rs"]
mod plugins;
mod processes;
#[path = "../rig/runs.rs"]
mod runs;
#[path = "../rig/void.rs"]
mod void;

use std::cell::RefCell;
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
use processes::FloorProcess;
use runs::Setup;
use void::Void;

/// Unless the command line says otherwise.
const ROUNDS: usize = 9;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    if arguments == [processes::ARGUMENT] {
        return processes::serve();
    }
    let engine = Engine::new(EngineOptions { concurrent_steps: 2, ..EngineOptions::default() }).unwrap();
    let plugin = plugins::plugin(&engine, "numbers");
    println!("memory reset: {}", engine.memory_reset());
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["growth", ref shape @ ..] => growth::growth(&plugin, shape.first().unwrap_or(&"")),
        ["repeat", name, threads] => repeat(&layers(&plugin, 100_000), name, threads.parse().unwrap()),
        [clones, rounds] => table(&plugin, clones.parse().unwrap(), rounds.parse().unwrap()),
        [clones] => table(&plugin, clones.parse().unwrap(), ROUNDS),
        _ => table(&plugin, 100_000, ROUNDS),
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
    let processes = RefCell::new([(); 2].map(|()| FloorProcess::start()));
    let in_memory = Store::in_memory().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let recorded = Store::open(directory.path()).unwrap();
    vec![
        layer("wasmtime alone", move |threads| on_threads(threads, clones, |_| floor.step())),
        layer("wasmtime, an engine each", move |threads| {
            on_threads(threads, clones, |thread| floors[thread].step());
        }),
        layer("wasmtime, a process each", move |threads| {
            let (hands, mut processes) = (threads as u32, processes.borrow_mut());
            processes[..threads].iter_mut().for_each(|process| process.begin(clones / hands));
            processes[..threads].iter_mut().for_each(FloorProcess::end);
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

fn table(plugin: &Plugin, clones: u32, rounds: usize) {
    println!(
        "{clones} clones; microseconds of wall time for each, the best of {rounds} rounds, and against the floor with as many hands;"
    );
    println!(
        "how many times the steps of one processor, and of one thread, two threads run on two processors: the quartiles of all rounds"
    );
    println!(
        "{:24} {:>11} {:>6} {:>8} {:>6} {:>9} {:>6}  {:>20}  {:>20}",
        "", "1 processor", "", "1 thread", "", "2 threads", "", "of 1 processor", "of 1 thread"
    );
    let layers = layers(plugin, clones);
    let took = in_turn(&layers, rounds);
    let best = |layer: usize| {
        [0, 1, 2].map(|hands| took.iter().map(|round| round[layer][hands]).fold(f64::INFINITY, f64::min))
    };
    let floor = best(0);
    for (number, Layer { name, .. }) in layers.iter().enumerate() {
        print!("{name:24}");
        for ((seconds, floor), width) in best(number).iter().zip(floor).zip([11, 8, 9]) {
            print!(" {:width$.2} {:5.2}x", seconds * 1e6 / f64::from(clones), seconds / floor);
        }
        for hands in [0, 1] {
            let times = took.iter().map(|round| round[number][hands] / round[number][2]).collect();
            let [low, middle, high] = quartiles(times);
            print!("  {low:5.2} {middle:6.2}x {high:6.2}");
        }
        println!();
    }
}

/// Rounds through all layers, with all kinds of hands, in seconds: what else the machine does meanwhile slows all of them
/// down alike.
fn in_turn(layers: &[Layer<'_>], rounds: usize) -> Vec<Vec<[f64; HANDS.len()]>> {
    let all_processors = sched_getaffinity(None).unwrap();
    let timed = |layer: &Layer<'_>, hands| {
        let (threads, processors) = match hands {
            Hands::OneProcessor => (1, one_of(&all_processors)),
            Hands::Threads(threads) => (threads, all_processors),
        };
        // Threads inherit it.
        sched_setaffinity(None, &processors).unwrap();
        let begun = Instant::now();
        (layer.work)(threads);
        begun.elapsed().as_secs_f64()
    };
    let round = |_| layers.iter().map(|layer| HANDS.map(|hands| timed(layer, hands))).collect();
    let took = (0..rounds).map(round).collect();
    sched_setaffinity(None, &all_processors).unwrap();
    took
}

/// The lower quarter, the middle, and the upper quarter.
fn quartiles(mut numbers: Vec<f64>) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| numbers[(numbers.len() - 1) * quarter / 4])
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
