//! A plugin: once per file. Checked, compiled or taken from the cache, linked, and asked for its solids.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::PluginName;
use rustc_hash::FxHashMap;
use wasmtime::component::Component;

use super::cache::{CompileCache, EntryKind};
use super::code::{Code, Linked};
use super::compiler::Compiler;
use super::definitions;
use super::engine::Engine;
use super::failure::{FailureKind, StepFailure};
use super::grants::Grants;
use super::inputs::InputShapes;
use super::inspect::{Inspection, inspect};
use super::instance::{Instance, StepReport, StepRequest, Surroundings, execute};
use super::interrupt::Interrupt;
use super::limits::Limits;
use super::load_limits::LoadLimits;
use super::outputs::{OutputLedger, OutputShapes};
use super::random::Seed;
use super::refusal::Refusal;
use super::schema::SchemaError;
use super::step_host::DeafHost;

/// What makes plugins of files. Cheap to clone.
#[derive(Clone)]
pub struct PluginLoader {
    /// Runs them.
    pub engine: Engine,
    /// Keeps them compiled.
    pub cache: CompileCache,
    /// Compiles those that the cache does not have.
    pub compiler: Compiler,
    /// Called before one is compiled: it may take a second or two, which somebody may be waiting for.
    pub before_compiling: fn(&PluginName),
}

/// A plugin that is ready to run steps, from any thread. Cheap to clone.
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    name: PluginName,
    engine: Engine,
    digest: blake3::Hash,
    inspection: Inspection,
    code: Code,
    solids: Vec<SolidDefinition>,
    shapes: FxHashMap<String, Shapes>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.0.name)
            .field("digest", &self.0.digest)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// Loads the plugin in a file, named by the file's name without `.wasm`.
    pub fn load(
        loader: &PluginLoader,
        limits: impl FnOnce(&PluginName) -> LoadLimits,
        file: &Path,
    ) -> Result<Self, Refusal> {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = PluginName::new(&stem).map_err(|error| Refusal::BadName(error.to_string()))?;
        let limits = limits(&name);
        Self::from_bytes(loader, &limits, name, &read(file, &limits)?)
    }

    /// Loads a plugin from its component's bytes.
    pub fn from_bytes(
        loader: &PluginLoader,
        limits: &LoadLimits,
        name: PluginName,
        wasm: &[u8],
    ) -> Result<Self, Refusal> {
        limits.admit_file(wasm.len() as u64)?;
        let inspection = inspect(wasm)?;
        limits.admit(&inspection)?;
        let PluginLoader { engine, cache, .. } = loader;
        let digest = blake3::hash(wasm);
        let key = CacheKey { cache, digest, compatibility: engine.compatibility() };
        let component = compiled(loader, limits, &name, &key, wasm)?;
        let unloadable = |error: wasmtime::Error| Refusal::Unloadable(format!("{error:#}"));
        let code = Code::new(engine, &component).map_err(unloadable)?;
        let solids = described(engine, limits, &key, code.shared())?;
        let shapes = solids.iter().map(|solid| {
            let shapes = Shapes::of(solid).map_err(|error| Refusal::BadDefinitions(error.to_string()))?;
            Ok((solid.name.as_str().to_owned(), shapes))
        });
        let shapes = shapes.collect::<Result<_, Refusal>>()?;
        Ok(Self(Arc::new(Inner { name, engine: engine.clone(), digest, inspection, code, solids, shapes })))
    }

    /// The plugin's name.
    pub fn name(&self) -> &PluginName {
        &self.0.name
    }

    /// The BLAKE3 digest of the component.
    pub fn digest(&self) -> [u8; 32] {
        *self.0.digest.as_bytes()
    }

    /// True if results may differ between attempts, so that they must not be shared.
    pub fn depends_on_attempt(&self) -> bool {
        self.0.inspection.depends_on_attempt
    }

    /// The plugin's solids, in its own order.
    pub fn solids(&self) -> &[SolidDefinition] {
        &self.0.solids
    }

    /// The solid of that name.
    pub fn solid(&self, name: &str) -> Option<&SolidDefinition> {
        self.0.solids.iter().find(|solid| solid.name.as_str() == name)
    }

    /// Runs one step to its end, on this thread. Outputs go to the request's host while it runs.
    ///
    /// The thread must not be one of an async runtime, and needs 2 MiB of stack or more.
    pub fn execute(&self, request: StepRequest<'_>) -> Result<StepReport, StepFailure> {
        let Some(shapes) = self.0.shapes.get(request.solid) else {
            let message = format!("plugin `{}` has no solid `{}`", self.0.name, request.solid);
            return Err(StepFailure::new(FailureKind::HostFailed, message));
        };
        let outputs = OutputLedger::new(Arc::clone(&shapes.outputs), request.limits);
        let Inner { engine, code, .. } = &*self.0;
        execute(engine.counts_fuel(), code.for_this_thread(engine), &shapes.inputs, outputs, request)
    }
}

/// What one solid may read and emit.
#[derive(Debug)]
struct Shapes {
    inputs: InputShapes,
    outputs: Arc<OutputShapes>,
}

impl Shapes {
    fn of(solid: &SolidDefinition) -> Result<Self, SchemaError> {
        Ok(Self { inputs: InputShapes::of(solid)?, outputs: Arc::new(OutputShapes::of(solid)?) })
    }
}

