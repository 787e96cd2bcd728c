//! How a command ends.

use std::process::ExitCode;

use fanfold::diagnostic::Diagnostic;
use fanfold::store::StoreError;

/// What a verb comes to.
pub(crate) type Outcome = Result<Exit, Failure>;

/// The exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Succeeded,
    /// A run failed, or the system was in the way: files, memory, network.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A pipeline, plugin or configuration is wrong.
    Invalid,
    /// Somebody canceled the run.
    Canceled,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Succeeded => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Invalid => 3,
            Exit::Canceled => 130,
        })
    }
}

/// Why a command gave up: what to tell, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is wrong, one or more.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The exit code.
    pub(crate) exit: Exit,
}

impl Failure {
    /// The command line is wrong in a way that its parser does not see.
    pub(crate) fn usage(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: vec![diagnostic], exit: Exit::Usage }
    }

    /// A pipeline, plugin or configuration is wrong.
    pub(crate) fn invalid(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: vec![diagnostic], exit: Exit::Invalid }
    }

    /// The system is in the way.
    pub(crate) fn system(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: vec![diagnostic], exit: Exit::Failed }
    }

    /// Pipelines, plugins or configurations are wrong in several places.
    pub(crate) fn all_invalid(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, exit: Exit::Invalid }
    }

    /// The run store is in the way.
    pub(crate) fn store(error: &StoreError) -> Self {
        let is_usage = matches!(error, StoreError::RunExists(_) | StoreError::RunNeeded { .. });
        let exit = if is_usage { Exit::Usage } else { Exit::Failed };
        Self { diagnostics: vec![Diagnostic::new(error.to_string()).hint(error.hint())], exit }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::store(&error)
    }
}
