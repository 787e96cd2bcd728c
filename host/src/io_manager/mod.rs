//! IO managers: where outputs keep their values, if not in the run store. Each is an object store that the settings name,
//! and an output's `io_manager_key` chooses one.
//!
//! ```toml
//! [io_managers.lake]
//! url = "s3://bucket/runs"                  # or gs://, az://, file:///; or path = "data/runs"
//! options = { region = "eu-central-1", secret_access_key = { env = "LAKE_SECRET" } }
//! ```
//!
//! Invariants:
//! - The log says where each value is, how long it is, and its digest: what is read is checked against that.
//! - Values of any size pass through in chunks.
//! - No secret of the options is in a message.
//!
//! Deliberately absent: taking objects away. A run may be removed and what it made is still wanted.

mod connect;
mod object;
mod path;
mod settings;

use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use fanfold_graph::plan::Plan;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::diagnostic::Diagnostic;
use crate::sandbox::Interrupt;

pub use object::ObjectReader;
pub use path::object_path;
pub use settings::{IoManagerSettings, OptionValue};

use object::Objects;

/// The key that means the run store, as leaving it out does.
pub const RUN_STORE_KEY: &str = "io_manager";
/// How often somebody who waits for an object store looks whether that is still wanted.
const PAUSE: Duration = Duration::from_millis(50);

/// Where an IO manager keeps a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeper {
    /// Names the IO manager.
    pub io_manager: String,
    /// The object's place in it.
    pub path: String,
}

/// The project's IO managers. They reach for their object stores when they are first used.
#[derive(Debug, Default)]
pub struct IoManagers {
    managers: BTreeMap<String, Manager>,
    runtime: OnceLock<Result<Runtime, String>>,
}

#[derive(Debug)]
struct Manager {
    settings: IoManagerSettings,
    objects: OnceLock<Result<Objects, String>>,
}

impl IoManagers {
    /// Those of the settings.
    pub fn new(settings: &BTreeMap<String, IoManagerSettings>) -> Self {
        let manager =
            |settings: &IoManagerSettings| Manager { settings: settings.clone(), objects: OnceLock::new() };
        let managers = settings.iter().map(|(name, settings)| (name.clone(), manager(settings)));
        Self { managers: managers.collect(), ..Self::default() }
    }

    /// Checks that what a plan's outputs choose is there and can be set up. Nothing is written or read.
    pub fn check(&self, plan: &Plan) -> Result<(), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        for solid in plan.solids() {
            let name = &plan.invocation(solid).name;
            for output in &plan.definition(solid).outputs {
                let Some(key) = chosen(output.io_manager_key.as_deref()) else { continue };
                let Err(problem) = self.manager(key).and_then(Manager::objects) else { continue };
                let problem = Diagnostic::new(format!("solid `{name}`, output `{}`: {problem}", output.name));
                problems.push(if self.managers.contains_key(key) {
                    problem.hint(format!("see `io_managers.{key}` in fanfold.toml"))
                } else {
                    problem.did_you_mean(key, self.managers.keys().map(String::as_str))
                });
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Writes an object, over the one that may be there. `interrupt` ends the waiting.
    pub fn write(
        &self,
        keeper: &Keeper,
        content: &mut dyn io::Read,
        interrupt: &Interrupt,
    ) -> io::Result<()> {
        let found = self.manager(&keeper.io_manager).and_then(Manager::objects).map_err(io::Error::other)?;
        let written = found.write(self, &keeper.path, content, interrupt);
        written.map_err(|error| self.told(keeper, "write", &error))
    }

    /// Reads an object in chunks. `interrupt` ends the waiting for each.
    pub fn open(&self, keeper: &Keeper, interrupt: &Interrupt) -> io::Result<ObjectReader<'_>> {
        let found = self.manager(&keeper.io_manager).and_then(Manager::objects).map_err(io::Error::other)?;
        let chunks = found.open(self, &keeper.path, interrupt);
        let chunks = chunks.map_err(|error| self.told(keeper, "read", &error))?;
        let (keeper, interrupt) = (keeper.clone(), interrupt.clone());
        Ok(ObjectReader { io: self, keeper, interrupt, chunks, chunk: Bytes::new() })
    }

    fn manager(&self, name: &str) -> Result<&Manager, String> {
        self.managers.get(name).ok_or_else(|| format!("there is no IO manager `{}`", name.escape_debug()))
    }

    /// What went wrong, without the secrets that an object store may have put into its message.
    fn told(&self, keeper: &Keeper, verb: &str, error: &io::Error) -> io::Error {
        let Keeper { io_manager, path } = keeper;
        let mut problem = error.to_string();
        if let Some(manager) = self.managers.get(io_manager) {
            problem = manager.settings.redacted(problem);
        }
        io::Error::new(error.kind(), format!("IO manager `{io_manager}` cannot {verb} `{path}`: {problem}"))
    }

    /// Waits for an object store, until `interrupt` ends it.
    fn wait<T>(
        &self,
        interrupt: &Interrupt,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> io::Result<T> {
        let started = self.runtime.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            runtime.map_err(|error| error.to_string())
        });
        let runtime = started.as_ref().map_err(|error| io::Error::other(error.clone()))?;
        runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                match tokio::time::timeout(PAUSE, &mut work).await {
                    Ok(done) => return done.map_err(io::Error::from),
                    // Not as `Interrupted`: whoever reads tries again after that.
                    Err(_) if interrupt.is_canceled() => {
                        return Err(io::Error::other("the step was canceled while it waited"));
                    }
                    Err(_) => {}
                }
            }
        })
    }
}

impl Manager {
    fn objects(&self) -> Result<&Objects, String> {
        let objects = self.objects.get_or_init(|| Objects::of(&self.settings));
        objects.as_ref().map_err(Clone::clone)
    }
}

/// The IO manager that an output's key chooses; none for the run store.
pub fn chosen(key: Option<&str>) -> Option<&str> {
    key.filter(|key| *key != RUN_STORE_KEY)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn keeper() -> Keeper {
        Keeper { io_manager: "lake".to_owned(), path: "r/x".to_owned() }
    }

    #[test]
    fn secrets_are_not_told() {
        let options =
            [("secret_access_key", "s3cr3t-key"), ("region", "eu-central-1"), ("allow_http", "true")];
        let options = options.map(|(name, value)| (name.to_owned(), OptionValue::Text(value.to_owned())));
        let settings = IoManagerSettings { url: "s3://b".to_owned(), options: BTreeMap::from(options) };
        let managers = IoManagers::new(&BTreeMap::from([("lake".to_owned(), settings)]));
        let error = io::Error::other("403 at eu-central-1 for s3cr3t-key: true");
        assert_eq!(
            managers.told(&keeper(), "read", &error).to_string(),
            "IO manager `lake` cannot read `r/x`: 403 at eu-central-1 for ***: true"
        );
    }

    #[test]
    fn whoever_waits_is_let_go_when_the_step_is_canceled() {
        let (managers, interrupt) = (IoManagers::default(), Interrupt::default());
        interrupt.cancel();
        let waited = managers.wait(&interrupt, std::future::pending::<object_store::Result<()>>());
        assert_eq!(waited.unwrap_err().to_string(), "the step was canceled while it waited");
        let mut reader = ObjectReader {
            io: &managers,
            keeper: keeper(),
            interrupt,
            chunks: futures_util::stream::pending().boxed(),
            chunk: Bytes::new(),
        };
        let read = io::Read::read_to_end(&mut reader, &mut Vec::new());
        assert!(read.unwrap_err().to_string().starts_with("IO manager `lake` cannot read `r/x`: "));
    }
}