/// Where what belongs to one component and engine is cached.
struct CacheKey<'a> {
    cache: &'a CompileCache,
    digest: blake3::Hash,
    compatibility: blake3::Hash,
}

impl CacheKey<'_> {
    fn read(&self, kind: EntryKind) -> Option<Vec<u8>> {
        self.cache.read(&self.digest, &self.compatibility, kind)
    }

    /// Keeps an entry. A cache that cannot be written costs time at the next start and nothing else.
    fn keep(&self, kind: EntryKind, content: &[u8]) {
        _ = self.cache.write(&self.digest, &self.compatibility, kind, content);
    }
}

/// The file's bytes, or no more of them than are needed to see that it is too large.
fn read(file: &Path, limits: &LoadLimits) -> Result<Vec<u8>, Refusal> {
    let unreadable = |error: std::io::Error| Refusal::Unreadable(error.to_string());
    let metadata = std::fs::metadata(file).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Refusal::Unreadable("it is not a file".to_owned()));
    }
    limits.admit_file(metadata.len())?;
    let mut bytes = Vec::new();
    let read = File::open(file);
    // It may be growing.
    let read =
        read.and_then(|file| file.take(limits.component_bytes.saturating_add(1)).read_to_end(&mut bytes));
    read.map_err(unreadable)?;
    Ok(bytes)
}

/// The compiled component, from the cache or compiled now.
fn compiled(
    loader: &PluginLoader,
    limits: &LoadLimits,
    name: &PluginName,
    key: &CacheKey<'_>,
    wasm: &[u8],
) -> Result<Component, Refusal> {
    let PluginLoader { engine, compiler, before_compiling, .. } = loader;
    if let Some(code) = key.read(EntryKind::Code)
        && let Ok(component) = load_code(engine, &code)
    {
        return Ok(component);
    }
    before_compiling(name);
    let code = compiler.compile(engine, limits, wasm)?;
    key.keep(EntryKind::Code, &code);
    // What the pool has no room for is seen only now: too large a table, for instance.
    load_code(engine, &code).map_err(|error| Refusal::Unloadable(format!("{error:#}")))
}

/// Loads machine code; an error if the engine does not take it.
#[expect(unsafe_code, reason = "loading machine code trusts it by nature")]
fn load_code(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is what `engine::compile` returned, either just now in a process of this program, or earlier and
    // kept in the cache. The cache gives back only entries from a directory that nobody but this user can write, whose content has
    // the digest that was written with it, under the digest of this plugin and this engine's version and settings.
    unsafe { Component::deserialize(engine.wasmtime(), code) }
}

/// The plugin's solids, from the cache or asked for now.
fn described(
    engine: &Engine,
    limits: &LoadLimits,
    key: &CacheKey<'_>,
    code: &Linked,
) -> Result<Vec<SolidDefinition>, Refusal> {
    if let Some(json) = key.read(EntryKind::Definitions)
        && let Ok(solids) = serde_json::from_slice::<Vec<_>>(&json)
    {
        admit_definitions(limits, solids.len(), json.len())?;
        return Ok(solids);
    }
    let solids = describe(engine, limits, code).map_err(describe_failed)?;
    admit_definitions(limits, solids.len(), 0)?;
    let solids = definitions::convert(solids).map_err(Refusal::BadDefinitions)?;
    let json = serde_json::to_vec(&solids).map_err(|error| Refusal::BadDefinitions(error.to_string()))?;
    admit_definitions(limits, solids.len(), json.len())?;
    key.keep(EntryKind::Definitions, &json);
    Ok(solids)
}

/// Limits of `describe` have settings of their own, but for the stack, which is everybody's.
fn describe_failed(mut failure: StepFailure) -> Refusal {
    failure.hint = match failure.kind {
        FailureKind::TimedOut => Some("describe_time"),
        FailureKind::OutOfMemory => Some("describe_memory"),
        FailureKind::ValueTooLarge => Some("definitions"),
        FailureKind::StackOverflow => return Refusal::DescribeFailed(failure),
        _ => None,
    }
    .map(|setting| format!("if you trust it, raise `limits.{setting}` of the plugin"));
    Refusal::DescribeFailed(failure)
}

fn admit_definitions(limits: &LoadLimits, solids: usize, bytes: usize) -> Result<(), Refusal> {
    if solids > limits.solids {
        return Err(Refusal::TooManySolids { solids, limit: limits.solids });
    }
    if bytes as u64 > limits.definition_bytes {
        return Err(Refusal::DefinitionsTooLarge { limit: limits.definition_bytes });
    }
    Ok(())
}

/// Asks a plugin for its solids, in an empty world and under tight limits.
fn describe(
    engine: &Engine,
    limits: &LoadLimits,
    code: &Linked,
) -> Result<Vec<super::bindings::fanfold::plugin::definitions::SolidDefinition>, StepFailure> {
    let limits = Limits::for_describe(limits);
    let around = Surroundings {
        outputs: OutputLedger::new(Arc::new(OutputShapes::none()), &limits),
        attempt: 0,
        seed: Seed::default(),
        grants: &Grants::none(),
        limits: &limits,
        interrupt: Interrupt::default(),
        host: Box::new(DeafHost),
    };
    let mut instance = Instance::new(code.engine(), engine.counts_fuel(), around)?;
    instance.run(|store| code.describe(store))
}
