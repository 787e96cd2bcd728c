//! Locks between processes: files that one process at a time holds. The system gives a lock back when its process ends,
//! however it ends.
//!
//! Invariant: a lock that was taken is on the file that its path leads to, also when somebody removes such files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Takes the lock of a file, which is made if there is none. None if somebody else has it.
pub(super) fn lock(path: &Path) -> io::Result<Option<File>> {
    locked(path, File::options().create(true).truncate(false).write(true))
}

/// Takes the lock of a file. None if somebody else has it, or there is no file.
pub(super) fn lock_existing(path: &Path) -> io::Result<Option<File>> {
    match locked(path, File::options().write(true)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        taken => taken,
    }
}

/// Whether nobody has the lock of a file. Those who look are not in each other's way.
pub(super) fn is_free(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        opened => opened?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn locked(path: &Path, options: &OpenOptions) -> io::Result<Option<File>> {
    loop {
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path)? => return Ok(Some(file)),
            // Removed between its opening and its locking: whoever comes next makes another one.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match path.metadata() {
        Ok(found) => Ok((found.dev(), found.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_a_removed_file_is_no_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = lock(&path).unwrap().unwrap();
        assert!(lock(&path).unwrap().is_none() && !is_free(&path).unwrap());
        assert!(is_at(&held, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&held, &path).unwrap());
        let next = lock(&path).unwrap().unwrap();
        assert!(is_at(&next, &path).unwrap() && !is_at(&held, &path).unwrap());
        drop(next);
        assert!(is_free(&path).unwrap() && is_free(&directory.path().join("none")).unwrap());
        assert!(lock_existing(&path).unwrap().is_some());
        std::fs::remove_file(&path).unwrap();
        assert!(lock_existing(&path).unwrap().is_none() && !path.exists());
    }
}
