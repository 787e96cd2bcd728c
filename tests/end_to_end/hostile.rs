//! Pipeline files that nobody would write in good faith, too large to lie among the cases.

use std::fs;

use crate::harness::Place;

/// Runs a pipeline file with this text, which must be refused, and returns what was said.
fn refused(text: &str) -> String {
    let place = Place::new();
    fs::write(place.path().join("hostile.star"), text).unwrap();
    let ran = place.run("hostile.star", &[]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
    assert!(ran.stderr.len() < 2000, "{}", ran.stderr);
    ran.stderr
}

#[test]
fn brackets_nested_deeper_than_any_stack() {
    for (open, close) in [("[", "]"), ("(", ")"), ("{1:", "}"), ("-", ""), ("not ", "")] {
        let told = refused(&format!("x = {}1{}", open.repeat(150_000), close.repeat(150_000)));
        assert!(told.contains("hostile.star"), "{told}");
    }
}

#[test]
fn a_file_of_a_gigabyte() {
    let place = Place::new();
    let file = fs::File::create(place.path().join("hostile.star")).unwrap();
    file.set_len(1 << 30).unwrap();
    let ran = place.run("hostile.star", &[]);
    assert_eq!(ran.exit, 3);
    assert!(ran.stderr.contains("is larger than 1 MiB"), "{}", ran.stderr);
}

#[test]
fn a_million_solids() {
    let body = "    for i in range(1000000):\n        echo(1)\n";
    let told = refused(&format!("load(\"plugin:numbers\", \"echo\")\ndef main():\n{body}pipeline(main)\n"));
    assert!(told.contains("more than 100000 solids"), "{told}");
}

#[test]
fn what_is_no_text() {
    let place = Place::new();
    fs::write(place.path().join("hostile.star"), b"\xff\xfe\x00").unwrap();
    let ran = place.run("hostile.star", &[]);
    assert_eq!(ran.exit, 3);
    let told = "error: the text is not UTF-8 from here on\n  --> hostile.star:1:1\n";
    assert!(ran.stderr.starts_with(told), "{}", ran.stderr);
}
