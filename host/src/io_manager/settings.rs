//! What the settings say of an IO manager.

use std::collections::BTreeMap;

/// An object store, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoManagerSettings {
    /// `s3://bucket/prefix`, `gs://...`, `az://...`, `file:///directory` or `memory:///`.
    pub url: String,
    /// What the object store's client is configured with, by the names that it knows.
    pub options: BTreeMap<String, OptionValue>,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// The settings have it.
    Text(String),
    /// It is in this environment variable, as secrets should be.
    Env(String),
}

impl OptionValue {
    /// The value, or why there is none.
    pub(super) fn get(&self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Env(name) => {
                let missing = || format!("the environment variable `{}` is not set", name.escape_debug());
                std::env::var(name).map_err(|_| missing())
            }
        }
    }
}

impl IoManagerSettings {
    /// A message of an object store's client without the secrets that it may have.
    pub(super) fn redacted(&self, message: String) -> String {
        self.secrets().iter().fold(message, |message, secret| message.replace(secret, "***"))
    }

    /// What must not be in a message: the values of options that are long enough to be secrets.
    fn secrets(&self) -> Vec<String> {
        /// Shorter ones are flags and the like, and would leave holes in every message.
        const MIN_BYTES: usize = 8;
        let values = self.options.iter().filter(|(name, _)| !is_public(name)).map(|(_, value)| value.get());
        values.filter_map(Result::ok).filter(|value| value.len() >= MIN_BYTES).collect()
    }
}

/// Whether an option says where and how, and nothing that is secret.
fn is_public(option: &str) -> bool {
    let name = option.to_ascii_lowercase();
    ["region", "endpoint", "bucket", "container", "url", "timeout"].iter().any(|part| name.contains(part))
}
