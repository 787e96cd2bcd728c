//! What `fanfold doctor` says about compiling plugins.

use super::choice::{Choice, Excluded, StdSource, choose};
use super::facts::{Facts, Platform};

/// One line: something that plugins are compiled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportLine {
    /// What it is.
    pub what: String,
    /// What was found of it; none if nothing was.
    pub found: Option<String>,
}

/// What is there for compiling plugins, what is missing, and what would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolchainReport {
    /// What is there and what is missing.
    pub lines: Vec<ReportLine>,
    /// True if plugins can be compiled without installing anything.
    pub is_ready: bool,
    /// What compiling would do, or what to install: one line.
    pub plan: String,
}

impl ToolchainReport {
    /// The report on a machine with these facts.
    pub fn of(facts: &Facts) -> Self {
        let mut lines: Vec<_> = facts.compilers.iter().map(compiler_line).collect();
        if lines.is_empty() {
            lines.push(ReportLine { what: "rust compiler".to_owned(), found: None });
        }
        let path = |what: &str, found: &Option<std::path::PathBuf>| {
            let found = found.as_ref().map(|path| path.display().to_string());
            ReportLine { what: what.to_owned(), found }
        };
        lines.push(path("WebAssembly linker", &facts.linker));
        lines.push(path("WASI libc", &facts.wasi_libc));
        lines.push(path("rustup", &facts.rustup));
        // Installing comes last: whatever compiles without it is chosen first.
        let decision = choose(facts, Platform::Wasi, Excluded::NOTHING);
        Self { lines, is_ready: matches!(decision, Choice::Compile(_)), plan: plan(&decision) }
    }
}

fn compiler_line(compiler: &super::facts::Compiler) -> ReportLine {
    let mut has: Vec<_> = compiler.std_targets.iter().map(|target| format!("std for {target}")).collect();
    if compiler.has_std_source {
        has.push("std's source".to_owned());
    }
    if compiler.has_linker {
        has.push("a linker".to_owned());
    }
    let found = if has.is_empty() { "nothing for WebAssembly".to_owned() } else { has.join(", ") };
    ReportLine { what: compiler.to_string(), found: Some(found) }
}

fn plan(choice: &Choice) -> String {
    match choice {
        Choice::Compile(recipe) => {
            let std = match recipe.std {
                StdSource::Installed => "",
                StdSource::Build { .. } => ", compiling the standard library along",
            };
            format!("compile for {} with {}{std}", recipe.target, recipe.compiler)
        }
        Choice::RustupTarget { toolchain, target } => {
            format!("rustup target add --toolchain {toolchain} {target}")
        }
        Choice::AptInstall => format!("apt-get install {}", super::choice::DEBIAN_PACKAGES.join(" ")),
        Choice::GiveUp(line) => line.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_machine_is_told_what_to_install() {
        let report = ToolchainReport::of(&Facts::default());
        assert!(!report.is_ready);
        assert!(report.lines.iter().all(|line| line.found.is_none()));
        assert!(report.plan.contains("rustup.rs"));
    }
}
