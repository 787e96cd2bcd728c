//! Files that are no plugins of this host: each is refused by name, before any of its code runs.

use fanfold::sandbox::*;

use crate::guests::{DOOR, Guest};
use crate::harness::{ENGINE, load, loader};

/// What the directory loader says about a file of this content.
fn told(wasm: &[u8]) -> (String, Option<String>) {
    let reason = load(wasm).unwrap_err();
    let refused = RefusedPlugin { file: "geo.wasm".to_owned(), reason };
    (refused.to_string(), refused.reason.hint())
}

#[test]
fn each_kind_of_wrong_file_has_its_message() {
    let good = Guest::new("").component();
    let core = wat::parse_str("(module)").unwrap();
    let foreign =
        wat::parse_str(r#"(component (instance $i) (export "acme:geo/api@1.0.0" (instance $i)))"#).unwrap();
    let cases: &[(&[u8], &str)] = &[
        (b"", "plugin `geo.wasm` is empty"),
        (b"hello, world", "plugin `geo.wasm` is not WebAssembly"),
        (&core, "plugin `geo.wasm` is a core module, not a component"),
        (
            &foreign,
            "plugin `geo.wasm` is a component, but not a fanfold plugin: it exports `acme:geo/api@1.0.0`",
        ),
    ];
    for (wasm, message) in cases {
        assert_eq!(told(wasm).0, *message);
    }
    for length in [5, 9, good.len() / 2, good.len() - 1] {
        let refused = load(&good[..length]).unwrap_err();
        assert!(matches!(refused, Refusal::Damaged(_)), "{length}: {refused}");
    }
}

#[test]
fn another_version_is_refused_with_what_to_do() {
    let (message, hint) = told(&Guest::new("").component_of("0.2.0"));
    assert_eq!(message, "plugin `geo.wasm` speaks fanfold:plugin@0.2.0, this host speaks 0.1.0");
    assert_eq!(hint.unwrap(), "rebuild it with fanfold-sdk 0.1, or upgrade fanfold");
}

#[test]
fn unknown_imports_are_named() {
    let (message, _) = told(&Guest::new("(call $knock)").import(DOOR).component());
    assert_eq!(message, "plugin `geo.wasm` needs what this host does not offer: `other:thing/door@1.0.0`");
}

#[test]
fn flipped_bytes_never_harm_the_host() {
    let good = Guest::new("").component();
    for index in (0..good.len()).step_by(23) {
        let mut flipped = good.clone();
        flipped[index] ^= 0x55;
        // Whether it is refused or still a plugin does not matter; that this returns does.
        _ = load(&flipped);
    }
}

#[test]
fn a_describe_that_traps_or_lies_is_refused() {
    let refused = load(&Guest::new("").describing("unreachable").component()).unwrap_err();
    assert!(matches!(refused, Refusal::DescribeFailed(_)), "{refused}");
    // The second output is named as the first.
    let lie = "(i32.store (i32.const 1348) (i32.const 2010)) (i32.store (i32.const 1352) (i32.const 6))";
    let refused = load(&Guest::new("").describing(lie).component()).unwrap_err();
    assert_eq!(refused, Refusal::BadDefinitions("solid `s`: two outputs are named `result`".to_owned()));
}

#[test]
fn one_bad_file_hides_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, wasm: &[u8]| std::fs::write(directory.path().join(name), wasm).unwrap();
    let good = Guest::new("").component();
    file("zeta.wasm", &good);
    file("alpha.wasm", &good);
    file("broken.wasm", &good[..40]);
    file("bad name.wasm", &good);
    file("notes.txt", b"not a plugin");
    std::fs::create_dir(directory.path().join("dir.wasm")).unwrap();
    let cache = CompileCache::open(&directory.path().join("cache")).unwrap();
    let loaded =
        PluginDirectory::load(&loader(&ENGINE, &cache), |_| LoadLimits::default(), directory.path()).unwrap();
    let names: Vec<_> = loaded.plugins.iter().map(|plugin| plugin.name().as_str()).collect();
    assert_eq!(names, ["alpha", "zeta"]);
    let refused: Vec<_> = loaded.refused.iter().map(|refused| refused.file.as_str()).collect();
    assert_eq!(refused, ["bad name.wasm", "broken.wasm", "dir.wasm"]);
}
