//! Compiled plugins on disk, so that a plugin is compiled once per machine and version.
//!
//! Invariants:
//! - An entry is named by the plugin's digest, the engine's settings and version, and what it holds.
//! - An entry is used only if its directory belongs to this process's user and nobody else may write there, and if its
//!   content has the digest that its head names. Anything else counts as absent, and is written anew.
//! - Entries appear whole or not at all: written beside, then renamed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Starts every entry. The number changes when the form of an entry does.
const MAGIC: &[u8; 16] = b"fanfold-cache-1\n";
const HEAD_BYTES: usize = MAGIC.len() + blake3::OUT_LEN;

/// A directory of compiled plugins.
#[derive(Debug, Clone)]
pub struct CompileCache {
    directory: PathBuf,
}

/// The directory cannot hold compiled plugins.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be made or looked at.
    #[error("cannot use the cache directory `{}`: {error}", directory.display())]
    Unusable {
        /// The directory.
        directory: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// Somebody else could put code there that this process would run.
    #[error("the cache directory `{}` can be written by others", .0.display())]
    NotPrivate(PathBuf),
}

/// What an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// Machine code.
    Code,
    /// The solids' definitions, as JSON.
    Definitions,
}

impl EntryKind {
    fn extension(self) -> &'static str {
        match self {
            Self::Code => "cwasm",
            Self::Definitions => "json",
        }
    }
}

impl CompileCache {
    /// Opens a cache, making its directory (mode 0700) if there is none.
    pub fn open(directory: &Path) -> Result<Self, CacheError> {
        let unusable = |error| CacheError::Unusable { directory: directory.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
        let found = fs::metadata(directory).map_err(unusable)?;
        let own_user = fs::metadata("/proc/self").map_err(unusable)?.uid();
        if found.uid() != own_user || found.mode() & 0o022 != 0 {
            return Err(CacheError::NotPrivate(directory.to_owned()));
        }
        Ok(Self { directory: directory.to_owned() })
    }

    /// Where an entry is, or would be.
    fn path(&self, plugin: &blake3::Hash, compatibility: &blake3::Hash, kind: EntryKind) -> PathBuf {
        let compatibility = &compatibility.to_hex()[..16];
        self.directory.join(format!("{}-{compatibility}.{}", plugin.to_hex(), kind.extension()))
    }

    /// The content of a sound entry.
    pub(super) fn read(
        &self,
        plugin: &blake3::Hash,
        compatibility: &blake3::Hash,
        kind: EntryKind,
    ) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(plugin, compatibility, kind)).ok()?;
        if bytes.len() < HEAD_BYTES || !bytes.starts_with(MAGIC) {
            return None;
        }
        let content = bytes.split_off(HEAD_BYTES);
        (digest(plugin, compatibility, kind, &content).as_bytes() == &bytes[MAGIC.len()..]).then_some(content)
    }

    /// Writes an entry.
    pub(super) fn write(
        &self,
        plugin: &blake3::Hash,
        compatibility: &blake3::Hash,
        kind: EntryKind,
        content: &[u8],
    ) -> io::Result<()> {
        /// Tells apart what this process writes at the same time.
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let path = self.path(plugin, compatibility, kind);
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let beside = path.with_extension(format!("{}-{number}.new", std::process::id()));
        let written = write_new(&beside, digest(plugin, compatibility, kind, content), content);
        let written = written.and_then(|()| fs::rename(&beside, &path));
        // After a failure the file beside is of no use to anyone.
        written.inspect_err(|_| _ = fs::remove_file(&beside))
    }
}

fn write_new(path: &Path, digest: blake3::Hash, content: &[u8]) -> io::Result<()> {
    // Left over from a process of the same number that was killed.
    _ = fs::remove_file(path);
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(MAGIC)?;
    file.write_all(digest.as_bytes())?;
    file.write_all(content)
}

/// Binds the content to the entry's name: a renamed entry is as bad as a damaged one.
fn digest(
    plugin: &blake3::Hash,
    compatibility: &blake3::Hash,
    kind: EntryKind,
    content: &[u8],
) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(plugin.as_bytes()).update(compatibility.as_bytes());
    hasher.update(kind.extension().as_bytes()).update(&[0]).update(content);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_entry_is_read_back_until_a_bit_of_it_changes() {
        let directory = tempfile::tempdir().unwrap();
        let cache = CompileCache::open(&directory.path().join("deep/cache")).unwrap();
        let (plugin, other) = (blake3::hash(b"plugin"), blake3::hash(b"other"));
        let read = |plugin| cache.read(plugin, &other, EntryKind::Code);
        assert_eq!(read(&plugin), None);
        cache.write(&plugin, &other, EntryKind::Code, b"code").unwrap();
        assert_eq!(read(&plugin).as_deref(), Some(&b"code"[..]));
        assert_eq!(cache.read(&plugin, &other, EntryKind::Definitions), None);

        let path = cache.path(&plugin, &other, EntryKind::Code);
        let whole = fs::read(&path).unwrap();
        fs::copy(&path, cache.path(&other, &other, EntryKind::Code)).unwrap();
        assert_eq!(read(&other), None, "a renamed entry is none");
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            assert_eq!(read(&plugin), None, "bit {bit}");
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(read(&plugin), None, "{length} bytes");
        }
        let names = fs::read_dir(&cache.directory).unwrap().count();
        assert_eq!(names, 2, "nothing is left beside the entries");
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(CompileCache::open(directory.path()), Err(CacheError::NotPrivate(_))));
    }
}
