//! Code that nobody wrote, as a step: it may do anything that WebAssembly allows, and call the host with anything. It ends
//! within its limits, by the same end each time.
#![no_main]

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use fanfold::sandbox::{
    FailureKind, Grants, Interrupt, Limits, Plugin, Seed, StepFailure, StepReport, StepRequest,
};
use fanfold_fuzz::described::{Solid, memory};
use fanfold_fuzz::guest::{self, Loading, Sink};
use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::{Corpus, fuzz_target};
use wasm_smith::{Config, Module};

/// What the code may call.
const IMPORTS: &str = r#"(module
    (import "fanfold:plugin/outputs@0.1.0" "emit"
      (func (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32)))
    (import "fanfold:plugin/outputs@0.1.0" "emit-dynamic"
      (func (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32)))
    (import "fanfold:plugin/events@0.1.0" "log" (func (param i32 i32 i32)))
    (import "fanfold:plugin/events@0.1.0" "progress" (func (param f64 i32 f64 i32 i32)))
    (import "fanfold:plugin/blobs@0.1.0" "create" (func (param i32 i32 i32))))"#;
const EXPORTS: &str = r#"(module (func (export "run")))"#;

static LOADING: LazyLock<Loading> = LazyLock::new(Loading::new);

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some(component) = component(data) else { return Corpus::Reject };
    let loaded = LOADING.load(&component);
    LOADING.forget();
    let Ok(plugin) = loaded else { return Corpus::Keep };
    let (first, second) = (execute(&plugin), execute(&plugin));
    let is_late =
        |ended: &Result<_, StepFailure>| ended.as_ref().is_err_and(|it| it.kind == FailureKind::TimedOut);
    if !is_late(&first) && !is_late(&second) {
        assert_eq!(first, second, "equal work has equal ends");
    }
    check(first);
    Corpus::Keep
});

/// Generated code that is called by a plugin's `execute`.
fn component(data: &[u8]) -> Option<Vec<u8>> {
    let module = Module::new(config(), &mut Unstructured::new(data)).ok()?;
    let text = wasmprinter::print_bytes(module.to_bytes()).ok()?;
    let (_, run) = text.split_once("(export \"run\" (func ")?;
    let run = run.split(')').next()?;
    let solid = Solid { name: "s".to_owned(), ..Solid::default() };
    let described = memory(&[solid])?.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "\\{byte:02x}");
        text
    });
    let fields = guest::fields(&described, &format!("(call {run})"));
    let text = format!("{} {fields})", text.trim_end().strip_suffix(')')?);
    guest::component(&wat::parse_str(text).ok()?)
}

/// What the host's engine takes.
fn config() -> Config {
    let module = |text| Some(wat::parse_str(text).expect("a module"));
    Config {
        available_imports: module(IMPORTS),
        exports: module(EXPORTS),
        exceptions_enabled: false,
        gc_enabled: false,
        // References to anything but functions belong to garbage collection, which the engine does not have.
        reference_types_enabled: false,
        threads_enabled: false,
        max_memories: 2,
        max_memory32_bytes: 8 << 16,
        max_memory64_bytes: 8 << 16,
        max_tables: 4,
        max_table_elements: 1000,
        ..Config::default()
    }
}

fn limits() -> Limits {
    Limits {
        memory_bytes: 1 << 20,
        wall: Duration::from_secs(2),
        fuel: Some(100_000),
        value_bytes: 1 << 10,
        output_bytes: 4 << 10,
        keys: 16,
        log_bytes: 4 << 10,
        ..Limits::default()
    }
}

fn execute(plugin: &Plugin) -> Result<StepReport, StepFailure> {
    plugin.execute(StepRequest {
        solid: "s",
        mapping_keys: &[],
        config: "null",
        inputs: Vec::new(),
        attempt: 0,
        seed: Seed::default(),
        grants: &Grants::none(),
        limits: &limits(),
        interrupt: Interrupt::default(),
        host: Box::new(Sink),
    })
}

fn check(ended: Result<StepReport, StepFailure>) {
    let limits = limits();
    match ended {
        Ok(report) => {
            assert!(report.peak_memory_bytes <= limits.memory_bytes, "{report:?}");
            assert!(report.value_bytes <= limits.output_bytes && report.fuel <= limits.fuel, "{report:?}");
        }
        // `Sink` makes no blobs, which is the one failure of the host here.
        Err(failure) => assert!(
            failure.kind != FailureKind::HostFailed
                || failure.to_string().contains("there are no blobs here"),
            "{failure:?}"
        ),
    }
}
