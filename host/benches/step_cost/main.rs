//! What a plugin's load and a step cost, each figure against its neighbours of the same run:
//! `cargo bench -p fanfold --bench step_cost`.

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/sandbox/guests.rs"]
mod guests;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use fanfold::plugin_build::{BuildRequest, Excluded, build};
use fanfold::sandbox::{
    BlobRef, BlobSink, CompileCache, Compiler, Emission, Engine, EngineOptions, Grants, Interrupt, Limits,
    LoadLimits, MemoryReset, Plugin, PluginLoader, Seed, StepEvent, StepHost, StepRequest, StrictReason,
};
use fanfold_graph::name::PluginName;

use guests::Guest;

const STEPS: u32 = 20_000;

/// Takes everything and keeps nothing.
struct Void;

impl StepHost for Void {
    fn emit(&mut self, _: Emission) -> io::Result<()> {
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

fn step(plugin: &Plugin, solid: &str, limits: &Limits) {
    let request = StepRequest {
        solid,
        mapping_keys: Vec::new(),
        config: "{}".to_owned(),
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

/// The component of `plugins/numbers`, built if it is not there yet.
fn numbers() -> Vec<u8> {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let request = BuildRequest {
        crate_dir: &Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/numbers"),
        name: &PluginName::new("numbers").unwrap(),
        out_dir: &temporary.join("plugins"),
        target_dir: &temporary.join("plugins-target"),
        excluded: Excluded::INSTALLING,
        has_colors: false,
    };
    let built = build(&request, |_| {}).unwrap_or_else(|error| panic!("{error}"));
    std::fs::read(built.file).unwrap()
}

fn main() {
    let numbers = numbers();
    let trivial = Guest::new("(call $emit (i32.const 2100) (i32.const 3))").component();
    let detected = MemoryReset::detect();
    println!("memory reset: {detected}");
    for reset in [detected, MemoryReset::Everything(StrictReason::Swap)] {
        let options = EngineOptions::default();
        let mut engine = None;
        let made = timed(|| engine = Some(Engine::with_memory_reset(options, reset).unwrap()));
        let engine = engine.unwrap();
        println!("-- {reset}: engine in {made:?}");
        let directory = tempfile::tempdir().unwrap();
        let cache = CompileCache::open(directory.path()).unwrap();
        let loader = PluginLoader { engine: engine.clone(), cache, compiler: Compiler::Here };
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
