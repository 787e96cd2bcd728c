//! `fanfold doctor`: what is here for compiling and running plugins, and what is missing.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use fanfold::diagnostic::printable;
use fanfold::plugin_build::{ToolchainReport, probe};
use fanfold::sandbox::{CompileCache, Engine, EngineOptions};
use serde_json::{Value as Json, json};

use super::project::Project;
use super::{Exit, Outcome, sandbox, terminal};
use crate::cli::{DoctorArgs, Format};

pub(super) fn execute(args: &DoctorArgs) -> Outcome {
    let project = Project::find()?;
    let report = Report {
        toolchain: ToolchainReport::of(&probe()),
        checks: vec![
            engine(),
            compile_cache(),
            writable("plugins directory", &project.plugins_directory(None)),
            writable("run store", &project.store_directory(args.store.store.as_deref())),
        ],
    };
    terminal::print(&match args.format {
        Format::Text => report.text(),
        Format::Json => format!("{:#}", report.json()),
    })?;
    Ok(if report.is_ready() { Exit::Succeeded } else { Exit::Failed })
}

/// Something that running needs: what was found of it, or what is wrong.
struct Check {
    what: &'static str,
    result: Result<String, String>,
}

struct Report {
    toolchain: ToolchainReport,
    checks: Vec<Check>,
}

impl Report {
    fn is_ready(&self) -> bool {
        self.toolchain.is_ready && self.checks.iter().all(|check| check.result.is_ok())
    }

    fn text(&self) -> String {
        let found =
            self.toolchain.lines.iter().map(|line| {
                (line.what.as_str(), line.found.clone().unwrap_or_else(|| "not found".to_owned()))
            });
        let to_do = if self.toolchain.is_ready { "`fanfold build` will" } else { "to do" };
        let compiling: Vec<_> = found.chain([(to_do, self.toolchain.plan.clone())]).collect();
        let running = self.checks.iter().map(|check| {
            let found = check.result.clone().unwrap_or_else(|problem| format!("error: {problem}"));
            (check.what, found)
        });
        let running: Vec<_> = running.collect();
        let verdict = if self.is_ready() { "ready" } else { "not ready: see above" };
        format!(
            "{}\n\n{}\n\n{verdict}",
            section("compiling plugins", &compiling),
            section("running them", &running)
        )
    }

    fn json(&self) -> Json {
        let lines = self.toolchain.lines.iter().map(|line| json!({ "what": line.what, "found": line.found }));
        let checks = self.checks.iter().map(|check| {
            let (found, error) = (check.result.as_ref().ok(), check.result.as_ref().err());
            json!({ "what": check.what, "found": found, "error": error })
        });
        json!({
            "is_ready": self.is_ready(),
            "compiling": {
                "is_ready": self.toolchain.is_ready,
                "found": lines.collect::<Json>(),
                "plan": self.toolchain.plan,
            },
            "running": checks.collect::<Json>(),
        })
    }
}

/// A title and lines in two columns.
fn section(title: &str, lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
    let lines = lines.iter().map(|(what, found)| format!("\n  {what:width$}  {}", printable(found)));
    [format!("{title}:")].into_iter().chain(lines).collect()
}

fn engine() -> Check {
    let result = match Engine::new(EngineOptions::default()) {
        Ok(engine) => Ok(format!("works; memory reset between steps: {}", engine.memory_reset())),
        Err(error) => Err(error.to_string()),
    };
    Check { what: "sandbox", result }
}

fn compile_cache() -> Check {
    let result = match sandbox::cache_directory() {
        None => Err("HOME is not set; set FANFOLD_CACHE".to_owned()),
        // A cache that is there is looked at as it will be used; one that is not is not made.
        Some(directory) if directory.exists() => match CompileCache::open(&directory) {
            Ok(_) => can_write(&directory),
            Err(error) => Err(error.to_string()),
        },
        Some(directory) => can_write(&directory),
    };
    Check { what: "compile cache", result }
}

fn writable(what: &'static str, directory: &Path) -> Check {
    Check { what, result: can_write(directory) }
}

/// Whether files can be made in a directory, or in the nearest one above it that is there.
fn can_write(directory: &Path) -> Result<String, String> {
    let shown = directory.display();
    let attempt = || -> io::Result<()> {
        let whole = std::path::absolute(directory)?;
        let nearest = whole.ancestors().find(|above| above.exists()).unwrap_or(&whole);
        let probe = nearest.join(format!(".fanfold-doctor-{}", std::process::id()));
        File::create_new(&probe)?;
        fs::remove_file(&probe)
    };
    match attempt() {
        Ok(()) if directory.exists() => Ok(format!("{shown}, writable")),
        Ok(()) => Ok(format!("{shown}, not there yet, can be made")),
        Err(error) => Err(format!("cannot write to `{shown}`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use fanfold::plugin_build::Facts;

    use super::*;

    #[test]
    fn a_report_says_what_is_missing_and_what_to_do() {
        let toolchain = ToolchainReport::of(&Facts::default());
        let checks = vec![
            Check { what: "sandbox", result: Ok("works".to_owned()) },
            Check { what: "run store", result: Err("cannot write to `x`: full".to_owned()) },
        ];
        let report = Report { toolchain, checks };
        let wanted = "\
compiling plugins:
  rust compiler       not found
  WebAssembly linker  not found
  WASI libc           not found
  rustup              not found
  to do               install rust 1.95 or later from https://rustup.rs, then: rustup target add wasm32-wasip2

running them:
  sandbox    works
  run store  error: cannot write to `x`: full

not ready: see above";
        assert_eq!(report.text(), wanted);
        assert_eq!(report.json()["is_ready"], false);
        assert_eq!(report.json()["running"][1]["error"], "cannot write to `x`: full");
    }

    #[test]
    fn a_directory_is_writable_if_files_can_be_made_where_it_would_be() {
        let root = tempfile::tempdir().unwrap();
        assert!(can_write(root.path()).unwrap().ends_with(", writable"));
        assert!(can_write(&root.path().join("a/b")).unwrap().ends_with("can be made"));
        fs::write(root.path().join("file"), "").unwrap();
        assert!(can_write(&root.path().join("file/b")).is_err());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
