//! Guests written by hand as WebAssembly text, so that each does exactly one thing, good or bad.

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// As much of WASI as the guests use.
const WASI: &[(&str, &str)] = &[
    (
        "io.wit",
        "package wasi:io@0.2.0;
         interface poll { resource pollable { block: func(); } }
         interface error { resource error; }
         interface streams {
           use error.{error};
           variant stream-error { last-operation-failed(error), closed }
           resource input-stream { blocking-read: func(len: u64) -> result<list<u8>, stream-error>; }
           resource output-stream {
             blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
           }
         }",
    ),
    (
        "clocks.wit",
        "package wasi:clocks@0.2.0;
         interface monotonic-clock {
           use wasi:io/poll@0.2.0.{pollable};
           now: func() -> u64;
           subscribe-duration: func(when: u64) -> pollable;
         }",
    ),
    ("random.wit", "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }"),
    ("cli.wit", "package wasi:cli@0.2.0;
         interface exit { exit: func(status: result); }
         interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }
         interface stderr { use wasi:io/streams@0.2.0.{output-stream}; get-stderr: func() -> output-stream; }"),
    (
        "http.wit",
        "package wasi:http@0.2.0;
         interface types {
           use wasi:io/poll@0.2.0.{pollable};
           use wasi:io/streams@0.2.0.{input-stream};
           variant scheme { HTTP, HTTPS, other(string) }
           record DNS-error-payload { rcode: option<string>, info-code: option<u16> }
           record TLS-alert-received-payload { alert-id: option<u8>, alert-message: option<string> }
           record field-size-payload { field-name: option<string>, field-size: option<u32> }
           variant error-code {
             DNS-timeout,
             DNS-error(DNS-error-payload),
             destination-not-found,
             destination-unavailable,
             destination-IP-prohibited,
             destination-IP-unroutable,
             connection-refused,
             connection-terminated,
             connection-timeout,
             connection-read-timeout,
             connection-write-timeout,
             connection-limit-reached,
             TLS-protocol-error,
             TLS-certificate-error,
             TLS-alert-received(TLS-alert-received-payload),
             HTTP-request-denied,
             HTTP-request-length-required,
             HTTP-request-body-size(option<u64>),
             HTTP-request-method-invalid,
             HTTP-request-URI-invalid,
             HTTP-request-URI-too-long,
             HTTP-request-header-section-size(option<u32>),
             HTTP-request-header-size(option<field-size-payload>),
             HTTP-request-trailer-section-size(option<u32>),
             HTTP-request-trailer-size(field-size-payload),
             HTTP-response-incomplete,
             HTTP-response-header-section-size(option<u32>),
             HTTP-response-header-size(field-size-payload),
             HTTP-response-body-size(option<u64>),
             HTTP-response-trailer-section-size(option<u32>),
             HTTP-response-trailer-size(field-size-payload),
             HTTP-response-transfer-coding(option<string>),
             HTTP-response-content-coding(option<string>),
             HTTP-response-timeout,
             HTTP-upgrade-failed,
             HTTP-protocol-error,
             loop-detected,
             configuration-error,
             internal-error(option<string>),
           }
           resource fields { constructor(); }
           type headers = fields;
           resource outgoing-request {
             constructor(headers: headers);
             set-path-with-query: func(path: option<string>) -> result;
             set-authority: func(authority: option<string>) -> result;
             set-scheme: func(scheme: option<scheme>) -> result;
           }
           resource request-options;
           resource incoming-response { consume: func() -> result<incoming-body>; }
           resource incoming-body { %stream: func() -> result<input-stream>; }
           resource future-incoming-response {
             subscribe: func() -> pollable;
             get: func() -> option<result<result<incoming-response, error-code>>>;
           }
         }
         interface outgoing-handler {
           use types.{outgoing-request, request-options, future-incoming-response, error-code};
           handle: func(request: outgoing-request, options: option<request-options>)
             -> result<future-incoming-response, error-code>;
         }",
    ),
    ("other.wit", "package other:thing@1.0.0; interface door { knock: func(); }"),
];

const WORLD: &str = "package test:guest;
    world guest {
      include fanfold:plugin/plugin-with-attempt@VERSION;
      import wasi:io/poll@0.2.0;
      import wasi:clocks/monotonic-clock@0.2.0;
      import wasi:random/random@0.2.0;
      import wasi:cli/exit@0.2.0;
      import wasi:cli/stdout@0.2.0;
      import wasi:cli/stderr@0.2.0;
      import wasi:http/types@0.2.0;
      import wasi:http/outgoing-handler@0.2.0;
      import other:thing/door@1.0.0;
    }";

