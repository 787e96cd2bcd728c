//! Every key of a `limits` table in fanfold.toml: a guest that meets it, and the failure or refusal that names it.

use std::io::{Read, Write};
use std::net::TcpListener;

use fanfold::sandbox::*;
use fanfold::settings::{Settings, limit_names};
use fanfold_graph::name::{Identifier, PluginName};

use crate::WRITE_BLOB;
use crate::guests::{BLOBS, EVENTS, Guest, HTTP, LOG, RESPONSES};
use crate::harness::{Step, loader};
use crate::loading::bomb;

const ENDLESS: &str = "(loop $l (br $l))";
const EMIT: &str = "(call $emit (i32.const 2100) (i32.const 5))";
const KEYS: &str = "
    (loop $l
      (call $emit_key (i32.add (i32.const 2200) (local.get $i)) (i32.const 1) (i32.const 2100) (i32.const 9))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 20))))";
const GROW_TABLE: &str = "
    (loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1))))
    unreachable";

/// A guest's execution, with what it imports and its fields.
fn guest(execute: &str, imports: &str, fields: &str) -> Vec<u8> {
    Guest::new(execute).import(imports).field(fields).component()
}

fn describing(instructions: &str) -> Vec<u8> {
    Guest::new("").describing(instructions).component()
}

