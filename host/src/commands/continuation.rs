//! The commands that go on with a run, as they are typed: with what the command line said of where things are.

use std::path::Path;

use fanfold::store::RunId;

use crate::cli::{PluginsDirectoryArgs, StoreArgs};

/// How a run can be gone on with.
pub(super) struct Continuation {
    /// ` --store runs`
    options: String,
}

impl Continuation {
    /// Of a run in this store.
    pub(super) fn in_store(store: &StoreArgs) -> Self {
        Self { options: store.store.as_deref().map(|it| option("--store", it)).unwrap_or_default() }
    }

    /// Of a run in this store, with these plugins.
    pub(super) fn new(store: &StoreArgs, plugins: &PluginsDirectoryArgs) -> Self {
        let plugins = plugins.plugins.as_deref().map(|it| option("--plugins", it)).unwrap_or_default();
        Self { options: plugins + &Self::in_store(store).options }
    }

    pub(super) fn resume(&self, run_id: &RunId) -> String {
        format!("fanfold resume {run_id}{}", self.options)
    }

    pub(super) fn retry_from_failure(&self, run_id: &RunId) -> String {
        format!("fanfold retry {run_id} --from-failure{}", self.options)
    }
}

/// A path's option, quoted for a shell where that is needed.
fn option(name: &str, path: &Path) -> String {
    let path = path.to_string_lossy();
    // Only a NUL cannot be quoted, and no argument has one.
    let quoted = shlex::try_quote(&path).unwrap_or_else(|_| path.as_ref().into());
    format!(" {name} {quoted}")
}
