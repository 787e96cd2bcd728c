//! Keeps the caller's own build out of a plugin's: run under cargo or rustup, a process has variables that would make
//! another compiler use the wrong files.

use std::process::Command;

/// Variables that a cargo, rustup or clippy around us sets for itself.
const LEAKS: &[&str] = &[
    "CARGO",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "OUT_DIR",
    "RUSTC",
    "RUSTC_BOOTSTRAP",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "RUST_RECURSION_COUNT",
    "SYSROOT",
];

/// Beginnings of names in `CARGO_...` that are the user's own settings: where things are, and how to reach them.
const KEPT: &[&str] = &["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_TERM_"];

fn is_leak(name: &str) -> bool {
    LEAKS.contains(&name) || (name.starts_with("CARGO_") && !KEPT.iter().any(|kept| name.starts_with(kept)))
}

/// The command, without the variables of a build around us.
pub(super) fn cleaned(mut command: Command) -> Command {
    let is_under_cargo = std::env::var_os("CARGO").is_some();
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_leak) {
            command.env_remove(&name);
        }
    }
    if is_under_cargo {
        // Cargo points it at its own toolchain's libraries.
        command.env_remove("LD_LIBRARY_PATH");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_stay_and_leaks_go() {
        for leak in [
            "CARGO",
            "RUSTC",
            "RUSTUP_TOOLCHAIN",
            "CARGO_TARGET_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PKG_NAME",
        ] {
            assert!(is_leak(leak), "{leak}");
        }
        for kept in
            ["PATH", "HOME", "RUSTUP_HOME", "CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_X_INDEX"]
        {
            assert!(!is_leak(kept), "{kept}");
        }
    }
}
