//! The example plugin `numbers`: its component, and a pipeline of it.

use std::path::Path;

use fanfold::pipeline_file::{KnownSolids, evaluate};
use fanfold::plugin_build::{BuildRequest, Excluded, build};
use fanfold::sandbox::{CompileCache, Compiler, Engine, LoadLimits, Plugin, PluginLoader};
use fanfold_graph::name::PluginName;
use fanfold_graph::pipeline::Pipeline;

/// The component, built if it is not there yet.
pub(crate) fn component() -> Vec<u8> {
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

/// The plugin, compiled here.
pub(crate) fn plugin(engine: &Engine) -> Plugin {
    let directory = tempfile::tempdir().unwrap();
    let cache = CompileCache::open(directory.path()).unwrap();
    let loader = PluginLoader { engine: engine.clone(), cache, compiler: Compiler::Here };
    let name = PluginName::new("numbers").unwrap();
    Plugin::from_bytes(&loader, &LoadLimits::default(), name, &component()).unwrap()
}

/// So many numbers, doubled and summed up.
pub(crate) fn fan_out(plugin: &Plugin, clones: u32) -> Pipeline {
    let text = format!(
        "load(\"plugin:numbers\", \"emit\", \"multiply_by_two\", \"sum_numbers\")\n\
         pipeline(lambda: sum_numbers(emit({clones}).map(multiply_by_two).collect()), name = \"fan_out\")\n"
    );
    let plugins = [(plugin.name().clone(), plugin.solids().to_vec())].into();
    let known = KnownSolids { plugins, ..KnownSolids::default() };
    evaluate("fan_out.star", &text, known).unwrap().select("fan_out.star", None).unwrap()
}