/// Asks a server of the test's own for more than it wants to hear.
fn asking() -> (Vec<u8>, GrantList) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        _ = stream.read(&mut [0; 4096]);
        _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello");
        _ = stream.write_all(&[b'x'; 45]);
        // Nobody else comes; until then the connection stays.
        _ = listener.accept();
    });
    let body = format!(
        "(local.set $i (call $request (call $fields)))
         (drop (call $path (local.get $i) (i32.const 1) (i32.const 2302) (i32.const 1)))
         (drop (call $scheme (local.get $i) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
         (drop (call $authority (local.get $i) (i32.const 1) (i32.const 3000) (i32.const {})))
         (call $handle (local.get $i) (i32.const 0) (i32.const 0) (i32.const 600))
         (if (i32.load8_u (i32.const 600)) (then unreachable))
         (local.set $i (i32.load (i32.const 608)))
         (call $block (call $answered (local.get $i)))
         (call $get (local.get $i) (i32.const 640))
         (if (i32.load8_u (i32.const 656)) (then unreachable))
         (call $consume (i32.load (i32.const 664)) (i32.const 720))
         (call $stream (i32.load (i32.const 724)) (i32.const 736))
         (local.set $i (i32.load (i32.const 740)))
         (loop $l
           (call $take (local.get $i) (i64.const 100) (i32.const 752))
           (br_if $l (i32.eqz (i32.load8_u (i32.const 752)))))",
        address.len()
    );
    let guest = Guest::new(&body).import(&[HTTP, RESPONSES].concat()).data(3000, address.as_bytes());
    let network = vec![HostGrant::parse(&address).unwrap()];
    (guest.component(), GrantList { network, ..GrantList::default() })
}

/// Loads and runs a plugin under these settings, on an engine of theirs: the kind of what went wrong, and what was said.
fn met(settings: &str, (wasm, grants): (Vec<u8>, GrantList)) -> (&'static str, String) {
    let project = tempfile::tempdir().unwrap();
    let file = project.path().join("fanfold.toml");
    std::fs::write(&file, settings).unwrap();
    let settings = Settings::load(&file).unwrap_or_else(|problems| panic!("{problems:?}"));
    let engine = Engine::new(settings.engine_options(1)).unwrap();
    let cache = CompileCache::open(&project.path().join("cache")).unwrap();
    let name = PluginName::new("p").unwrap();
    let limits = settings.limits(&name, &Identifier::new("s").unwrap());
    match Plugin::from_bytes(&loader(&engine, &cache), &settings.load_limits(&name), name, &wasm) {
        Err(refused) => (refused.kind(), format!("{refused}; {}", refused.hint().unwrap_or_default())),
        Ok(plugin) => {
            let grants = Grants::new(grants).unwrap();
            let failure = Step { limits, grants, ..Step::default() }.run(&plugin).unwrap_err();
            (failure.kind.as_str(), format!("{failure}; {}", failure.hint.as_deref().unwrap_or_default()))
        }
    }
}

#[test]
fn every_limit_of_the_settings_has_a_guest_that_meets_it() {
    let alone = |wasm: Vec<u8>| (wasm, GrantList::default());
    let deep = "(func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))";
    let table = "(table $t 1 funcref)";
    let cases = [
        (
            "memory",
            "'1 MiB'",
            "out-of-memory",
            alone(guest("(drop (memory.grow (i32.const 64))) unreachable", "", "")),
        ),
        ("wall", "'50ms'", "timed-out", alone(guest(ENDLESS, "", ""))),
        ("fuel", "10_000", "out-of-fuel", alone(guest(ENDLESS, "", ""))),
        ("value", "4", "value-too-large", alone(guest(EMIT, "", ""))),
        ("outputs", "10", "outputs-too-large", alone(guest(KEYS, "", ""))),
        ("keys", "3", "too-many-keys", alone(guest(KEYS, "", ""))),
        ("blobs", "9", "blobs-too-large", alone(guest(WRITE_BLOB, BLOBS, ""))),
        (
            "logs",
            "1000",
            "logs-too-large",
            alone(guest("(loop $l (call $log (i32.const 1) (i32.const 0) (i32.const 0)) (br $l))", LOG, "")),
        ),
        (
            "metadata",
            "1000",
            "metadata-too-large",
            alone(guest(
                "(loop $l (call $expect (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (br $l))",
                EVENTS,
                "",
            )),
        ),
        ("responses", "20", "responses-too-large", asking()),
        ("table_elements", "100", "table-too-large", alone(guest(GROW_TABLE, "", table))),
        ("instances", "0", "too-many-instances", alone(guest("", "", ""))),
        ("memories", "0", "too-many-instances", alone(guest("", "", ""))),
        ("tables", "0", "too-many-instances", alone(guest("", "", table))),
        (
            "handles",
            "10",
            "too-many-handles",
            alone(guest(
                "(loop $l (call $create (i32.const 2200) (i32.const 3) (i32.const 600)) (br $l))",
                BLOBS,
                "",
            )),
        ),
        ("stack", "'16 KiB'", "stack-overflow", alone(guest("(call $deep (i32.const 2000))", "", deep))),
        ("component", "1000", "component-too-large", alone(bomb(1000))),
        ("modules", "0", "too-many-modules", alone(guest("", "", ""))),
        ("function", "1000", "function-too-large", alone(bomb(1000))),
        ("compile_memory", "'512 MiB'", "compile-out-of-memory", alone(bomb(24_000))),
        ("compile_time", "'1s'", "compile-timed-out", alone(bomb(24_000))),
        ("describe_time", "'50ms'", "describe-failed", alone(describing(ENDLESS))),
        ("describe_memory", "'128 KiB'", "describe-failed", alone(guest("", "", ""))),
        ("solids", "0", "too-many-solids", alone(guest("", "", ""))),
        ("definitions", "10", "definitions-too-large", alone(guest("", "", ""))),
    ];
    let names: Vec<&str> = cases.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, limit_names().collect::<Vec<_>>());
    for (name, amount, kind, plugin) in cases {
        let (met, told) = met(&format!("[limits]\n{name} = {amount}\n"), plugin);
        assert_eq!(met, kind, "{name}: {told}");
        assert!(told.contains(&format!("`limits.{name}`")), "{name}: {told}");
    }
    // The stack that is enough by default, so that it is the setting that was met.
    let engine = Engine::new(EngineOptions { concurrent_steps: 1, ..EngineOptions::default() }).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let cache = CompileCache::open(directory.path()).unwrap();
    let plugin =
        crate::harness::load_into(&engine, &cache, &guest("(call $deep (i32.const 2000))", "", deep));
    Step::default().run(&plugin.unwrap()).unwrap();
}
