//! Looks at the machine: which compilers, linkers and libraries are there.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment::cleaned;
use super::facts::{Compiler, Facts, Origin, RustVersion, WasmTarget};

/// Where Debian's `wasi-libc` and the WASI SDK put `libc.a`.
const LIBC_DIRECTORIES: &[&str] = &[
    "/usr/lib/wasm32-wasi",
    "/usr/lib/wasm32-wasip1",
    "/opt/wasi-sdk/share/wasi-sysroot/lib/wasm32-wasip1",
    "/opt/wasi-sdk/share/wasi-sysroot/lib/wasm32-wasi",
];

/// Looks at everything. Takes a few runs of rustc, tens of milliseconds.
pub fn probe() -> Facts {
    let rustup = find_on_path("rustup");
    let mut compilers = rustup.as_deref().map(rustup_compilers).unwrap_or_default();
    compilers.extend(system_compilers(rustup.as_deref()));
    let mut seen = HashSet::new();
    // On merged systems `/bin` is `/usr/bin`.
    compilers.retain(|compiler| seen.insert(compiler.rustc.canonicalize().ok()));
    Facts {
        compilers,
        linker: find_linker(),
        wasi_libc: LIBC_DIRECTORIES.iter().map(PathBuf::from).find(|path| path.join("libc.a").is_file()),
        rustup,
        can_apt: is_root() && find_on_path("apt-get").is_some(),
    }
}

/// The directories of `PATH`, then the system's own: a user's `PATH` may hide what Debian has installed.
fn search_directories() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/bin".into(), "/usr/local/bin".into()]).collect()
}

fn find_on_path(name: &str) -> Option<PathBuf> {
    search_directories().into_iter().map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// `wasm-ld`, or the newest `wasm-ld-NN`.
fn find_linker() -> Option<PathBuf> {
    find_on_path("wasm-ld")
        .or_else(|| (14..=40).rev().find_map(|version| find_on_path(&format!("wasm-ld-{version}"))))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// The toolchains that rustup has installed, its default first.
fn rustup_compilers(rustup: &Path) -> Vec<Compiler> {
    let listed = output(cleaned(Command::new(rustup)).args(["toolchain", "list", "-v"])).unwrap_or_default();
    let mut toolchains: Vec<_> = listed.lines().filter_map(toolchain_line).collect();
    toolchains.sort_by_key(|(_, _, is_default)| !is_default);
    let compiler = |(name, directory, _): (String, PathBuf, bool)| {
        let bin = directory.canonicalize().ok()?.join("bin");
        look_at(&bin, Origin::Rustup(name))
    };
    toolchains.into_iter().filter_map(compiler).collect()
}

/// Reads a line such as `stable-x86_64-unknown-linux-gnu (active, default) /home/me/.rustup/toolchains/...`: name,
/// directory, and whether it is the default.
fn toolchain_line(line: &str) -> Option<(String, PathBuf, bool)> {
    let (name, rest) = line.split_once(char::is_whitespace)?;
    let directory = rest.find('/').map(|start| PathBuf::from(rest[start..].trim()))?;
    Some((name.to_owned(), directory, rest.contains("default")))
}

/// Compilers that are not rustup's. rustup's own `rustc` is a stand-in that picks a toolchain when it is run.
fn system_compilers(rustup: Option<&Path>) -> Vec<Compiler> {
    let rustup = rustup.and_then(|rustup| rustup.canonicalize().ok());
    let is_stand_in = |path: &Path| path.canonicalize().ok() == rustup && rustup.is_some();
    let directories = search_directories();
    let own = directories.iter().filter(|directory| {
        let rustc = directory.join("rustc");
        rustc.is_file() && !is_stand_in(&rustc)
    });
    own.filter_map(|directory| look_at(directory, Origin::System)).collect()
}

/// Asks the rustc in `bin` what it has; none if it does not run or has no cargo beside it.
fn look_at(bin: &Path, origin: Origin) -> Option<Compiler> {
    let (rustc, cargo) = (bin.join("rustc"), bin.join("cargo"));
    if !cargo.is_file() {
        return None;
    }
    let ask = |arguments: &[&str]| output(cleaned(Command::new(&rustc)).args(arguments));
    let verbose = ask(&["-vV"])?;
    let host = verbose.lines().find_map(|line| line.strip_prefix("host: "))?;
    let libraries = PathBuf::from(ask(&["--print", "sysroot"])?.trim()).join("lib/rustlib");
    let has_std = |target: &WasmTarget| has_std(&libraries.join(target.triple()).join("lib"));
    Some(Compiler {
        version: RustVersion::from_verbose(&verbose)?,
        std_targets: WasmTarget::ALL.into_iter().filter(has_std).collect(),
        has_std_source: libraries.join("src/rust/library/std/Cargo.toml").is_file(),
        has_linker: libraries.join(host).join("bin/rust-lld").is_file(),
        cargo,
        rustc,
        origin,
    })
}

fn has_std(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| {
        let path = PathBuf::from(entry.file_name());
        path.to_string_lossy().starts_with("libstd-")
            && path.extension().is_some_and(|extension| extension == "rlib")
    })
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_rustup_are_read() {
        let line = "stable-x86_64-unknown-linux-gnu (active, default) /root/.rustup/toolchains/stable";
        let wanted =
            ("stable-x86_64-unknown-linux-gnu".to_owned(), "/root/.rustup/toolchains/stable".into(), true);
        assert_eq!(toolchain_line(line), Some(wanted));
        let plain = toolchain_line("nightly\t/t/nightly").unwrap();
        assert_eq!((plain.0.as_str(), plain.2), ("nightly", false));
        assert_eq!(toolchain_line("no installed toolchains"), None);
    }

    #[test]
    fn versions_are_read() {
        let text = "rustc 1.96.0\nhost: x\nrelease: 1.96.0-nightly\n";
        assert_eq!(RustVersion::from_verbose(text), Some(RustVersion(1, 96)));
        assert_eq!(RustVersion::from_verbose("rustc 1.96.0"), None);
    }

    #[test]
    fn probing_finds_the_compiler_of_these_tests_or_none() {
        for compiler in probe().compilers {
            assert!(compiler.rustc.is_file(), "{}", compiler.rustc.display());
        }
    }
}
