//! A step's scratch directory: its own, of a limited size, and gone when the step has ended.
//!
//! How much is in it is looked at while the step runs, about every tick. So a step may for a moment exceed its size by what
//! the disk takes in a tick, and fails then.
//!
//! Invariant: nothing here follows a link, and nothing recurses: a guest can nest directories deeper than any stack.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::failure::{FailureKind, StepFailure};
use crate::diagnostic::bytes_text;

/// What a file or directory costs besides its content, in bytes: many empty ones are not free.
const ENTRY_BYTES: u64 = 512;
/// A path longer than this is too deep: the system takes 4096.
const MAX_PATH_BYTES: usize = 3072;
/// Looking takes at most this part of the time.
const LOOKING_SHARE: u32 = 10;

/// A scratch directory to be made for each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScratchGrant {
    /// Where the guest finds it: an absolute path such as `/tmp`.
    pub guest: String,
    /// The most that may be in it, in bytes.
    pub bytes: u64,
    /// The host's directory in which they are made; it is made too.
    pub host: PathBuf,
}

/// The scratch directory of a running step.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Only this module's; what the guest sees is `0` in it.
    root: PathBuf,
    limit: u64,
    look_at: Instant,
}

impl Scratch {
    pub(super) fn make(grant: &ScratchGrant) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            sweep(&grant.host);
        }
        let root = grant.host.join(format!("{}-{number}", std::process::id()));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(root.join("0"))?;
        Ok(Self { root, limit: grant.bytes, look_at: Instant::now() })
    }

    /// The directory that the guest sees.
    pub(super) fn content(&self) -> PathBuf {
        self.root.join("0")
    }

    /// Looks, if it is time to.
    pub(super) fn tick(&mut self) -> Result<(), StepFailure> {
        if Instant::now() < self.look_at {
            return Ok(());
        }
        let begun = Instant::now();
        let found = self.check();
        self.look_at =
            Instant::now() + begun.elapsed().saturating_mul(LOOKING_SHARE).max(Duration::from_millis(1));
        found
    }

    /// Fails if there is more in it than may be.
    pub(super) fn check(&self) -> Result<(), StepFailure> {
        if size_up_to(self.content(), self.limit) <= self.limit {
            return Ok(());
        }
        let message =
            format!("the step's scratch directory exceeds {}, or is nested too deep", bytes_text(self.limit));
        let hint = Some("raise the `size` of its `scratch`".to_owned());
        Err(StepFailure { hint, ..StepFailure::new(FailureKind::ScratchFull, message) })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept by a later process.
        _ = remove(&self.root);
    }
}

/// What a directory holds on disk, in bytes, or anything above `limit`.
fn size_up_to(directory: PathBuf, limit: u64) -> u64 {
    let mut total = 0_u64;
    let mut pending = vec![directory];
    while let Some(directory) = pending.pop() {
        if directory.as_os_str().len() > MAX_PATH_BYTES {
            return u64::MAX;
        }
        let Ok(entries) = fs::read_dir(&directory) else { return u64::MAX };
        for entry in entries.flatten() {
            let Ok(found) = entry.metadata() else { continue };
            total = total.saturating_add(ENTRY_BYTES + found.blocks().saturating_mul(512));
            if total > limit {
                return total;
            }
            if found.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    total
}

/// Removes a scratch directory. What is nested is moved up before it is emptied, so that no path gets long.
fn remove(root: &Path) -> io::Result<()> {
    let mut pending = vec![0_u64];
    let mut moved = 0;
    while let Some(number) = pending.pop() {
        let directory = root.join(number.to_string());
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                moved += 1;
                fs::rename(entry.path(), root.join(moved.to_string()))?;
                pending.push(moved);
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_dir(&directory)?;
    }
    fs::remove_dir(root)
}

/// Removes what processes that are gone have left.
fn sweep(host: &Path) {
    let Ok(entries) = fs::read_dir(host) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.split_once('-')?.0.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            // Half a tree is no scratch directory any more: what is left of it stays.
            _ = remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(host: &Path, bytes: u64) -> Scratch {
        Scratch::make(&ScratchGrant { guest: "/tmp".to_owned(), bytes, host: host.to_owned() }).unwrap()
    }

    #[test]
    fn content_counts_and_goes() {
        let host = tempfile::tempdir().unwrap();
        let outside = host.path().join("outside");
        fs::write(&outside, vec![7; 1 << 20]).unwrap();
        let scratch = scratch(host.path(), 100 << 10);
        std::os::unix::fs::symlink(&outside, scratch.content().join("link")).unwrap();
        std::os::unix::fs::symlink(host.path(), scratch.content().join("up")).unwrap();
        assert_eq!(scratch.check(), Ok(()), "links are not followed");
        fs::write(scratch.content().join("file"), vec![7; 200 << 10]).unwrap();
        assert_eq!(scratch.check().unwrap_err().kind, FailureKind::ScratchFull);
        fs::write(scratch.content().join("file"), b"").unwrap();
        for number in 0..300 {
            fs::write(scratch.content().join(number.to_string()), b"").unwrap();
        }
        assert!(scratch.check().is_err(), "empty files are not free");
        let root = scratch.root.clone();
        drop(scratch);
        assert!(!root.exists() && outside.exists());
    }

    #[test]
    fn a_tree_deeper_than_any_path_is_full_and_goes() {
        let host = tempfile::tempdir().unwrap();
        let scratch = scratch(host.path(), 1 << 30);
        // Built from the inside: a path to its bottom would be refused.
        let (top, name) = (scratch.content().join("tree"), "d".repeat(100));
        fs::create_dir(&top).unwrap();
        for _ in 0..200 {
            let above = scratch.content().join("above");
            fs::create_dir(&above).unwrap();
            fs::rename(&top, above.join(&name)).unwrap();
            fs::rename(&above, &top).unwrap();
        }
        assert!(scratch.check().is_err());
        let root = scratch.root.clone();
        drop(scratch);
        assert!(!root.exists());
    }

    #[test]
    fn what_dead_processes_left_is_swept() {
        let host = tempfile::tempdir().unwrap();
        let own = format!("{}-99", std::process::id());
        for name in ["4294967295-1", &own, "else"] {
            fs::create_dir_all(host.path().join(name).join("0/deep")).unwrap();
        }
        sweep(host.path());
        let left = |name: &str| host.path().join(name).exists();
        assert_eq!((left("4294967295-1"), left(&own), left("else")), (false, true, true));
    }
}
