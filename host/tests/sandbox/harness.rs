//! What the tests share: one engine, a host that records what it is told, and a step with the usual settings.

use std::io::{self, Cursor, Read};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use fanfold::sandbox::*;
use fanfold_graph::name::PluginName;

use crate::guests::Guest;

/// The engine, and a cache directory for as long as the tests run.
pub(crate) static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::new(EngineOptions { concurrent_steps: 32, count_fuel: true, ..EngineOptions::default() }).unwrap()
});
static CACHE: LazyLock<(tempfile::TempDir, CompileCache)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let cache = CompileCache::open(&directory.path().join("cache")).unwrap();
    (directory, cache)
});

/// Compiles in a child, as the program does.
pub(crate) fn loader(engine: &Engine, cache: &CompileCache) -> PluginLoader {
    let compiler = Compiler::Child(env!("CARGO_BIN_EXE_fanfold").into());
    PluginLoader { engine: engine.clone(), cache: cache.clone(), compiler, before_compiling: |_| {} }
}

pub(crate) fn load(wasm: &[u8]) -> Result<Plugin, Refusal> {
    load_under(&LoadLimits::default(), wasm)
}

pub(crate) fn load_under(limits: &LoadLimits, wasm: &[u8]) -> Result<Plugin, Refusal> {
    Plugin::from_bytes(&loader(&ENGINE, &CACHE.1), limits, PluginName::new("guest").unwrap(), wasm)
}

/// As [`load`], into a cache and an engine of the caller's.
pub(crate) fn load_into(engine: &Engine, cache: &CompileCache, wasm: &[u8]) -> Result<Plugin, Refusal> {
    let limits = LoadLimits::default();
    Plugin::from_bytes(&loader(engine, cache), &limits, PluginName::new("p").unwrap(), wasm)
}

pub(crate) fn plugin(guest: Guest) -> Plugin {
    load(&guest.component()).unwrap()
}

/// Records what a step hands over.
#[derive(Clone, Default)]
pub(crate) struct Recorder(pub Arc<Mutex<Recorded>>);

#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) emissions: Vec<Emission>,
    pub(crate) events: Vec<StepEvent>,
}

struct Sink(Vec<u8>);

impl BlobSink for Sink {
    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(chunk);
        Ok(())
    }
    fn finish(self: Box<Self>) -> io::Result<BlobRef> {
        let digest = BlobDigest(*blake3::hash(&self.0).as_bytes());
        Ok(BlobRef { digest, size: self.0.len() as u64, media_type: "text/plain".into(), keeper: None })
    }
}

impl StepHost for Recorder {
    fn emit(&mut self, emission: Emission) -> io::Result<()> {
        self.0.lock().unwrap().emissions.push(emission);
        Ok(())
    }
    fn report(&mut self, event: StepEvent) -> io::Result<()> {
        self.0.lock().unwrap().events.push(event);
        Ok(())
    }
    fn open_blob(&mut self, _: &BlobRef) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(b"content".to_vec())))
    }
    fn create_blob(&mut self, _: &str) -> io::Result<Box<dyn BlobSink>> {
        Ok(Box::new(Sink(Vec::new())))
    }
}

/// One step of solid `s`, with what a test changes about it.
#[derive(Default)]
pub(crate) struct Step<'s> {
    pub(crate) solid: Option<&'s str>,
    pub(crate) config: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) inputs: Vec<Input>,
    pub(crate) interrupt: Interrupt,
    pub(crate) recorder: Recorder,
    pub(crate) seed: u64,
    pub(crate) attempt: u32,
}

impl Step<'_> {
    pub(crate) fn run(self, plugin: &Plugin) -> Result<StepReport, StepFailure> {
        let host = Box::new(self.recorder.clone());
        self.run_with(plugin, host)
    }

    pub(crate) fn run_with(
        self,
        plugin: &Plugin,
        host: Box<dyn StepHost>,
    ) -> Result<StepReport, StepFailure> {
        plugin.execute(StepRequest {
            solid: self.solid.unwrap_or("s"),
            mapping_keys: &[],
            config: &self.config.unwrap_or_else(|| "null".to_owned()),
            inputs: self.inputs,
            attempt: self.attempt,
            seed: Seed::from(self.seed),
            grants: &self.grants,
            limits: &self.limits,
            interrupt: self.interrupt,
            host,
        })
    }
}

pub(crate) fn run_with(plugin: &Plugin, host: Box<dyn StepHost>) -> Result<StepReport, StepFailure> {
    Step::default().run_with(plugin, host)
}

pub(crate) fn run(plugin: &Plugin) -> Result<StepReport, StepFailure> {
    Step::default().run(plugin)
}

pub(crate) fn fails(guest: Guest, limits: Limits) -> StepFailure {
    Step { limits, ..Step::default() }.run(&plugin(guest)).unwrap_err()
}

pub(crate) fn short_wall() -> Limits {
    Limits { wall: Duration::from_millis(100), ..Limits::default() }
}

/// The JSON values that a step emitted.
pub(crate) fn emitted(recorder: &Recorder) -> Vec<String> {
    let told = recorder.0.lock().unwrap();
    let text = |emission: &Emission| match &emission.value {
        Value::Json(text) => text.to_string(),
        other => format!("{other:?}"),
    };
    told.emissions.iter().map(text).collect()
}
