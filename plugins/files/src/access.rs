//! What a refusal of the file system means to somebody who runs a pipeline.

use std::io;
use std::path::Path;

use fanfold_sdk::Error;

/// Says what could not be done to which path, and why, in words that fit a plugin: it sees only what it was granted.
pub(crate) fn failure(doing: &str, path: &Path, error: &io::Error) -> Error {
    let why = match sandbox_error(error) {
        Some(why) => why.to_owned(),
        None => error.to_string(),
    };
    Error::new(format!("cannot {doing} `{}`: {why}", path.display()))
}

/// Errors that only WASI has, by their numbers there; the texts that come with them are no help.
fn sandbox_error(error: &io::Error) -> Option<&'static str> {
    const ILLEGAL_BYTE_SEQUENCE: i32 = 25;
    const NOT_CAPABLE: i32 = 76;
    if !cfg!(target_os = "wasi") {
        return None;
    }
    match error.raw_os_error()? {
        ILLEGAL_BYTE_SEQUENCE => Some("a name in it is not UTF-8, which plugins cannot see; rename it"),
        NOT_CAPABLE => Some("it is in no directory that the plugin is granted"),
        _ => None,
    }
}
