//! `fanfold.toml` and the operator's ceiling, which have one language. A first line `=== fanfold.toml`, as in
//! `host/tests/configuration/cases`, is left out.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use fanfold::settings::{Ceiling, PluginCode, Settings};
use fanfold_fuzz::told;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static PROJECT: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));

fuzz_target!(|text: &str| {
    let text = text.split("=== answer\n").next().unwrap_or(text);
    let text = text.split_once("=== fanfold.toml\n").map_or(text, |(_, content)| content);
    let file = PROJECT.path().join("fanfold.toml");
    std::fs::write(&file, text).expect("the file is written");
    match Settings::load(&file) {
        Ok(settings) => check(&settings, &file),
        Err(problems) => told::check_all(&problems),
    }
    if let Err(problems) = Ceiling::load(&file) {
        told::check_all(&problems);
    }
});

fn check(settings: &Settings, file: &std::path::Path) {
    assert_eq!(Settings::load(file).as_ref(), Ok(settings), "one file has one meaning");
    let code = settings.plugins.values().filter_map(|plugin| match &plugin.code {
        PluginCode::Source(path) | PluginCode::File(path) => Some(path),
        PluginCode::InPluginsDir => None,
    });
    let mut paths: Vec<&PathBuf> = code.chain([&settings.plugins_dir, &settings.store_dir]).collect();
    let solid = "s".parse().expect("a name");
    let grants: Vec<_> = settings.plugins.keys().map(|plugin| settings.grants(plugin, &solid)).collect();
    paths.extend(grants.iter().flat_map(|grants| &grants.directories).map(|grant| &grant.host));
    assert!(paths.iter().all(|path| path.is_absolute()), "{paths:?}");
    // Nothing is above no ceiling.
    assert!(grants.iter().all(|grants| Ceiling::default().exceeded(grants).is_none()));
}