/// Import lines for what guests may use beyond emitting.
pub(crate) const SLEEP: &str = r#"
    (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $alarm (param i64) (result i32)))
    (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))"#;
pub(crate) const PRINT: &str = r#"
    (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
    (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
      (func $print (param i32 i32 i32 i32)))"#;
pub(crate) const EVENTS: &str = r#"
    (import "fanfold:plugin/events@0.1.0" "progress" (func $progress (param f64 i32 f64 i32 i32)))
    (import "fanfold:plugin/events@0.1.0" "expect" (func $expect (param i32 i32 i32 i32 i32)))"#;
pub(crate) const HTTP: &str = r#"
    (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
    (import "wasi:http/types@0.2.0" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
    (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query"
      (func $path (param i32 i32 i32 i32) (result i32)))
    (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority"
      (func $authority (param i32 i32 i32 i32) (result i32)))
    (import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe"
      (func $answered (param i32) (result i32)))
    (import "wasi:http/types@0.2.0" "[method]future-incoming-response.get" (func $get (param i32 i32)))
    (import "wasi:http/outgoing-handler@0.2.0" "handle" (func $handle (param i32 i32 i32 i32)))"#;
/// To be imported with [`HTTP`].
pub(crate) const RESPONSES: &str = r#"
    (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-scheme"
      (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi:http/types@0.2.0" "[method]incoming-response.consume" (func $consume (param i32 i32)))
    (import "wasi:http/types@0.2.0" "[method]incoming-body.stream" (func $stream (param i32 i32)))
    (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $take (param i32 i64 i32)))"#;
pub(crate) const RANDOM: &str =
    r#"(import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))"#;
pub(crate) const EXIT: &str = r#"(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))"#;
pub(crate) const DOOR: &str = r#"(import "other:thing/door@1.0.0" "knock" (func $knock))"#;
pub(crate) const ATTEMPT: &str =
    r#"(import "fanfold:plugin/attempt@0.1.0" "number" (func $attempt (result i32)))"#;
pub(crate) const LOG: &str =
    r#"(import "fanfold:plugin/events@0.1.0" "log" (func $log (param i32 i32 i32)))"#;
pub(crate) const CANCELLED: &str =
    r#"(import "fanfold:plugin/events@0.1.0" "is-cancelled" (func $cancelled (result i32)))"#;
pub(crate) const BLOBS: &str = r#"
    (import "fanfold:plugin/blobs@0.1.0" "create" (func $create (param i32 i32 i32)))
    (import "fanfold:plugin/blobs@0.1.0" "open" (func $open (param i32 i32 i64 i32 i32 i32)))
    (import "fanfold:plugin/blobs@0.1.0" "[method]writer.write" (func $write (param i32 i32 i32 i32)))
    (import "fanfold:plugin/blobs@0.1.0" "[method]writer.finish" (func $finish (param i32 i32)))
    (import "fanfold:plugin/blobs@0.1.0" "[method]reader.read" (func $read (param i32 i32 i32)))"#;
pub(crate) const COLLECTION: &str = r#"
    (import "fanfold:plugin/collections@0.1.0" "[method]collection.len" (func $len (param i32) (result i32)))
    (import "fanfold:plugin/collections@0.1.0" "[method]collection.next" (func $next (param i32 i32 i32)))
    (import "fanfold:plugin/collections@0.1.0" "[method]collection.next-json" (func $next_json (param i32 i32 i32)))"#;

/// Hands out memory from the start of the heap, and takes nothing back.
pub(crate) const REALLOC: &str = "
      (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
      (global.set $heap (i32.add (local.get $at) (local.get 3)))
      (local.get $at)";

/// A guest with one solid, `s`, that has a plain output `result` (not required) and a dynamic one, `files`.
pub(crate) struct Guest {
    imports: String,
    fields: String,
    describe: String,
    execute: String,
    is_required: bool,
    realloc: String,
}

impl Guest {
    /// A guest whose `execute` is these instructions. Functions at hand: `$emit value len`, `$emit_key key len value len`.
    /// Locals: `$solid` to `$inputs_len` (the arguments), `$i`, `$t`.
    pub(crate) fn new(execute: &str) -> Self {
        let (imports, fields, describe) = (String::new(), String::new(), String::new());
        let realloc = REALLOC.to_owned();
        Self { imports, fields, describe, execute: execute.to_owned(), is_required: false, realloc }
    }

    pub(crate) fn import(mut self, lines: &str) -> Self {
        self.imports.push_str(lines);
        self
    }

    pub(crate) fn field(mut self, lines: &str) -> Self {
        self.fields.push_str(lines);
        self
    }

    /// Instructions that run first in `describe`.
    pub(crate) fn describing(mut self, instructions: &str) -> Self {
        instructions.clone_into(&mut self.describe);
        self
    }

    /// Instructions that are `execute` instead of what it was made with.
    pub(crate) fn executing(mut self, instructions: &str) -> Self {
        instructions.clone_into(&mut self.execute);
        self
    }

    /// Bytes that lie in memory from this address on.
    pub(crate) fn data(self, at: u32, bytes: &[u8]) -> Self {
        let bytes = bytes.iter().fold(String::new(), |mut text, byte| {
            _ = write!(text, "\\{byte:02x}");
            text
        });
        self.field(&format!("(data (i32.const {at}) \"{bytes}\")"))
    }

    /// Instructions that are `realloc` instead of the usual ones.
    pub(crate) fn realloc(mut self, instructions: &str) -> Self {
        instructions.clone_into(&mut self.realloc);
        self
    }

    pub(crate) fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    pub(crate) fn component(self) -> Vec<u8> {
        encode(&self.core(), "0.1.0")
    }

    /// The same for another version of the contract.
    pub(crate) fn component_of(self, version: &str) -> Vec<u8> {
        encode(&self.core().replace("@0.1.0", &format!("@{version}")), version)
    }

    fn core(&self) -> String {
        let Self { imports, fields, describe, execute, is_required, realloc } = self;
        let mut data = String::new();
        let mut word = |at: u32, value: u32| {
            let bytes = value.to_le_bytes().iter().fold(String::new(), |mut text, byte| {
                _ = write!(text, "\\{byte:02x}");
                text
            });
            _ = writeln!(data, "(data (i32.const {at}) \"{bytes}\")");
        };
        // describe: the list, one solid of 88 bytes at 1024, its two outputs of 68 bytes at 1280.
        word(1000, 1024);
        word(1004, 1);
        word(1024, 2000);
        word(1024 + 4, 1);
        word(1024 + 36, 1280);
        word(1024 + 40, 2);
        word(1280, 2010);
        word(1280 + 4, 6);
        word(1280 + 28, u32::from(*is_required));
        word(1348, 2020);
        word(1348 + 4, 5);
        word(1348 + 28, 0x0100);
        format!(
            r#"(module
    (import "fanfold:plugin/outputs@0.1.0" "emit"
      (func $raw_emit (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32)))
    (import "fanfold:plugin/outputs@0.1.0" "emit-dynamic"
      (func $raw_emit_key (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32)))
    {imports}
    (memory (export "memory") 4)
    (global $heap (mut i32) (i32.const 65536))
    {data}
    (data (i32.const 2000) "s")
    (data (i32.const 2010) "result")
    (data (i32.const 2020) "files")
    (data (i32.const 2100) "1234567890")
    (data (i32.const 2200) "abcdefghijklmnopqrstuvwxyz")
    (data (i32.const 2300) "no/key")
    {fields}
    (func $emit (param $v i32) (param $n i32)
      (call $raw_emit (i32.const 2010) (i32.const 6) (i32.const 0) (local.get $v) (local.get $n)
        (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512)))
    (func $emit_key (param $k i32) (param $kn i32) (param $v i32) (param $n i32)
      (call $raw_emit_key (i32.const 2020) (i32.const 5) (local.get $k) (local.get $kn)
        (i32.const 0) (local.get $v) (local.get $n)
        (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512)))
    (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      {realloc})
    (func (export "fanfold:plugin/solids@0.1.0#describe") (result i32)
      {describe}
      (i32.const 1000))
    (func (export "fanfold:plugin/solids@0.1.0#execute")
      (param $solid i32) (param $solid_len i32) (param $keys i32) (param $keys_len i32)
      (param $config i32) (param $config_len i32) (param $inputs i32) (param $inputs_len i32) (result i32)
      (local $i i32) (local $t i64)
      {execute}
      (i32.const 0)))"#
        )
    }
}

/// Wraps a core module's text into a component.
fn encode(core: &str, version: &str) -> Vec<u8> {
    let contract =
        include_str!("../../../wit/plugin.wit").replace("plugin@0.1.0;", &format!("plugin@{version};"));
    let mut resolve = Resolve::default();
    resolve.push_str("plugin.wit", &contract).unwrap();
    for (name, text) in WASI {
        resolve.push_str(name, text).unwrap();
    }
    let package = resolve.push_str("guest.wit", &WORLD.replace("VERSION", version)).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(core).unwrap_or_else(|error| panic!("{error}\n{core}"));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}
