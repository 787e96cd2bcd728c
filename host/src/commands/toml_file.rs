//! Reads TOML files, with errors that point into them.

use std::path::Path;

use fanfold::diagnostic::{Diagnostic, Place};
use serde::de::DeserializeOwned;

use super::Failure;

/// Reads what is needed of a file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::invalid(Diagnostic::caused_by(format!("cannot read `{shown}`"), &error)))?;
    toml::from_str(&text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let place = Place::of_bytes(shown.to_string(), &text, span.start, span.end);
        Failure::invalid(Diagnostic::new(error.message()).at(place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_points_to_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.toml");
        std::fs::write(&path, "a = 1\nb = [\n").unwrap();
        let failure = read::<toml::Table>(&path).unwrap_err();
        let place = failure.diagnostics[0].place.as_ref().unwrap();
        assert_eq!(place.file, path.display().to_string());
        assert!(place.line >= 2, "{place}");
        assert!(read::<toml::Table>(directory.path()).is_err());
    }
}
