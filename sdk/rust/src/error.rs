//! How a solid fails: a description for people, facts about it, and whether to try again.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::Metadata;

/// What a solid returns; both types have defaults, so that `Result` alone means "nothing, or a failure".
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// A solid's own account of why it failed.
///
/// `?` makes one out of any error: every [`std::error::Error`], `anyhow::Error`, `Box<dyn Error>`, and texts. The
/// causes are kept in the description, `cannot read `a`: permission denied`.
///
/// It is no [`std::error::Error`] itself, which is what lets `?` take them all.
pub struct Error {
    description: String,
    metadata: Metadata,
    retry: RetryRequest,
}

/// Whether a failed step wants to run again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryRequest {
    /// As its retry policy says.
    #[default]
    ByPolicy,
    /// Not at all, whatever the policy says.
    Never,
    /// After that pause, as long as the policy has retries left.
    After(Duration),
}

impl Error {
    /// A failure that is described by `description`, retried as the solid's policy says.
    pub fn new(description: impl Into<String>) -> Self {
        Self { description: description.into(), metadata: Metadata::new(), retry: RetryRequest::ByPolicy }
    }

    /// Asks not to be retried, whatever the policy says: the same work would fail again.
    #[must_use]
    pub fn never_retry(mut self) -> Self {
        self.retry = RetryRequest::Never;
        self
    }

    /// Asks for a retry after `pause` (in whole milliseconds), as long as the policy has retries left.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry = RetryRequest::After(pause);
        self
    }

    /// Attaches facts about the failure.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Says what was being done: `{doing}: {description}`.
    #[must_use]
    pub fn while_doing(mut self, doing: impl fmt::Display) -> Self {
        self.description = format!("{doing}: {}", self.description);
        self
    }

    /// Description and facts, taken out.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (String, Metadata) {
        (self.description, self.metadata)
    }

    /// What happened, with its causes.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Facts about the failure.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether the solid asked for a retry or against it.
    pub fn retry(&self) -> RetryRequest {
        self.retry
    }
}

/// Any error becomes a failure that is retried as the policy says.
impl<E: Into<Box<dyn StdError>>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(with_causes(error.into().as_ref()))
    }
}

/// The error's text, followed by those of its causes that it does not repeat already.
fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

/// The description as it is, so that `unwrap` in a test reads well.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

/// What a solid may add to an error on its way out.
pub trait ResultExt<T> {
    /// Says what was being done when it failed; `doing` runs only then.
    fn while_doing<D: fmt::Display>(self, doing: impl FnOnce() -> D) -> Result<T>;
    /// Asks not to be retried: see [`Error::never_retry`].
    fn never_retry(self) -> Result<T>;
    /// Asks for a retry after `pause`: see [`Error::retry_after`].
    fn retry_after(self, pause: Duration) -> Result<T>;
}

impl<T, E: Into<Error>> ResultExt<T> for std::result::Result<T, E> {
    fn while_doing<D: fmt::Display>(self, doing: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.into().while_doing(doing()))
    }

    fn never_retry(self) -> Result<T> {
        self.map_err(|error| error.into().never_retry())
    }

    fn retry_after(self, pause: Duration) -> Result<T> {
        self.map_err(|error| error.into().retry_after(pause))
    }
}

/// Fails the solid with a formatted description: `fail!("no rows in {path}")`.
#[macro_export]
macro_rules! fail {
    ($($message:tt)+) => {
        return ::core::result::Result::Err(
            ::core::convert::Into::into($crate::Error::new(::std::format!($($message)+)))
        )
    };
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn io_error() -> io::Error {
        io::Error::new(io::ErrorKind::NotFound, "no such file")
    }

    #[test]
    fn question_mark_takes_every_kind_of_error() {
        fn std_error() -> Result {
            Err(io_error())?
        }
        fn boxed() -> Result {
            let boxed: Box<dyn StdError> = io_error().into();
            Err(boxed)?
        }
        fn text() -> Result {
            Err("no such file")?
        }
        fn by_anyhow() -> Result {
            Err(anyhow::Error::from(io_error()))?
        }
        for solid in [std_error, boxed, text, by_anyhow] {
            assert_eq!(solid().unwrap_err().description(), "no such file");
        }
    }

    #[test]
    fn causes_are_told_once() {
        let error: Error = anyhow::Error::from(io_error()).context("cannot open `a`").into();
        assert_eq!(error.description(), "cannot open `a`: no such file");
        let error = Err::<(), _>(error).while_doing(|| "digesting").unwrap_err();
        assert_eq!(error.to_string(), "digesting: cannot open `a`: no such file");
    }

    #[test]
    fn retries_can_be_asked_for_and_forbidden() {
        assert_eq!(Error::from("x").retry(), RetryRequest::ByPolicy);
        assert_eq!(Err::<(), _>(io_error()).never_retry().unwrap_err().retry(), RetryRequest::Never);
        let pause = Duration::from_secs(2);
        assert_eq!(
            Err::<(), _>(io_error()).retry_after(pause).unwrap_err().retry(),
            RetryRequest::After(pause)
        );
    }

    #[test]
    fn fail_formats_its_message() {
        fn solid(x: i32) -> Result<i32> {
            if x > 0 {
                fail!("{x} is too large");
            }
            Ok(x)
        }
        assert_eq!(solid(0).unwrap(), 0);
        assert_eq!(solid(3).unwrap_err().description(), "3 is too large");
    }
}
