//! The contract `wit/plugin.wit` as Rust types, generated. One world serves both kinds of plugin: `attempt` is offered
//! to all, and `inspect` tells who imports it.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "plugin-with-attempt",
    imports: { default: trappable },
    with: {
        "fanfold:plugin/collections.collection": crate::sandbox::collection::OpenCollection,
        "fanfold:plugin/blobs.reader": crate::sandbox::blobs::OpenReader,
        "fanfold:plugin/blobs.writer": crate::sandbox::blobs::OpenWriter,
    },
});
