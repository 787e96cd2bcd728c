//! The binary and its plugins, built once, and directories to run in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use fanfold::plugin_build::{BuildRequest, Excluded, build};
use fanfold_graph::name::PluginName;
use serde_json::Value as Json;

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The plugins directory, with what `plugins/` holds in source, compiled already: who compiles first says so.
pub(crate) static PLUGINS: LazyLock<PathBuf> = LazyLock::new(|| {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let out_dir = temporary.join("plugins");
    for name in ["assets", "faults", "files", "hostile", "numbers", "stored"] {
        let request = BuildRequest {
            crate_dir: &root().join("plugins").join(name),
            name: &PluginName::new(name).unwrap(),
            out_dir: &out_dir,
            target_dir: &temporary.join("plugins-target"),
            excluded: Excluded::INSTALLING,
            has_colors: false,
        };
        if let Err(error) = build(&request, |_| {}) {
            panic!("{error}\nhint: {:?}", error.hint());
        }
    }
    let mut compile = fanfold(Path::new("."));
    let compiled = compile.args(["plugins", "ls", "--plugins"]).arg(&out_dir).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    out_dir
});

/// The binary, to be started in a directory.
fn fanfold(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfold"));
    command
        .current_dir(directory)
        .env("FANFOLD_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
        .env("NO_COLOR", "1");
    command
}

/// A run of the binary that has ended.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    pub(crate) fn of(mut command: Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { exit: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }

    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout, self.stderr))
    }
}

/// A directory of its own to run in, with a store beneath.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The binary with these arguments, started here and not ended.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = fanfold(self.path());
        command.args(arguments);
        command
    }

    /// Runs the binary with these arguments here.
    pub(crate) fn fanfold(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// Runs a pipeline as run `r`, its summary as JSON.
    pub(crate) fn run(&self, pipeline: &str, arguments: &[&str]) -> Ran {
        Ran::of(self.run_command(pipeline, arguments))
    }

    /// The command that runs a pipeline as run `r`, its summary as JSON.
    pub(crate) fn run_command(&self, pipeline: &str, arguments: &[&str]) -> Command {
        let plugins = PLUGINS.display().to_string();
        let fixed =
            ["run", pipeline, "--plugins", &plugins, "--store", "store", "--run-id", "r", "--format", "json"];
        self.command(&[&fixed[..], arguments].concat())
    }

    /// The outputs of run `r`.
    pub(crate) fn outputs(&self) -> Json {
        self.fanfold(&["outputs", "r", "--store", "store", "--format", "json"]).json()
    }
}
