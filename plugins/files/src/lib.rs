//! Solids that look at files: list a directory, digest every file, summarize.

mod access;
mod digest;
mod list;
mod summary;

pub use digest::{FileFacts, process_file};
pub use list::{Directory, files_in_directory};
pub use summary::{Summary, summarize_directory};

fanfold_sdk::plugin!(files_in_directory, process_file, summarize_directory);
