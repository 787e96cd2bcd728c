//! Every case of `tests/cases`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::harness::{Place, Ran, root};

#[test]
fn every_case_comes_out_as_expected() {
    let mut failures = Vec::new();
    let cases = cases();
    assert!(cases.len() > 40, "{} cases", cases.len());
    for case in &cases {
        let told = told(case);
        let file = case.with_extension("expected");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, told).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if told != expected {
            failures.push(format!("{}\n--- expected\n{expected}--- got\n{told}", case.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What `PARITY.md` speaks of is there.
#[test]
fn every_case_of_the_parity_table_exists() {
    let text = std::fs::read_to_string(root().join("tests/PARITY.md")).unwrap();
    let (_, tables) = text.split_once("\n## ").unwrap();
    let places = ["tests/cases", "tests/end_to_end", "host/tests/sandbox", "host/tests", "host"];
    let is_there = |file: &str| places.iter().any(|place| root().join(place).join(file).exists());
    let is_file = |file: &&str| Path::new(file).extension().is_some_and(|it| it == "star" || it == "rs");
    let named: Vec<&str> = tables.split('`').skip(1).step_by(2).filter(is_file).collect();
    assert!(named.len() > 100, "{named:?}");
    let missing: Vec<_> = named.into_iter().filter(|file| !is_there(file)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("tests/cases")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "star"));
    files.sort();
    files
}

/// What a case comes to, as text.
fn told(case: &Path) -> String {
    let place = Place::new();
    let name = case.file_name().unwrap().to_str().unwrap();
    let text = std::fs::read_to_string(case).unwrap();
    std::fs::write(place.path().join(name), &text).unwrap();
    let mut arguments: Vec<String> = text
        .lines()
        .map_while(|line| line.strip_prefix("# args: "))
        .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let config = case.with_extension("yaml");
    if config.exists() {
        std::fs::copy(config, place.path().join("run.yaml")).unwrap();
        arguments.extend(["--config".to_owned(), "run.yaml".to_owned()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = place.run(name, &arguments);
    let mut told = format!("exit {}\n", ran.exit);
    if ran.stdout.is_empty() {
        told + &ran.stderr
    } else {
        tell_run(&mut told, &place, &ran);
        told
    }
}

fn tell_run(told: &mut String, place: &Place, ran: &Ran) {
    let run = ran.json();
    writeln!(told, "{} {}", run["status"].as_str().unwrap(), run["steps"]).unwrap();
    writeln!(told, "result {}", run["result"]).unwrap();
    let mut failures: Vec<String> = run["failures"].as_array().unwrap().iter().map(failure).collect();
    failures.sort();
    for failure in failures {
        writeln!(told, "failed {failure}").unwrap();
    }
    for mismatch in run["mismatches"].as_array().unwrap() {
        writeln!(told, "mismatch {mismatch}").unwrap();
    }
    for (solid, outputs) in place.outputs().as_object().unwrap() {
        for (output, value) in outputs.as_object().unwrap() {
            writeln!(told, "{solid}.{output} {value}").unwrap();
        }
    }
}

fn failure(failure: &Json) -> String {
    let text = |field: &str| failure[field].as_str().unwrap_or_default().to_owned();
    format!("{} {}: {}", text("step"), text("kind"), text("message"))
}
