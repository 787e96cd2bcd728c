//! Run configs, in the form of `host/tests/configuration/cases`: sections `=== run.yaml`, `=== run.json` and `=== --set`.
#![no_main]

use std::sync::LazyLock;

use fanfold::diagnostic::Diagnostic;
use fanfold::run_config::{RunConfig, apply};
use fanfold::source_text::SourceText;
use fanfold_fuzz::{example, told};
use fanfold_graph::pipeline::Pipeline;
use libfuzzer_sys::fuzz_target;

static PIPELINE: LazyLock<Pipeline> = LazyLock::new(example::configurable);

fuzz_target!(|text: &str| {
    let configured = match configured(text, |file| file) {
        Ok(configured) => configured,
        Err(problems) => return told::check_all(&problems),
    };
    // It has an exchange form, and nothing is left to configure.
    let json = serde_json::to_string(&configured).expect("a pipeline has a JSON form");
    assert_eq!(serde_json::from_str::<Pipeline>(&json).expect("it is read back"), configured);
    assert_eq!(apply(&RunConfig::default(), &configured).as_ref(), Ok(&configured));
    // JSON is YAML.
    if let Ok(as_yaml) = self::configured(text, |_| "run.yaml") {
        assert_eq!(as_yaml, configured);
    }
});

/// The pipeline with what the text says. `rename` says how a section is read.
fn configured<'t>(text: &'t str, rename: fn(&'t str) -> &'t str) -> Result<Pipeline, Vec<Diagnostic>> {
    let mut config = RunConfig::default();
    for section in text.split("=== ") {
        match section.split_once('\n').unwrap_or((section, "")) {
            ("--set", lines) => lines.lines().try_for_each(|line| config.set(line)).map_err(|it| vec![it])?,
            (file @ ("run.yaml" | "run.json"), content) => {
                let source = SourceText::new(rename(file), content).map_err(|it| vec![it]);
                config = source.and_then(RunConfig::parse)?;
            }
            _ => {}
        }
    }
    apply(&config, &PIPELINE)
}
