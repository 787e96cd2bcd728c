//! A text that a person wrote, of bounded size and read once: what is recorded of it is what was worked with.

use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Place};

/// Bytes of the largest text that is read: far more than a person writes.
const MAX_TEXT_BYTES: usize = 1 << 20;

/// A text and how the person calls it.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// The file's name, as the person gave it.
    pub(crate) name: String,
    /// The content.
    pub(crate) text: String,
}

impl SourceText {
    /// A text that the person calls so. Refuses one that no person wrote.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Result<Self, Diagnostic> {
        let (name, text) = (name.into(), text.into());
        check_size(&name, text.len())?;
        Ok(Self { name, text })
    }

    /// Reads a file that is UTF-8 and has at most 1 MiB. If it is not there, the hint names what is beside it.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path)
            .and_then(|file| file.take(MAX_TEXT_BYTES as u64 + 1).read_to_end(&mut bytes));
        read.map_err(|error| unreadable(path, &name, &error))?;
        check_size(&name, bytes.len())?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text }),
            Err(error) => {
                let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
                let place = Place::of_bytes(name, &valid, valid.len(), valid.len());
                Err(Diagnostic::new("the text is not UTF-8 from here on").at(place))
            }
        }
    }

    /// How the person calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The content.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place of a part of the text, given in bytes.
    pub(crate) fn place(&self, part: &Range<usize>) -> Place {
        Place::of_bytes(self.name.clone(), &self.text, part.start, part.end)
    }
}

fn check_size(name: &str, bytes: usize) -> Result<(), Diagnostic> {
    if bytes <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(Diagnostic::new(format!("`{name}` is larger than 1 MiB")))
}

fn unreadable(path: &Path, name: &str, error: &io::Error) -> Diagnostic {
    let problem = Diagnostic::caused_by(format!("cannot read `{name}`"), error);
    if error.kind() != io::ErrorKind::NotFound {
        return problem;
    }
    let there = beside(path);
    problem.did_you_mean(name, there.iter().map(String::as_str))
}

/// The files with the same extension in the directory of a file, as that one is written.
fn beside(path: &Path) -> Vec<String> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = std::fs::read_dir(listed).into_iter().flatten().flatten();
    let files = entries.map(|entry| directory.join(entry.file_name()));
    let alike = files.filter(|it| it.extension() == path.extension() && it.is_file());
    let mut names: Vec<String> = alike.map(|it| it.display().to_string()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.yaml");
        let problem = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            SourceText::read(&path).unwrap_err()
        };
        let found = problem(b"one\ntw\xff");
        assert_eq!(
            (found.place.unwrap().line, found.message.as_str()),
            (2, "the text is not UTF-8 from here on")
        );
        assert!(problem(&vec![b' '; MAX_TEXT_BYTES + 1]).message.ends_with("is larger than 1 MiB"));
        std::fs::remove_file(&path).unwrap();
        assert!(SourceText::read(&path).unwrap_err().message.starts_with("cannot read"));
    }
}
