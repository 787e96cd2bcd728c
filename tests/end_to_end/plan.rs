//! `fanfold plan` in every format, against `tests/plans`. `BLESS=1` writes the files anew.

use std::fs;

use crate::harness::{PLUGINS, Place, root};

#[test]
fn a_plan_is_shown_in_every_format() {
    let place = Place::new();
    fs::copy(root().join("tests/plans/example.star"), place.path().join("example.star")).unwrap();
    let plugins = PLUGINS.display().to_string();
    for format in ["text", "json", "dot", "mermaid"] {
        let ran = place.fanfold(&["plan", "example.star", "--plugins", &plugins, "--format", format]);
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        let file = root().join("tests/plans").join(format!("example.{format}"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, &ran.stdout).unwrap();
        }
        assert_eq!(ran.stdout, fs::read_to_string(&file).unwrap(), "{}", file.display());
    }
}

#[test]
fn a_plan_in_json_runs_as_the_file_that_it_is_from() {
    let place = Place::new();
    fs::copy(root().join("tests/plans/example.json"), place.path().join("example.json")).unwrap();
    let ran = place.run("example.json", &[]);
    assert_eq!(
        (ran.exit, ran.json()["result"].to_string()),
        (0, r#"{"all":[6,10,14,18],"sum":148}"#.to_owned())
    );
    let changed =
        fs::read_to_string(place.path().join("example.json")).unwrap().replace("\"num\"", "\"number\"");
    fs::write(place.path().join("example.json"), changed).unwrap();
    let ran = place.run("example.json", &[]);
    assert_eq!(ran.exit, 3);
    assert!(ran.stderr.contains("describes its solid `emit` in another way"), "{}", ran.stderr);
}

#[test]
fn a_dict_whose_names_are_no_mapping_keys_is_refused_in_json_too() {
    let place = Place::new();
    let text = r#"load("plugin:numbers", "echo", "sum_numbers")
def main():
    return sum_numbers({"fine": echo(1), "also": echo(2)})
pipeline(main)
"#;
    fs::write(place.path().join("dict.star"), text).unwrap();
    let plugins = PLUGINS.display().to_string();
    let plan = place.fanfold(&["plan", "dict.star", "--plugins", &plugins, "--format", "json"]);
    assert_eq!(plan.exit, 0, "{}", plan.stderr);
    fs::write(place.path().join("dict.json"), plan.stdout.replace("\"also\"", "\"a/b\"")).unwrap();
    let ran = place.run("dict.json", &[]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
    let told = "input `nums` of `sum_numbers` receives a dict whose names must be mapping keys";
    assert!(ran.stderr.contains(told) && ran.stderr.contains("`a/b`"), "{}", ran.stderr);
}
