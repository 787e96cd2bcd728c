//! Plugins made on the spot, and what they are loaded and run with.

use std::io::{self, Read};
use std::sync::LazyLock;
use std::time::Duration;

use fanfold::sandbox::{
    BlobRef, BlobSink, CompileCache, Compiler, Emission, Engine, EngineOptions, LoadLimits, Plugin,
    PluginLoader, Refusal, StepEvent, StepHost,
};
use fanfold_graph::name::PluginName;
use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// Where `describe` says that its list of solids is.
pub const DESCRIBED_AT: u32 = 1024;
/// The room for what `describe` tells.
pub const DESCRIBED_BYTES: usize = 24 << 10;

static CONTRACT: LazyLock<(Resolve, WorldId)> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("plugin.wit", include_str!("../../wit/plugin.wit")).expect("the contract");
    let world = resolve.select_world(&[package], Some("plugin")).expect("a world");
    (resolve, world)
});

/// What a plugin has besides its imports: a memory, and `describe` and `execute`, whose instructions are given.
///
/// What is at [`DESCRIBED_AT`] stands in `described`, in the form of the text format's strings.
pub fn fields(described: &str, execute: &str) -> String {
    format!(
        r#"(memory $own (export "memory") 2)
        (data (memory $own) (i32.const {DESCRIBED_AT}) "{described}")
        (global $heap (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
          (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
          (global.get $heap)
          (global.set $heap (i32.add (global.get $heap) (local.get 3))))
        (func (export "fanfold:plugin/solids@0.1.0#describe") (result i32) (i32.const {DESCRIBED_AT}))
        (func (export "fanfold:plugin/solids@0.1.0#execute") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
          {execute}
          (i32.const 0))"#
    )
}

/// A core module as a plugin; none if it cannot be one.
pub fn component(core: &[u8]) -> Option<Vec<u8>> {
    let (resolve, world) = &*CONTRACT;
    let mut core = core.to_vec();
    embed_component_metadata(&mut core, resolve, *world, StringEncoding::UTF8).ok()?;
    ComponentEncoder::default().module(&core).ok()?.encode().ok()
}

/// A plugin whose description is yet to be written, and where in its bytes that goes.
pub fn blank() -> (Vec<u8>, usize) {
    let core = format!("(module {})", fields(&"\\a5".repeat(DESCRIBED_BYTES), ""));
    let component = component(&wat::parse_str(core).expect("a module")).expect("a plugin");
    let blank = [0xa5; 64];
    let at = component.windows(blank.len()).position(|bytes| bytes == blank).expect("it is there as it is");
    (component, at)
}

/// Loads plugins, in this process, and keeps what it compiled until it is asked to forget.
pub struct Loading {
    loader: PluginLoader,
    cache: TempDir,
}

impl Loading {
    /// With an engine that counts fuel.
    pub fn new() -> Self {
        let cache = tempfile::tempdir().expect("a directory");
        let engine =
            Engine::new(EngineOptions { concurrent_steps: 1, count_fuel: true, ..EngineOptions::default() })
                .expect("an engine");
        let loader = PluginLoader {
            engine,
            cache: CompileCache::open(cache.path()).expect("a cache"),
            compiler: Compiler::Here,
            before_compiling: |_| {},
        };
        Self { loader, cache }
    }

    /// Loads a plugin.
    pub fn load(&self, component: &[u8]) -> Result<Plugin, Refusal> {
        Plugin::from_bytes(&self.loader, &limits(), PluginName::new("p").expect("a name"), component)
    }

    /// Empties the cache, which would grow with every input.
    pub fn forget(&self) {
        for entry in std::fs::read_dir(self.cache.path()).expect("the cache's directory") {
            std::fs::remove_file(entry.expect("an entry").path()).expect("it is removed");
        }
    }
}

impl Default for Loading {
    fn default() -> Self {
        Self::new()
    }
}

/// So tight that an input takes no longer than fuzzing allows.
pub fn limits() -> LoadLimits {
    LoadLimits {
        component_bytes: 256 << 10,
        modules: 8,
        function_bytes: 8 << 10,
        describe_time: Duration::from_millis(50),
        describe_memory_bytes: 1 << 20,
        solids: 8,
        definition_bytes: 16 << 10,
        ..LoadLimits::default()
    }
}

/// Takes everything and keeps nothing.
pub struct Sink;

impl StepHost for Sink {
    fn emit(&mut self, _: Emission) -> io::Result<()> {
        Ok(())
    }

    fn report(&mut self, _: StepEvent) -> io::Result<()> {
        Ok(())
    }

    fn open_blob(&mut self, _: &BlobRef) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::empty()))
    }

    fn create_blob(&mut self, _: &str) -> io::Result<Box<dyn BlobSink>> {
        Err(io::Error::other("there are no blobs here"))
    }
}
