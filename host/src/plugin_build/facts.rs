//! What a machine has for compiling plugins: plain data, so that decisions about it can be tested anywhere.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// What plugins are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WasmTarget {
    /// WASI 0.2: the compiler makes a component by itself.
    Wasip2,
    /// WASI 0.1, turned into WASI 0.2 by an adapter.
    Wasip1,
    /// No system at all.
    Unknown,
}

impl WasmTarget {
    /// Every target.
    pub const ALL: [Self; 3] = [Self::Wasip2, Self::Wasip1, Self::Unknown];

    /// The compiler's name for it.
    pub fn triple(self) -> &'static str {
        match self {
            Self::Wasip2 => "wasm32-wasip2",
            Self::Wasip1 => "wasm32-wasip1",
            Self::Unknown => "wasm32-unknown-unknown",
        }
    }
}

impl fmt::Display for WasmTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple())
    }
}

/// What a plugin's crate wants around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Platform {
    /// Files, time, standard output: what `std` needs to work. A panic's message reaches the step's log only this way,
    /// and what is unused costs nothing, so every crate gets it that does not ask otherwise.
    #[default]
    #[serde(rename = "wasm32-wasip2")]
    Wasi,
    /// Nothing: `[package.metadata.fanfold] target = "wasm32-unknown-unknown"`. Smaller, and mute.
    #[serde(rename = "wasm32-unknown-unknown")]
    Bare,
}

impl Platform {
    /// The targets that give it, best first.
    pub fn targets(self) -> &'static [WasmTarget] {
        match self {
            Self::Wasi => &[WasmTarget::Wasip2, WasmTarget::Wasip1],
            Self::Bare => &[WasmTarget::Unknown],
        }
    }
}

/// A version of rustc: major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RustVersion(pub u32, pub u32);

/// The oldest compiler that the SDK supports: the workspace's `rust-version`.
pub const OLDEST_RUST: RustVersion = RustVersion(1, 95);

impl fmt::Display for RustVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl RustVersion {
    /// Reads the line `release: 1.96.0` of `rustc -vV`.
    pub fn from_verbose(text: &str) -> Option<Self> {
        let release = text.lines().find_map(|line| line.strip_prefix("release: "))?;
        let mut parts = release.split(['.', '-']);
        Some(Self(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// Where a compiler comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A toolchain of rustup's, by its name.
    Rustup(String),
    /// Installed otherwise.
    System,
}

/// A rustc with the cargo beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// The cargo to run.
    pub cargo: PathBuf,
    /// The rustc that it is to use.
    pub rustc: PathBuf,
    /// Where it comes from.
    pub origin: Origin,
    /// Its version.
    pub version: RustVersion,
    /// The targets whose standard library is installed.
    pub std_targets: Vec<WasmTarget>,
    /// True if the source of its standard library is installed.
    pub has_std_source: bool,
    /// True if it brings a linker for WebAssembly.
    pub has_linker: bool,
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Rustup(name) => write!(f, "rust {} (rustup's {name})", self.version),
            Origin::System => write!(f, "rust {} ({})", self.version, self.rustc.display()),
        }
    }
}

/// Everything that decides how a plugin can be compiled here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The compilers, the user's own choice first.
    pub compilers: Vec<Compiler>,
    /// A linker for WebAssembly outside any compiler: `wasm-ld`, `wasm-ld-22`, ...
    pub linker: Option<PathBuf>,
    /// The directory with WASI's `libc.a`.
    pub wasi_libc: Option<PathBuf>,
    /// rustup, if it is there.
    pub rustup: Option<PathBuf>,
    /// True if `apt-get` is there and this process may use it.
    pub can_apt: bool,
}
