//! The floor: the same component in a bare loop over wasmtime. Make a store, instantiate, call, drop; no limits, no WASI, no
//! checks. Its settings are the sandbox's, whose slots are reset in the way that is fast here.

use wasmtime::component::{Component, Linker, ResourceType};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

use self::exports::fanfold::plugin::solids::{Context, Input, InputValue};
use self::fanfold::plugin::blobs::{Reader, Writer};
use self::fanfold::plugin::collections::Collection;
use self::fanfold::plugin::outputs::EmitError;
use self::fanfold::plugin::types::{MetadataEntry, Value};

wasmtime::component::bindgen!({ path: "../wit", world: "plugin-with-attempt" });

pub(crate) struct Floor {
    engine: Engine,
    code: PluginWithAttemptPre<()>,
    context: Context,
}

impl Floor {
    pub(crate) fn new(component: &[u8]) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.pagemap_scan(if PoolingAllocationConfig::is_pagemap_scan_available() {
            Enabled::Yes
        } else {
            Enabled::No
        })
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(1 << 20)
        .decommit_batch_size(1);
        let mut config = Config::new();
        config
            .concurrency_support(false)
            .gc_support(false)
            .memory_init_cow(true)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).unwrap();
        let component = Component::new(&engine, component).unwrap();
        let mut linker = Linker::new(&engine);
        add_contract(&mut linker);
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let code = PluginWithAttemptPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        let solid = "multiply_by_two".to_owned();
        let context = Context { solid, mapping_keys: vec!["7".to_owned()], config: "null".to_owned() };
        Self { engine, code, context }
    }

    /// One step.
    pub(crate) fn step(&self) {
        let mut store = Store::new(&self.engine, ());
        let instance = self.code.instantiate(&mut store).unwrap();
        let value = InputValue::Single(Value::Json("7".to_owned()));
        let inputs = [Input { name: "y".to_owned(), value }];
        let executed = instance.fanfold_plugin_solids().call_execute(&mut store, &self.context, &inputs);
        executed.unwrap().unwrap();
    }
}

/// As much of the contract as a step uses that emits: what it emits is taken.
pub(crate) fn add_contract<T: 'static>(linker: &mut Linker<T>) {
    let mut outputs = linker.instance("fanfold:plugin/outputs@0.1.0").unwrap();
    let emit = |_: wasmtime::StoreContextMut<'_, T>,
                emitted: (String, Value, Vec<MetadataEntry>)|
     -> wasmtime::Result<(Result<(), EmitError>,)> {
        std::hint::black_box(emitted);
        Ok((Ok(()),))
    };
    outputs.func_wrap("emit", emit).unwrap();
    for (interface, resources) in [
        ("fanfold:plugin/collections@0.1.0", &[("collection", ResourceType::host::<Collection>())][..]),
        (
            "fanfold:plugin/blobs@0.1.0",
            &[("reader", ResourceType::host::<Reader>()), ("writer", ResourceType::host::<Writer>())],
        ),
    ] {
        let mut interface = linker.instance(interface).unwrap();
        for (name, resource) in resources {
            interface.resource(name, *resource, |_, _| Ok(())).unwrap();
        }
    }
}
