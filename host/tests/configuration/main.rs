//! Settings and run configs as files, and what people read about them. A case is a text of sections, each begun by
//! `=== NAME`: `fanfold.toml` for settings, `run.yaml`, `run.json` or `--set` for a run config; `pipeline.json` in place of
//! the one beside the cases; `answer` is what comes out. `BLESS=1 cargo test -p fanfold --test configuration` writes the answers anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fanfold::diagnostic::Diagnostic;
use fanfold::run_config::{RunConfig, apply};
use fanfold::settings::Settings;
use fanfold::source_text::SourceText;
use fanfold_graph::pipeline::Pipeline;
use fanfold_graph::plan::Plan;

#[test]
fn cases() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configuration");
    let pipeline: Pipeline =
        serde_json::from_slice(&std::fs::read(dir.join("pipeline.json")).unwrap()).unwrap();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir.join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut wrong = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let (case, expected) = text.split_once("=== answer\n").unwrap_or((&text, ""));
        let sections: Vec<(&str, &str)> = sections(case);
        let found = answer(&sections, &pipeline);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, format!("{case}=== answer\n{found}")).unwrap();
        } else if found != expected {
            wrong.push(format!("{}:\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}\nBLESS=1 accepts the answers", wrong.join("\n"));
}

/// The names and contents of a case's sections; what is before the first is a remark.
fn sections(case: &str) -> Vec<(&str, &str)> {
    let sections = case.split("=== ").skip(1);
    sections.map(|section| section.split_once('\n').unwrap_or((section, ""))).collect()
}

fn answer(sections: &[(&str, &str)], pipeline: &Pipeline) -> String {
    if let [("fanfold.toml", text)] = sections {
        return match settings(text) {
            Ok(_) => "good\n".to_owned(),
            Err(problems) => told(&problems),
        };
    }
    match configured(sections, pipeline) {
        Ok(applied) => shown(&applied),
        Err(problems) => told(&problems),
    }
}

fn settings(text: &str) -> Result<Settings, Vec<Diagnostic>> {
    let project = tempfile::tempdir().unwrap();
    let file = project.path().join("fanfold.toml");
    std::fs::write(&file, text).unwrap();
    Settings::load(&file).map_err(|mut problems| {
        for place in problems.iter_mut().filter_map(|problem| problem.place.as_mut()) {
            place.file = "fanfold.toml".into();
        }
        problems
    })
}

fn configured(sections: &[(&str, &str)], pipeline: &Pipeline) -> Result<Pipeline, Vec<Diagnostic>> {
    let mut config = RunConfig::default();
    let mut pipeline = pipeline.clone();
    for (name, text) in sections {
        match *name {
            "--set" => {
                text.lines().try_for_each(|line| config.set(line)).map_err(|problem| vec![problem])?;
            }
            "pipeline.json" => pipeline = serde_json::from_str(text).unwrap(),
            file => {
                config = SourceText::new(file, *text).map_err(|it| vec![it]).and_then(RunConfig::parse)?;
            }
        }
    }
    apply(&config, &pipeline)
}

/// What the solids are configured with, and that a plan finds nothing more to ask for.
fn shown(pipeline: &Pipeline) -> String {
    let mut text = String::new();
    for solid in &pipeline.solids {
        let config = solid.config.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let inputs = serde_json::to_string(&solid.inputs).unwrap();
        writeln!(text, "{}: config {config}, inputs {inputs}", solid.name).unwrap();
    }
    if let Err(errors) = Plan::new(pipeline.clone()) {
        writeln!(text, "no plan: {errors:?}").unwrap();
    }
    text
}

fn told(problems: &[Diagnostic]) -> String {
    problems.iter().fold(String::new(), |text, problem| format!("{text}{problem}\n\n"))
}
