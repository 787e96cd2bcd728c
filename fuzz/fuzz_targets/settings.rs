//! `fanfold.toml` with the IO managers that it names, and the operator's ceiling, which has the same language. A first line
//! `=== fanfold.toml`, as in `host/tests/configuration/cases`, is left out.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fanfold::diagnostic::Diagnostic;
use fanfold::io_manager::{IoManagerSettings, IoManagers, OptionValue};
use fanfold::settings::{Ceiling, PluginCode, Settings};
use fanfold_fuzz::{example, told};
use fanfold_graph::plan::Plan;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static PROJECT: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));

fuzz_target!(|text: &str| {
    let text = text.split("=== answer\n").next().unwrap_or(text);
    let text = text.split_once("=== fanfold.toml\n").map_or(text, |(_, content)| content);
    let file = PROJECT.path().join("fanfold.toml");
    std::fs::write(&file, text).expect("the file is written");
    match Settings::load(&file) {
        Ok(settings) => {
            check(&settings, &file);
            settings.io_managers.values().for_each(check_io_manager);
        }
        Err(problems) => told::check_all(&problems),
    }
    match Ceiling::load(&file) {
        Ok(ceiling) => check_ceiling(&ceiling, text),
        Err(problems) => told::check_all(&problems),
    }
});

fn check(settings: &Settings, file: &Path) {
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

/// What is allowed may be granted: hosts, clock and randomness are written the same in both.
fn check_ceiling(ceiling: &Ceiling, text: &str) {
    let file = PROJECT.path().join("granted.toml");
    std::fs::write(&file, format!("[plugins.p]\n{text}")).expect("the file is written");
    let Ok(settings) = Settings::load(&file) else { return };
    let grants = settings.grants(&"p".parse().expect("a name"), &"s".parse().expect("a name"));
    assert_eq!(ceiling.exceeded(&grants), None);
}

/// An IO manager can be set up, or it says why not, without its secrets.
fn check_io_manager(settings: &IoManagerSettings) {
    static PLAN: LazyLock<Plan> =
        LazyLock::new(|| Plan::new(example::kept_elsewhere()).expect("the pipeline is right"));
    let managers = IoManagers::new(&[("lake".to_owned(), settings.clone())].into());
    let Err(problems) = managers.check(&PLAN) else { return };
    told::check_all(&problems);
    let public = || settings.options.keys().chain([&settings.url]);
    for (name, value) in &settings.options {
        let OptionValue::Text(secret) = value else { continue };
        if name == "secret_access_key" && secret.len() >= 8 && !public().any(|it| it.contains(secret)) {
            let tells = |problem: &Diagnostic| problem.to_string().contains(secret);
            assert!(!problems.iter().any(tells), "{problems:?}");
        }
    }
}
