//! From an item that a running generator emits to the first of its clone's code: `cargo bench -p fanfold --bench latency`.
//!
//! The generator emits the time, and the clone says how long ago that was: both read the time of day. The floor hands the
//! time to a thread that waits for it, and makes, calls and drops an instance there, bare.

#[path = "rig/component.rs"]
mod component;
#[path = "fan_out/floor.rs"]
mod floor;
#[path = "rig/plugins.rs"]
mod plugins;
#[path = "rig/runs.rs"]
mod runs;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fanfold::sandbox::{Engine, EngineOptions, GrantList, Grants, Plugin};
use fanfold::store::Store;

use component::component;
use floor::Floor;
use runs::Setup;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ITEMS: u32 = 2_000;
/// Between two items, so that the clone of one has ended when the next is emitted.
const PAUSE: Duration = Duration::from_millis(1);
/// Other clones, each with some 100 microseconds of work: enough for as long as the items come.
const OTHERS: u32 = 30_000;
const ROUNDS: u32 = 20_000;

fn main() {
    let engine = Engine::new(EngineOptions { concurrent_steps: 2, ..EngineOptions::default() }).unwrap();
    let plugin = plugins::plugin(&engine, "gauges");
    let floor = Floor::new(&component("numbers"));
    println!(
        "{ITEMS} items, 2 workers, recorded; microseconds from an item to the first of its clone's code"
    );
    println!("{:44} {:>8} {:>8}", "", "median", "99%");
    let idle = format!("emit_times.configured({{\"pause_us\": {}}})({ITEMS})", PAUSE.as_micros());
    let each = format!("return {idle}.map(since).collect()");
    row("a channel, then wasmtime alone", handed_over(&floor));
    row("a clone", clones(&plugin, &each));
    row("a clone, among others of 100 microseconds", clones(&plugin, &among_others(&idle)));
    let loaded = Load::on_all_processors();
    row("loaded machine: a channel, wasmtime alone", handed_over(&floor));
    row("loaded machine: a clone", clones(&plugin, &each));
    drop(loaded);
    let unpaused = format!("return emit_times({ITEMS}).map(since).collect()");
    row("a clone, no pause between items", clones(&plugin, &unpaused));
}

fn row(name: &str, mut nanoseconds: Vec<u64>) {
    nanoseconds.sort_unstable();
    let at = |percent: usize| {
        let nanoseconds = nanoseconds[nanoseconds.len() * percent / 100];
        Duration::from_nanos(nanoseconds).as_secs_f64() * 1e6
    };
    println!("{name:44} {:8.1} {:8.1}", at(50), at(99));
}

/// The worker that has no generator always has something to do, and an item's clone goes before it.
fn among_others(items: &str) -> String {
    let items =
        items.replace("emit_times", "emit_times.tagged({\"priority\": \"2\"}).after(others.collect())");
    format!(
        "others = emit_times({OTHERS})\n\
         others.map(lambda other: spin(other, {ROUNDS}))\n\
         return {items}.map(since.tagged({{\"priority\": \"1\"}})).collect()"
    )
}

/// The latencies of a run's clones, in nanoseconds.
fn clones(plugin: &Plugin, body: &str) -> Vec<u64> {
    let grants = Grants::new(GrantList { real_clock: true, ..GrantList::default() }).unwrap();
    let setup = Setup { grants, ..Setup::new(plugin, 2) };
    let directory = tempfile::tempdir().unwrap();
    let result = setup.run(&plugins::pipeline(plugin, body), &Store::open(directory.path()).unwrap());
    serde_json::from_str(&result).unwrap()
}

/// The latencies of the floor, in nanoseconds.
fn handed_over(floor: &Floor) -> Vec<u64> {
    let (sender, sent) = mpsc::channel::<Instant>();
    let called = |since: Instant| {
        floor.step();
        since.elapsed().as_nanos() as u64
    };
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| sent.into_iter().map(called).collect());
        for _ in 0..ITEMS {
            std::thread::sleep(PAUSE);
            sender.send(Instant::now()).unwrap();
        }
        drop(sender);
        calling.join().unwrap()
    })
}

/// Threads that compute, as many as there are processors, until this is dropped.
struct Load(Arc<AtomicBool>);

impl Load {
    fn on_all_processors() -> Self {
        let load = Self(Arc::default());
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            let has_ended = Arc::clone(&load.0);
            std::thread::spawn(move || {
                while !has_ended.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        load
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
