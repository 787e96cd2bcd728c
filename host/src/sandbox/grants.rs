//! What a step may see of the world. Everything else is denied by being virtual: there is nothing there.

use std::path::{Path, PathBuf};

/// What a plugin's solids may see. The default is nothing.
///
/// Directories are all there is so far; network, environment, real time and real randomness each get a field of their
/// own here when they come, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    directories: Vec<DirectoryGrant>,
}

/// A directory that a guest may use, with all that is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryGrant {
    /// Where it is on the host.
    pub host: PathBuf,
    /// Where the guest finds it: an absolute path such as `/data`.
    pub guest: String,
    /// What the guest may do there.
    pub access: Access,
}

/// What a guest may do in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// List and read.
    ReadOnly,
    /// List, read, create, change and delete.
    ReadWrite,
}

/// Why grants make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The guest's path must be absolute and plain.
    #[error("`{0}` is no path for a guest: it starts with `/` and has no `.`, `..` or empty part")]
    GuestPath(String),
    /// Two directories would be in the same place.
    #[error("two directories are granted as `{0}`")]
    SameGuestPath(String),
    /// There is no such directory.
    #[error("`{}` is no directory", .0.display())]
    NotADirectory(PathBuf),
}

impl Grants {
    /// No grants: an empty world.
    pub fn none() -> Self {
        Self::default()
    }

    /// Grants of directories, checked: guest paths make sense and the directories exist now.
    pub fn new(directories: Vec<DirectoryGrant>) -> Result<Self, GrantError> {
        for (index, grant) in directories.iter().enumerate() {
            check_guest_path(&grant.guest)?;
            if directories[..index].iter().any(|earlier| earlier.guest == grant.guest) {
                return Err(GrantError::SameGuestPath(grant.guest.clone()));
            }
            if !Path::is_dir(&grant.host) {
                return Err(GrantError::NotADirectory(grant.host.clone()));
            }
        }
        Ok(Self { directories })
    }

    /// The granted directories.
    pub fn directories(&self) -> &[DirectoryGrant] {
        &self.directories
    }

    /// True if the plugin sees nothing of the world, so that equal inputs give equal outputs.
    pub fn is_empty(&self) -> bool {
        self.directories.is_empty()
    }
}

/// Whether a guest can find a directory under this path.
pub(crate) fn check_guest_path(path: &str) -> Result<(), GrantError> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    let is_good = path == "/" || path.strip_prefix('/').is_some_and(|parts| parts.split('/').all(is_plain));
    if is_good { Ok(()) } else { Err(GrantError::GuestPath(path.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(host: &Path, guest: &str) -> DirectoryGrant {
        DirectoryGrant { host: host.to_owned(), guest: guest.to_owned(), access: Access::ReadOnly }
    }

    #[test]
    fn good_grants_pass_and_bad_ones_are_named() {
        let here = tempfile::tempdir().unwrap();
        let new =
            |guests: &[&str]| Grants::new(guests.iter().map(|guest| grant(here.path(), guest)).collect());
        assert_eq!(new(&["/", "/data", "/data/deep"]).unwrap().directories().len(), 3);
        assert!(new(&[]).unwrap().is_empty());
        for bad in ["", "data", "/a/../b", "/a//b", "/a/", "/./a", "/a\0"] {
            assert_eq!(new(&[bad]), Err(GrantError::GuestPath(bad.to_owned())));
        }
        assert_eq!(new(&["/a", "/a"]), Err(GrantError::SameGuestPath("/a".to_owned())));
        let nowhere = here.path().join("nowhere");
        assert_eq!(Grants::new(vec![grant(&nowhere, "/a")]), Err(GrantError::NotADirectory(nowhere)));
    }
}
