//! Something that an author did with solids and handles that cannot be.

use fanfold_graph::compose::ComposeError;
use fanfold_graph::name::NameError;

/// What is wrong, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(super) struct Misuse {
    message: String,
    pub(super) hint: Option<String>,
}

impl Misuse {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    #[must_use]
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<ComposeError> for Misuse {
    fn from(error: ComposeError) -> Self {
        Self { message: error.to_string(), hint: error.hint() }
    }
}

impl From<NameError> for Misuse {
    fn from(error: NameError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<Misuse> for starlark::Error {
    fn from(misuse: Misuse) -> Self {
        Self::new_other(anyhow::Error::new(misuse))
    }
}
