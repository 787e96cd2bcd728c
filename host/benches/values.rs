//! Values from solid to solid: `cargo bench -p fanfold --bench values`; `-- "1 MiB bytes"` prints the rows of that name alone.
//!
//! A chain of solids that return what they read. What one more of them costs is a hop: out of one guest, through the store,
//! into the next one. Against copying as many bytes in memory once; a hop copies them twice at least.

#[path = "rig/best.rs"]
mod best;
#[path = "rig/component.rs"]
mod component;
#[path = "rig/plugins.rs"]
mod plugins;
#[path = "rig/runs.rs"]
mod runs;

use std::hint::black_box;

use fanfold::sandbox::{Engine, EngineOptions, Limits, Plugin};
use fanfold::store::Store;

use best::best;
use runs::Setup;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| argument != "--bench").unwrap_or_default();
    let engine = Engine::new(EngineOptions { concurrent_steps: 1, ..EngineOptions::default() }).unwrap();
    let plugin = plugins::plugin(&engine, "gauges");
    println!("a hop of a value from solid to solid, 1 worker: MiB a second, and against a copy in memory");
    println!("{:>8} {:6} {:>9} {:>9} {:>7} {:>9} {:>7}", "", "", "copy", "memory", "", "recorded", "");
    for (size, name, hops) in
        [(KIB, "1 KiB", 2_000), (64 * KIB, "64 KiB", 1_000), (MIB, "1 MiB", 100), (64 * MIB, "64 MiB", 4)]
    {
        let copy = rate(size, copied(size));
        let forms = ["bytes", "json", "blob"].into_iter();
        for form in forms.filter(|form| format!("{name} {form}").contains(&wanted)) {
            let hop = |store: &dyn Fn() -> Store| rate(size, hop(&plugin, form, size, hops, store));
            let memory = hop(&|| Store::in_memory().unwrap());
            let directory = tempfile::tempdir().unwrap();
            let recorded = hop(&|| {
                let run = tempfile::tempdir_in(&directory).unwrap().keep();
                Store::open(&run).unwrap()
            });
            let (less, least) = (copy / memory, copy / recorded);
            println!("{name:>8} {form:6} {copy:9.0} {memory:9.1} {less:6.1}x {recorded:9.1} {least:6.1}x");
        }
    }
}

/// MiB a second.
fn rate(size: u32, seconds: f64) -> f64 {
    f64::from(size) / f64::from(MIB) / seconds
}

/// Seconds that copying so many bytes takes, some gigabyte at a time.
fn copied(size: u32) -> f64 {
    let (from, mut to) = (vec![1_u8; size as usize], vec![0_u8; size as usize]);
    let times = (1 << 30) / size;
    let took = best(|| {
        for _ in 0..times {
            to.copy_from_slice(black_box(&from));
            black_box(&mut to);
        }
    });
    took.as_secs_f64() / f64::from(times)
}

/// Seconds of a hop: what a long chain takes longer than a short one.
fn hop(plugin: &Plugin, form: &str, size: u32, hops: u32, store: &dyn Fn() -> Store) -> f64 {
    // Far beyond the default, which wants values of 64 MiB to be blobs.
    let limits = Limits { value_bytes: 128 << 20, memory_bytes: 1 << 30, ..Limits::default() };
    let setup = Setup { limits, ..Setup::new(plugin, 1) };
    let chain = |hops: u32| {
        let body = format!(
            "x = {form}({size})\nfor _ in range({hops}):\n    x = pass_{form}(x)\nreturn {form}_size(x)"
        );
        let pipeline = plugins::pipeline(plugin, &body);
        best(|| assert_eq!(setup.run(&pipeline, &store()), size.to_string())).as_secs_f64()
    };
    (chain(1 + hops) - chain(1)) / f64::from(hops)
}
