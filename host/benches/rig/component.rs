//! The components that benchmarks run.

use std::path::Path;

use fanfold::plugin_build::{BuildRequest, Excluded, build};
use fanfold_graph::name::PluginName;

/// The component of a crate under `plugins/`, built if it is not there yet.
pub(crate) fn component(name: &str) -> Vec<u8> {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let request = BuildRequest {
        crate_dir: &Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(name),
        name: &PluginName::new(name).unwrap(),
        out_dir: &temporary.join("plugins"),
        target_dir: &temporary.join("plugins-target"),
        excluded: Excluded::INSTALLING,
        has_colors: false,
    };
    let built = build(&request, |_| {}).unwrap_or_else(|error| panic!("{error}"));
    std::fs::read(built.file).unwrap()
}
