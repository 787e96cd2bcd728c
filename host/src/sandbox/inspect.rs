//! Looks at a file before anything is compiled: is it a plugin of this contract, and what does it need?
//!
//! Reads names only. Whether the types behind them fit is checked when the plugin is linked.

use wasmparser::{Encoding, Parser, Payload};

use super::refusal::Refusal;

/// The version of `fanfold:plugin` that this host speaks.
pub const CONTRACT_VERSION: &str = "0.1.0";

const PACKAGE: &str = "fanfold:plugin/";
/// The contract's interfaces that a plugin may import.
const OWN_INTERFACES: &[&str] =
    &["types", "definitions", "outputs", "collections", "blobs", "events", "attempt"];
/// The interfaces of WASI 0.2 that the host offers, virtualized.
const WASI_INTERFACES: &[&str] = &[
    "cli/environment",
    "cli/exit",
    "cli/stderr",
    "cli/stdin",
    "cli/stdout",
    "cli/terminal-input",
    "cli/terminal-output",
    "cli/terminal-stderr",
    "cli/terminal-stdin",
    "cli/terminal-stdout",
    "clocks/monotonic-clock",
    "clocks/wall-clock",
    "filesystem/preopens",
    "filesystem/types",
    "http/outgoing-handler",
    "http/types",
    "io/error",
    "io/poll",
    "io/streams",
    "random/insecure",
    "random/insecure-seed",
    "random/random",
    "sockets/instance-network",
    "sockets/ip-name-lookup",
    "sockets/network",
    "sockets/tcp",
    "sockets/tcp-create-socket",
    "sockets/udp",
    "sockets/udp-create-socket",
];

/// What a plugin's outside tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspection {
    /// True if it imports `attempt`: its results may differ between attempts.
    pub depends_on_attempt: bool,
    /// True if it imports anything of WASI.
    pub imports_wasi: bool,
    /// The names of what it imports.
    pub imports: Vec<String>,
    /// The names of what it exports.
    pub exports: Vec<String>,
    /// Core modules in it, nested ones included.
    pub modules: usize,
    /// Bytes of its largest function.
    pub largest_function_bytes: u64,
}

/// What grants can show a plugin, by the interfaces through which it would see it.
const WANTS: &[(&str, &str)] = &[
    ("wasi:filesystem/", "directories"),
    ("wasi:http/", "network"),
    ("wasi:cli/environment@", "environment"),
    ("wasi:clocks/", "clock"),
    ("wasi:random/", "randomness"),
];

impl Inspection {
    /// What it may want to be granted. Ordinary toolchains import all of it, whether their programs use it or not.
    pub fn wants(&self) -> Vec<&'static str> {
        let is_imported = |prefix: &str| self.imports.iter().any(|name| name.starts_with(prefix));
        WANTS.iter().filter(|(prefix, _)| is_imported(prefix)).map(|(_, what)| *what).collect()
    }
}

/// Checks that `wasm` is a plugin of this contract. Runs and compiles nothing.
pub fn inspect(wasm: &[u8]) -> Result<Inspection, Refusal> {
    check_start(wasm)?;
    let mut found = read_outside(wasm)?;
    check_version(found.imports.iter().chain(&found.exports))?;
    if !found.exports.iter().any(|name| own_interface(name).is_some_and(|(name, _)| name == "solids")) {
        return Err(Refusal::NotAPlugin { exports: found.exports });
    }
    let unknown: Vec<_> = found.imports.iter().filter(|name| !is_offered(name)).cloned().collect();
    if !unknown.is_empty() {
        return Err(Refusal::UnknownImports { imports: unknown });
    }
    let imports = |wanted: &str| found.imports.iter().any(|name| name.starts_with(wanted));
    (found.depends_on_attempt, found.imports_wasi) = (imports("fanfold:plugin/attempt@"), imports("wasi:"));
    Ok(found)
}

fn check_start(wasm: &[u8]) -> Result<(), Refusal> {
    if wasm.is_empty() {
        return Err(Refusal::Empty);
    }
    if !wasm.starts_with(b"\0asm") {
        return Err(Refusal::NotWasm);
    }
    Ok(())
}

/// What the outermost component imports and exports, and how much there is to compile in all of it.
fn read_outside(wasm: &[u8]) -> Result<Inspection, Refusal> {
    let damaged = |error: wasmparser::BinaryReaderError| Refusal::Damaged(error.message().to_owned());
    let mut found = Inspection::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(damaged)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(Refusal::CoreModule);
            }
            Payload::ModuleSection { .. } => (depth, found.modules) = (depth + 1, found.modules + 1),
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CodeSectionEntry(body) => {
                found.largest_function_bytes = found.largest_function_bytes.max(body.range().len() as u64);
            }
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    found.imports.push(import.map_err(damaged)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    found.exports.push(export.map_err(damaged)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Refuses the first name that belongs to the contract in another version.
fn check_version<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    let other =
        names.find_map(|name| own_interface(name).filter(|(_, version)| *version != CONTRACT_VERSION));
    match other {
        Some((_, found)) => Err(Refusal::OtherVersion { found: found.to_owned() }),
        None => Ok(()),
    }
}

/// Interface and version of a name in the contract's package.
fn own_interface(name: &str) -> Option<(&str, &str)> {
    let interface = name.strip_prefix(PACKAGE)?;
    Some(interface.split_once('@').unwrap_or((interface, "without a version")))
}

fn is_offered(import: &str) -> bool {
    if let Some((interface, _)) = own_interface(import) {
        return OWN_INTERFACES.contains(&interface);
    }
    let wasi = import.strip_prefix("wasi:").and_then(|name| name.split_once('@'));
    wasi.is_some_and(|(interface, version)| {
        version.starts_with("0.2.") && WASI_INTERFACES.contains(&interface)
    })
}
