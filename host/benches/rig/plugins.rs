//! The plugins that benchmarks run, and pipelines of them.

use fanfold::pipeline_file::{KnownSolids, evaluate};
use fanfold::sandbox::{CompileCache, Compiler, Engine, LoadLimits, Plugin, PluginLoader};
use fanfold_graph::name::PluginName;
use fanfold_graph::pipeline::Pipeline;

use crate::component::component;

/// The plugin, compiled here.
pub(crate) fn plugin(engine: &Engine, name: &str) -> Plugin {
    let directory = tempfile::tempdir().unwrap();
    let cache = CompileCache::open(directory.path()).unwrap();
    let loader =
        PluginLoader { engine: engine.clone(), cache, compiler: Compiler::Here, before_compiling: |_| {} };
    let limits = LoadLimits::default();
    Plugin::from_bytes(&loader, &limits, PluginName::new(name).unwrap(), &component(name)).unwrap()
}

/// The pipeline that a function with this body composes of the plugin's solids.
pub(crate) fn pipeline(plugin: &Plugin, body: &str) -> Pipeline {
    let (name, body) = (plugin.name(), body.replace('\n', "\n    "));
    let solids: Vec<_> = plugin.solids().iter().map(|solid| format!("\"{}\"", solid.name)).collect();
    let text = format!(
        "load(\"plugin:{name}\", {})\ndef bench():\n    {body}\n\npipeline(bench)\n",
        solids.join(", ")
    );
    let plugins = [(name.clone(), plugin.solids().to_vec())].into();
    let known = KnownSolids { plugins, ..KnownSolids::default() };
    evaluate("bench.star", &text, known).unwrap().select("bench.star", None).unwrap()
}
