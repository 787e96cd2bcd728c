//! What a step may see of the world. Everything else is denied by being virtual: there is nothing there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::net::HostGrant;
use super::scratch::ScratchGrant;

/// What a plugin's solids may see. The default is nothing, and free to clone; other grants are cheap to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants(Option<Arc<GrantList>>);

static NOTHING: GrantList = GrantList {
    directories: Vec::new(),
    scratch: None,
    environment: BTreeMap::new(),
    network: Vec::new(),
    real_clock: false,
    real_randomness: false,
};

/// What somebody wants to grant: [`Grants`] that have not been checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantList {
    /// Directories.
    pub directories: Vec<DirectoryGrant>,
    /// A directory of each step's own, empty at its start and gone after it.
    pub scratch: Option<ScratchGrant>,
    /// Environment variables with the values that the guest sees: the host's own are never among them.
    pub environment: BTreeMap<String, String>,
    /// Hosts that requests may be sent to.
    pub network: Vec<HostGrant>,
    /// The real time instead of a virtual one.
    pub real_clock: bool,
    /// Real randomness instead of a seeded one.
    pub real_randomness: bool,
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
    /// The name of an environment variable.
    #[error("`{0}` is no name of an environment variable: it is not empty and has no `=`")]
    Variable(String),
    /// There is no such directory.
    #[error("`{}` is no directory", .0.display())]
    NotADirectory(PathBuf),
}

impl Grants {
    /// No grants: an empty world.
    pub fn none() -> Self {
        Self::default()
    }

    /// The grants of a list, checked: paths and names make sense, and the directories exist now.
    pub fn new(list: GrantList) -> Result<Self, GrantError> {
        list.environment.keys().try_for_each(|name| check_variable(name))?;
        let directories = &list.directories;
        if let Some(scratch) = &list.scratch {
            check_guest_path(&scratch.guest)?;
            if directories.iter().any(|grant| grant.guest == scratch.guest) {
                return Err(GrantError::SameGuestPath(scratch.guest.clone()));
            }
        }
        for (index, grant) in directories.iter().enumerate() {
            check_guest_path(&grant.guest)?;
            if directories[..index].iter().any(|earlier| earlier.guest == grant.guest) {
                return Err(GrantError::SameGuestPath(grant.guest.clone()));
            }
            if !Path::is_dir(&grant.host) {
                return Err(GrantError::NotADirectory(grant.host.clone()));
            }
        }
        Ok(Self(Some(list).filter(|list| *list != NOTHING).map(Arc::new)))
    }

    /// What is granted.
    pub fn list(&self) -> &GrantList {
        self.0.as_deref().unwrap_or(&NOTHING)
    }

    /// True if the plugin sees nothing of the world, so that equal inputs give equal outputs.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl From<Vec<DirectoryGrant>> for GrantList {
    fn from(directories: Vec<DirectoryGrant>) -> Self {
        Self { directories, ..Self::default() }
    }
}

/// Whether an environment variable can have this name.
pub(crate) fn check_variable(name: &str) -> Result<(), GrantError> {
    let is_good = !name.is_empty() && !name.contains(['=', '\0']);
    if is_good { Ok(()) } else { Err(GrantError::Variable(name.to_owned())) }
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
        let directories =
            |guests: &[&str]| -> Vec<_> { guests.iter().map(|guest| grant(here.path(), guest)).collect() };
        let new = |guests: &[&str]| Grants::new(directories(guests).into());
        assert_eq!(new(&["/", "/data", "/data/deep"]).unwrap().list().directories.len(), 3);
        assert!(new(&[]).unwrap().is_empty());
        for bad in ["", "data", "/a/../b", "/a//b", "/a/", "/./a", "/a\0"] {
            assert_eq!(new(&[bad]), Err(GrantError::GuestPath(bad.to_owned())));
        }
        assert_eq!(new(&["/a", "/a"]), Err(GrantError::SameGuestPath("/a".to_owned())));
        let nowhere = here.path().join("nowhere");
        assert_eq!(Grants::new(vec![grant(&nowhere, "/a")].into()), Err(GrantError::NotADirectory(nowhere)));
        let named = |name: &str| GrantList {
            environment: [(name.to_owned(), String::new())].into(),
            ..GrantList::default()
        };
        assert!(!Grants::new(named("A")).unwrap().is_empty());
        for bad in ["", "A=B", "A\0"] {
            assert_eq!(Grants::new(named(bad)), Err(GrantError::Variable(bad.to_owned())));
        }
    }
}
