//! The main job on real directories: its figures against those of `wc` and `sha256sum` over the same files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use crate::harness::{Place, Ran, root};

/// Runs the example over a directory that lies in the place.
fn process(place: &Place, directory: &str) -> Ran {
    Ran::of(run_command(place, directory))
}

fn run_command(place: &Place, directory: &str) -> Command {
    let pipeline = place.path().join("process_directory.star");
    fs::copy(root().join("examples/process_directory.star"), pipeline).unwrap();
    let path = format!("solids.files_in_directory.config.path={}", Json::from(directory));
    place.run_command(
        "process_directory.star",
        &["--allow-read", &format!("files={directory}"), "--set", &path],
    )
}

/// Standard output of a command that must succeed, run with the files' paths.
fn output(program: &str, arguments: &[&str], files: &[String], directory: &Path) -> String {
    let output = Command::new(program)
        .env("LC_ALL", "C")
        .args(arguments)
        .args(files)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every regular file below a directory, links to files followed.
fn listed(place: &Path, directory: &str) -> Vec<String> {
    let found = output("find", &["-L", directory, "-type", "f", "-print0"], &[], place);
    found.split_terminator('\0').map(str::to_owned).collect()
}

/// Checks each file's facts and the totals against the system's own tools.
fn assert_right(place: &Place, directory: &str, run: &Json) {
    let files = listed(place.path(), directory);
    let outputs = place.outputs();
    let facts: BTreeMap<String, Json> = outputs["process_file"]["result"]
        .as_object()
        .unwrap()
        .values()
        .map(|facts| (facts["path"].as_str().unwrap().to_owned(), facts.clone()))
        .collect();
    assert_eq!(facts.len(), files.len());
    let mut totals = [0, 0, 0];
    for file in &files {
        let counted = output("wc", &["-l", "-w", "-c"], std::slice::from_ref(file), place.path());
        let numbers: Vec<u64> =
            counted.split_whitespace().take(3).map(|number| number.parse().unwrap()).collect();
        let digest = output("sha256sum", &["--zero"], std::slice::from_ref(file), place.path());
        let facts = &facts[file];
        for (name, number) in ["lines", "words", "bytes"].into_iter().zip(&numbers) {
            assert_eq!(facts[name], *number, "{name} of {file}");
        }
        assert_eq!(facts["sha256"], digest.split(' ').next().unwrap(), "{file}");
        totals.iter_mut().zip(numbers).for_each(|(total, number)| *total += number);
    }
    let result = &run["result"];
    assert_eq!(result["files"], files.len());
    for (name, total) in ["lines", "words", "bytes"].into_iter().zip(totals) {
        assert_eq!(result[name], total, "{name}");
    }
}

#[test]
fn this_repositorys_own_sources() {
    let place = Place::new();
    for directory in ["host", "sdk", "plugins/files/src", "wit"] {
        let copied = place.path().join("sources").join(directory);
        fs::create_dir_all(copied.parent().unwrap()).unwrap();
        let from = root().join(directory);
        assert!(Command::new("cp").arg("-rL").arg(from).arg(copied).status().unwrap().success());
    }
    let ran = process(&place, "sources");
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_right(&place, "sources", &ran.json());
}

#[test]
fn odd_names_and_odd_files() {
    let place = Place::new();
    let odd = place.path().join("odd");
    fs::create_dir_all(odd.join("deep/.hidden dir")).unwrap();
    for (name, content) in [
        ("with space.txt", &b"one two\n"[..]),
        ("with.dots.tar.gz", b"x"),
        ("ünïcödé \u{2014} \u{1f600}.txt", "w\u{f6}rter und \u{1f600}\n".as_bytes()),
        (".hidden", b"h\n"),
        ("empty", b""),
        ("binary", &[0, 255, 10, 13, 0, 32, 128]),
        ("new\nline", b"n\n"),
        ("-rf", b"dash\n"),
        ("a/b", b""),
        ("a_b", b"the same key as a/b, were it not told apart\n"),
        ("deep/.hidden dir/file", b"deep\n"),
    ] {
        let path = odd.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    symlink("with space.txt", odd.join("link")).unwrap();
    symlink("nowhere", odd.join("dangling")).unwrap();
    let ran = process(&place, "odd");
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_right(&place, "odd", &ran.json());
}

#[test]
fn a_file_of_100_megabytes() {
    let place = Place::new();
    let directory = place.path().join("large");
    fs::create_dir(&directory).unwrap();
    let line: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let content: Vec<u8> = line.iter().copied().cycle().take(100 << 20).collect();
    fs::write(directory.join("large.bin"), content).unwrap();
    let ran = process(&place, "large");
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_right(&place, "large", &ran.json());
}

#[test]
fn a_file_that_cannot_be_read_fails_its_own_step_only() {
    let place = Place::new();
    let directory = place.path().join("some");
    fs::create_dir(&directory).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(directory.join(name), name).unwrap();
    }
    fs::set_permissions(directory.join("b"), fs::Permissions::from_mode(0o000)).unwrap();
    let ran = process_as_nobody(&place, "some");
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    let run = ran.json();
    assert_eq!(run["steps"], serde_json::json!({"succeeded": 3, "failed": 1, "upstream-failed": 1}));
    assert_eq!(run["failures"][0]["step"], "process_file[b]");
    let message = run["failures"][0]["message"].as_str().unwrap();
    assert!(message.contains("some/b"), "{message}");
}

/// As [`process`], but as a user whom a file's mode can stop: root reads everything.
fn process_as_nobody(place: &Place, directory: &str) -> Ran {
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let command = run_command(place, directory);
    if !rustix::process::geteuid().is_root() {
        return Ran::of(command);
    }
    let mut as_nobody = Command::new("setpriv");
    as_nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(command.get_program());
    as_nobody.args(command.get_args()).current_dir(place.path());
    as_nobody.env("FANFOLD_CACHE", place.path().join("cache")).env("NO_COLOR", "1");
    Ran::of(as_nobody)
}
