//! Which toolchain compiles plugins: a pure decision over [`Facts`].
//!
//! The order, from what costs nothing to what changes the machine:
//! 1. a compiler that has a standard library for WebAssembly;
//! 2. a compiler with its library's source and a linker: the library is compiled along, once per target directory;
//! 3. `rustup target add`, which works where rustup's server is reached;
//! 4. Debian's packages, for root;
//! 5. one line: what to install.

use std::path::PathBuf;

use super::facts::{Compiler, Facts, OLDEST_RUST, Origin, Platform, WasmTarget};

/// Debian's packages that make recipe 2 work.
pub const DEBIAN_PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22", "wasi-libc"];

/// A way to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The compiler.
    pub compiler: Compiler,
    /// What for.
    pub target: WasmTarget,
    /// How it comes by a standard library.
    pub std: StdSource,
}

/// How a recipe comes by a standard library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdSource {
    /// It is installed.
    Installed,
    /// It is compiled along.
    Build {
        /// The linker, where the compiler brings none.
        linker: Option<PathBuf>,
        /// Where WASI's `libc.a` is; none for a target without a system.
        libc: Option<PathBuf>,
    },
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it is a decision"]
pub enum Choice {
    /// Compile.
    Compile(Recipe),
    /// Let rustup install a standard library, then look again.
    RustupTarget {
        /// The toolchain to add it to.
        toolchain: String,
        /// What to add.
        target: WasmTarget,
    },
    /// Install Debian's packages, then look again.
    AptInstall,
    /// Give up. One line: what to install.
    GiveUp(String),
}

/// What was tried already, or may not be tried.
///
/// There is no default: whoever builds says whether the machine may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excluded {
    /// No `rustup target add`.
    pub rustup: bool,
    /// No `apt-get install`.
    pub apt: bool,
}

impl Excluded {
    /// Everything may be tried: what is missing is downloaded and installed.
    pub const NOTHING: Self = Self { rustup: false, apt: false };
    /// Use what is there, and change nothing outside the target and plugins directories.
    pub const INSTALLING: Self = Self { rustup: true, apt: true };
}

/// Decides what to do next.
pub fn choose(facts: &Facts, platform: Platform, excluded: Excluded) -> Choice {
    let usable = || facts.compilers.iter().filter(|compiler| compiler.version >= OLDEST_RUST);
    let installed = platform.targets().iter().find_map(|target| {
        let compiler = usable().find(|compiler| compiler.std_targets.contains(target))?;
        Some(Recipe { compiler: compiler.clone(), target: *target, std: StdSource::Installed })
    });
    if let Some(recipe) = installed {
        return Choice::Compile(recipe);
    }
    if let Some(recipe) = usable().find_map(|compiler| with_own_std(compiler, facts, platform)) {
        return Choice::Compile(recipe);
    }
    let toolchain = usable().find_map(|compiler| match &compiler.origin {
        Origin::Rustup(toolchain) => Some(toolchain.clone()),
        Origin::System => None,
    });
    if let (false, Some(_), Some(toolchain)) = (excluded.rustup, &facts.rustup, toolchain) {
        return Choice::RustupTarget { toolchain, target: platform.targets()[0] };
    }
    if facts.can_apt && !excluded.apt {
        return Choice::AptInstall;
    }
    Choice::GiveUp(what_to_install(facts, platform))
}

/// The recipe that compiles the standard library along, if everything for it is there.
fn with_own_std(compiler: &Compiler, facts: &Facts, platform: Platform) -> Option<Recipe> {
    if !compiler.has_std_source || !(compiler.has_linker || facts.linker.is_some()) {
        return None;
    }
    // wasip2 links by way of one more tool, which only rustup's compilers bring: wasip1 needs just a linker.
    let (target, libc) = match platform {
        Platform::Wasi => (WasmTarget::Wasip1, Some(facts.wasi_libc.clone()?)),
        Platform::Bare => (WasmTarget::Unknown, None),
    };
    let linker = if compiler.has_linker { None } else { facts.linker.clone() };
    Some(Recipe { compiler: compiler.clone(), target, std: StdSource::Build { linker, libc } })
}

