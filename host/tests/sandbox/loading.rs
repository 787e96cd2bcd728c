//! Files that take too much to load: each is refused by a limit of its own, and the host goes on.

use std::time::Duration;

use fanfold::sandbox::*;
use fanfold_graph::name::PluginName;

use crate::guests::Guest;
use crate::harness::{ENGINE, load_under, loader, plugin, run};

/// What loading under these limits is refused with, told with its hint; afterwards a good plugin loads and runs.
fn refused(limits: &LoadLimits, wasm: &[u8]) -> (&'static str, String) {
    let refusal = load_under(limits, wasm).unwrap_err();
    run(&plugin(Guest::new(""))).unwrap();
    (refusal.kind(), format!("{refusal}; {}", refusal.hint().unwrap_or_default()))
}

/// A guest with a function that nobody calls, of so many branches.
pub(crate) fn bomb(branches: usize) -> Vec<u8> {
    let branch = "(if (i32.load (local.get 0)) (then (local.set 0 (call $bomb (local.get 0)))))";
    let function = format!("(func $bomb (param i32) (result i32) {} (local.get 0))", branch.repeat(branches));
    Guest::new("").field(&function).component()
}

#[test]
fn a_file_that_is_too_large() {
    let limits = LoadLimits { component_bytes: 1000, ..LoadLimits::default() };
    let (kind, told) = refused(&limits, &bomb(1000));
    assert_eq!(kind, "component-too-large");
    assert!(
        told.ends_with("limit 1000 bytes; if you trust it, raise `limits.component` of the plugin"),
        "{told}"
    );
}

#[test]
fn a_function_that_is_too_large_is_not_even_tried() {
    let (kind, told) = refused(&LoadLimits::default(), &bomb(50_000));
    assert_eq!(kind, "function-too-large");
    assert!(told.starts_with("has a function of "), "{told}");
}

#[test]
fn a_function_that_takes_minutes_to_compile() {
    let limits = LoadLimits { compile_time: Duration::from_secs(1), ..LoadLimits::default() };
    let (kind, told) = refused(&limits, &bomb(24_000));
    assert_eq!(kind, "compile-timed-out");
    assert!(told.starts_with("takes longer than 1 s to compile; "), "{told}");
}

#[test]
fn a_function_that_takes_too_much_memory_to_compile() {
    let limits = LoadLimits { compile_memory_bytes: 512 << 20, ..LoadLimits::default() };
    let (kind, told) = refused(&limits, &bomb(24_000));
    assert_eq!(kind, "compile-out-of-memory");
    assert!(told.starts_with("takes more than 512 MiB of memory to compile; "), "{told}");
}

#[test]
fn thousands_of_modules() {
    let good = Guest::new("").component();
    let with = |modules: &[u8], count: usize| [&good[..], &modules.repeat(count)].concat();
    // A section of type 1 of eight bytes: the smallest module there is.
    let module = b"\x01\x08\0asm\x01\0\0\0";
    let (kind, told) = refused(&LoadLimits::default(), &with(module, 5000));
    assert_eq!(kind, "too-many-modules");
    assert!(told.starts_with("has 500"), "{told}");
    // Components nested in components, and more of them than the format allows.
    let component = b"\x04\x08\0asm\x0d\0\x01\0";
    let (kind, _) = refused(&LoadLimits::default(), &with(component, 5000));
    assert_eq!(kind, "unloadable");
}

#[test]
fn a_start_function_and_a_describe_that_never_end() {
    let limits = LoadLimits { describe_time: Duration::from_millis(100), ..LoadLimits::default() };
    let start = Guest::new("").field("(func $forever (loop $l (br $l))) (start $forever)");
    for guest in [start, Guest::new("").describing("(loop $l (br $l))")] {
        let (kind, told) = refused(&limits, &guest.component());
        assert_eq!(kind, "describe-failed");
        assert!(told.contains("timed-out: ran longer than its limit of 100ms"), "{told}");
        assert!(told.ends_with("raise `limits.describe_time` of the plugin"), "{told}");
    }
}

#[test]
fn a_describe_that_floods() {
    // The solid's description: 10 MB of text.
    let text = "(drop (memory.grow (i32.const 200))) (memory.fill (i32.const 131072) (i32.const 120) (i32.const 10000000))
        (i32.store (i32.const 1032) (i32.const 131072)) (i32.store (i32.const 1036) (i32.const 10000000))";
    let (kind, told) = refused(&LoadLimits::default(), &Guest::new("").describing(text).component());
    assert_eq!(kind, "describe-failed");
    assert!(told.contains("value-too-large"), "{told}");
    // Memory without end.
    let greedy = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable";
    let (kind, told) = refused(&LoadLimits::default(), &Guest::new("").describing(greedy).component());
    assert_eq!(kind, "describe-failed");
    assert!(told.contains("out-of-memory"), "{told}");
    // The same solid a thousand times and once more; its name is not even looked at.
    let many = "(local $i i32) (drop (memory.grow (i32.const 4)))
        (i32.store (i32.const 1000) (i32.const 131072)) (i32.store (i32.const 1004) (i32.const 1001))
        (loop $l (memory.copy (i32.add (i32.const 131072) (i32.mul (local.get $i) (i32.const 88))) (i32.const 1024) (i32.const 88))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 1001))))";
    let (kind, told) = refused(&LoadLimits::default(), &Guest::new("").describing(many).component());
    assert_eq!(kind, "too-many-solids");
    assert!(told.starts_with("describes 1001 solids, limit 1000; "), "{told}");
    let limits = LoadLimits { definition_bytes: 10, ..LoadLimits::default() };
    let (kind, _) = refused(&limits, &Guest::new("").component());
    assert_eq!(kind, "definitions-too-large");
}

#[test]
fn a_child_that_is_no_compiler() {
    let directory = tempfile::tempdir().unwrap();
    let cache = CompileCache::open(directory.path()).unwrap();
    let loader =
        PluginLoader { compiler: Compiler::Child("/nowhere/fanfold".into()), ..loader(&ENGINE, &cache) };
    let name = PluginName::new("p").unwrap();
    let refusal = Plugin::from_bytes(&loader, &LoadLimits::default(), name, &Guest::new("").component());
    let told = refusal.unwrap_err().to_string();
    assert!(told.starts_with("cannot be compiled: "), "{told}");
}