fn what_to_install(facts: &Facts, platform: Platform) -> String {
    let target = platform.targets()[0];
    if facts.rustup.is_some() {
        return format!("run `rustup target add {target}` with rust {OLDEST_RUST} or later");
    }
    if facts.compilers.is_empty() {
        return format!(
            "install rust {OLDEST_RUST} or later from https://rustup.rs, then: rustup target add {target}"
        );
    }
    format!(
        "install the standard library of rust {OLDEST_RUST} or later for {target}; on Debian, as root: \
         apt-get install {}",
        DEBIAN_PACKAGES.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin_build::facts::RustVersion;

    fn compiler(origin: Origin) -> Compiler {
        Compiler {
            cargo: "/bin/cargo".into(),
            rustc: "/bin/rustc".into(),
            origin,
            version: OLDEST_RUST,
            std_targets: Vec::new(),
            has_std_source: false,
            has_linker: false,
        }
    }

    fn rustup() -> Compiler {
        Compiler { has_linker: true, ..compiler(Origin::Rustup("stable".to_owned())) }
    }

    fn debian() -> Compiler {
        Compiler { has_std_source: true, ..compiler(Origin::System) }
    }

    fn with_std(compiler: Compiler, target: WasmTarget) -> Compiler {
        Compiler { std_targets: vec![target], ..compiler }
    }

    fn facts(compilers: Vec<Compiler>) -> Facts {
        Facts { compilers, ..Facts::default() }
    }

    /// Everything that Debian's packages bring.
    fn debian_facts(compilers: Vec<Compiler>) -> Facts {
        Facts { linker: Some("/ld".into()), wasi_libc: Some("/libc".into()), ..facts(compilers) }
    }

    /// A decision in one line, to compare.
    fn told(choice: &Choice) -> String {
        match choice {
            Choice::Compile(Recipe { compiler, target, std }) => {
                let std = match std {
                    StdSource::Installed => "installed",
                    StdSource::Build { linker: None, .. } => "built, own linker",
                    StdSource::Build { .. } => "built",
                };
                let origin = if compiler.origin == Origin::System { "system" } else { "rustup" };
                format!("{origin} {target} {std}")
            }
            Choice::RustupTarget { target, .. } => format!("add {target}"),
            Choice::AptInstall => "apt".to_owned(),
            Choice::GiveUp(_) => "give up".to_owned(),
        }
    }

    #[test]
    fn decisions() {
        use Platform::{Bare, Wasi};
        use WasmTarget::{Unknown, Wasip1, Wasip2};
        let none = Excluded::NOTHING;
        let tried = Excluded { rustup: true, apt: false };
        let all = Excluded::INSTALLING;
        let with_rustup = |facts: Facts| Facts { rustup: Some("/rustup".into()), ..facts };
        let old = Compiler { version: RustVersion(1, 80), ..with_std(rustup(), Wasip2) };
        let rustup_src = Compiler { has_std_source: true, ..rustup() };
        let cases = [
            (facts(vec![with_std(rustup(), Wasip2)]), Wasi, none, "rustup wasm32-wasip2 installed"),
            (facts(vec![with_std(rustup(), Wasip1)]), Wasi, none, "rustup wasm32-wasip1 installed"),
            (facts(vec![with_std(rustup(), Unknown)]), Bare, none, "rustup wasm32-unknown-unknown installed"),
            // The better target decides before the first compiler does.
            (
                facts(vec![with_std(debian(), Wasip1), with_std(rustup(), Wasip2)]),
                Wasi,
                none,
                "rustup wasm32-wasip2 installed",
            ),
            // The wrong target's library is of no use.
            (facts(vec![with_std(rustup(), Unknown)]), Wasi, none, "give up"),
            // What changes nothing comes first; rustup is asked only if it has a compiler to add to.
            (with_rustup(debian_facts(vec![rustup(), debian()])), Wasi, none, "system wasm32-wasip1 built"),
            (with_rustup(facts(vec![rustup(), debian()])), Wasi, none, "add wasm32-wasip2"),
            (with_rustup(facts(vec![rustup()])), Bare, none, "add wasm32-unknown-unknown"),
            (with_rustup(facts(vec![rustup()])), Wasi, tried, "give up"),
            (with_rustup(facts(vec![debian()])), Wasi, none, "give up"),
            (debian_facts(vec![debian()]), Bare, none, "system wasm32-unknown-unknown built"),
            (debian_facts(vec![rustup_src.clone()]), Wasi, all, "rustup wasm32-wasip1 built, own linker"),
            // One thing missing of recipe 2.
            (Facts { wasi_libc: None, ..debian_facts(vec![debian()]) }, Wasi, all, "give up"),
            (Facts { linker: None, ..debian_facts(vec![debian()]) }, Wasi, all, "give up"),
            (debian_facts(vec![rustup()]), Wasi, all, "give up"),
            (
                Facts { wasi_libc: None, ..debian_facts(vec![debian()]) },
                Bare,
                all,
                "system wasm32-unknown-unknown built",
            ),
            (Facts { can_apt: true, ..facts(vec![rustup()]) }, Wasi, tried, "apt"),
            (Facts { can_apt: true, ..facts(vec![]) }, Wasi, none, "apt"),
            (Facts { can_apt: true, ..facts(vec![rustup()]) }, Wasi, all, "give up"),
            // Too old counts as not there.
            (facts(vec![old.clone()]), Wasi, none, "give up"),
            (debian_facts(vec![old, debian()]), Wasi, none, "system wasm32-wasip1 built"),
            (facts(vec![]), Wasi, none, "give up"),
        ];
        for (number, (facts, platform, excluded, wanted)) in cases.into_iter().enumerate() {
            assert_eq!(told(&choose(&facts, platform, excluded)), wanted, "case {number}");
        }
    }

    #[test]
    fn giving_up_names_one_thing_to_do() {
        let told = |facts: &Facts| match choose(facts, Platform::Wasi, Excluded::INSTALLING) {
            Choice::GiveUp(line) => line,
            other => panic!("{other:?}"),
        };
        assert!(told(&facts(vec![])).contains("https://rustup.rs"));
        assert!(told(&facts(vec![debian()])).contains("apt-get install rustc-web"));
        let with_rustup = Facts { rustup: Some("/rustup".into()), ..facts(vec![rustup()]) };
        assert!(told(&with_rustup).starts_with("run `rustup target add wasm32-wasip2`"));
    }
}
