//! The operator's ceiling: the most that any project on this machine may grant, and the highest limits that it may set.
//!
//! ```toml
//! fs = [{ host = "/srv/data", mode = "ro" }]        # directories in it, with no more access
//! net = [{ host = "*.example.com", methods = ["GET"] }]
//! env = ["LANG"]                                    # names
//! scratch = "1 GiB"                                 # the largest size
//! clock = "virtual"
//! random = "virtual"
//! [limits]                                          # the keys of `[limits]` in fanfold.toml
//! memory = "256 MiB"
//! wall = "10m"
//! ```
//!
//! Invariant: it narrows and never widens. A kind that it does not name is not narrowed, an empty list allows none of its
//! kind, and what is above it is refused rather than cut: a plugin never runs with less than it was promised. A limit that
//! a project does not set is promised to nobody: it is the default or the ceiling, whichever is lower.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::field::{Field, Reader};
use super::limits::LimitChanges;
use crate::diagnostic::Diagnostic;
use crate::findings::Findings;
use crate::sandbox::{Access, DirectoryGrant, GrantList, HostGrant};
use crate::source_text::SourceText;

/// The most that may be granted. The default allows everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ceiling {
    directories: Option<Vec<(PathBuf, Access)>>,
    network: Option<Vec<HostGrant>>,
    environment: Option<BTreeSet<String>>,
    scratch_bytes: Option<u64>,
    real_clock: Option<bool>,
    real_randomness: Option<bool>,
    pub(super) limits: LimitChanges,
}

impl Ceiling {
    /// The ceiling in a file. Messages call it as `file` does.
    pub fn load(file: &Path) -> Result<Self, Vec<Diagnostic>> {
        Self::read(&SourceText::read(file).map_err(|problem| vec![problem])?)
    }

    pub(super) fn read(source: &SourceText) -> Result<Self, Vec<Diagnostic>> {
        super::read::check_keys(source)?;
        let (root, errors) = DeTable::parse_recoverable(&source.text);
        if let Some(error) = errors.first() {
            let span = error.span().unwrap_or(source.text.len()..source.text.len());
            let problem = Diagnostic::new(format!("this is no TOML: {}", error.message()));
            return Err(vec![problem.at(source.place(&span))]);
        }
        let mut reader = Reader { source, findings: Findings::default() };
        let ceiling = reader.ceiling(root.get_ref());
        reader.findings.into_result(ceiling)
    }

    /// The first grant that is above it, in words that follow "more than is allowed:".
    pub fn exceeded(&self, grants: &GrantList) -> Option<String> {
        let directory = grants.directories.iter().find(|grant| !self.allows_directory(grant));
        let host = grants.network.iter().find(|grant| {
            self.network.as_ref().is_some_and(|allowed| !allowed.iter().any(|it| it.includes(grant)))
        });
        let is_named = |name: &str| self.environment.as_ref().is_none_or(|allowed| allowed.contains(name));
        let variable = grants.environment.keys().find(|name| !is_named(name));
        let scratch = grants.scratch.as_ref().map_or(0, |scratch| scratch.bytes);
        let is_above = |ceiling: Option<bool>, granted: bool| granted && ceiling == Some(false);
        directory
            .map(|grant| format!("the directory `{}`", grant.host.display()))
            .or_else(|| host.map(|grant| format!("the host `{grant}`")))
            .or_else(|| variable.map(|name| format!("the variable `{name}`")))
            .or_else(|| {
                self.scratch_bytes
                    .filter(|most| scratch > *most)
                    .map(|_| format!("{scratch} bytes of scratch space"))
            })
            .or_else(|| is_above(self.real_clock, grants.real_clock).then(|| "the real clock".to_owned()))
            .or_else(|| {
                is_above(self.real_randomness, grants.real_randomness).then(|| "real randomness".to_owned())
            })
    }

    /// Both paths are followed to where they really are.
    fn allows_directory(&self, grant: &DirectoryGrant) -> bool {
        let Some(allowed) = &self.directories else { return true };
        let Ok(wanted) = grant.host.canonicalize() else { return false };
        allowed.iter().any(|(directory, access)| {
            let is_inside = directory.canonicalize().is_ok_and(|directory| wanted.starts_with(directory));
            is_inside && (grant.access == Access::ReadOnly || *access == Access::ReadWrite)
        })
    }
}

impl<'a> Reader<'a> {
    fn ceiling(&mut self, root: &'a DeTable<'a>) -> Ceiling {
        let fields = self.root(root, &["fs", "net", "env", "scratch", "clock", "random", "limits"]);
        let environment = fields.get("env").map(|field| self.list(field));
        Ceiling {
            directories: fields.get("fs").map(|field| {
                self.list(field).iter().filter_map(|field| self.allowed_directory(field)).collect()
            }),
            network: fields.get("net").map(|field| self.network(field)),
            environment: environment
                .map(|names| names.iter().filter_map(|name| self.text(name).map(str::to_owned)).collect()),
            scratch_bytes: fields.get("scratch").and_then(|field| self.size(field)),
            real_clock: fields.get("clock").and_then(|field| self.is_real(field)),
            real_randomness: fields.get("random").and_then(|field| self.is_real(field)),
            limits: self.limits(&fields),
        }
    }

    fn allowed_directory(&mut self, field: &Field<'a>) -> Option<(PathBuf, Access)> {
        let fields = self.table(field, &["host", "mode"]);
        let mode = fields.get("mode").map_or(Some(Access::ReadOnly), |field| self.access(field));
        let host = self.required(field, &fields, "host")?;
        let path = self.path(host)?;
        if !path.is_absolute() {
            self.problem(host, "a directory here is named from the root", None);
            return None;
        }
        Some((path.to_owned(), mode?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceiling(text: &str) -> Result<Ceiling, Vec<String>> {
        let source = SourceText { name: "ceiling.toml".into(), text: text.into() };
        Ceiling::read(&source).map_err(|found| found.into_iter().map(|problem| problem.message).collect())
    }

    fn granted(host: &Path, access: Access) -> GrantList {
        vec![DirectoryGrant { host: host.to_owned(), guest: "/data".to_owned(), access }].into()
    }

    #[test]
    fn directories_are_inside_or_refused() {
        let root = tempfile::tempdir().unwrap();
        for name in ["data/below", "database"] {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink("..", root.path().join("data/out")).unwrap();
        let data = root.path().join("data");
        let ceiling =
            |mode| ceiling(&format!("fs = [{{ host = '{}', mode = '{mode}' }}]", data.display())).unwrap();
        let (ro, rw) = (ceiling("ro"), ceiling("rw"));
        for inside in [data.clone(), data.join("below"), data.join("below/..")] {
            assert_eq!(ro.exceeded(&granted(&inside, Access::ReadOnly)), None);
            assert_eq!(rw.exceeded(&granted(&inside, Access::ReadWrite)), None);
            assert!(ro.exceeded(&granted(&inside, Access::ReadWrite)).is_some());
        }
        for outside in ["", "database", "data/..", "data/out", "data/out/database", "nowhere"] {
            let outside = root.path().join(outside);
            let told = format!("the directory `{}`", outside.display());
            assert_eq!(rw.exceeded(&granted(&outside, Access::ReadOnly)), Some(told));
        }
    }

    #[test]
    fn each_kind_is_narrowed_by_itself() {
        let net =
            |text: &str| GrantList { network: vec![HostGrant::parse(text).unwrap()], ..GrantList::default() };
        let env = |name: &str| GrantList {
            environment: [(name.to_owned(), String::new())].into(),
            ..GrantList::default()
        };
        let clock = GrantList { real_clock: true, ..GrantList::default() };
        let narrow = ceiling("net = [{ host = '*.a.b' }]\nenv = ['LANG']\nclock = 'virtual'").unwrap();
        for allowed in [net("x.a.b"), net("*.a.b"), net("*.x.a.b"), env("LANG"), GrantList::default()] {
            assert_eq!(narrow.exceeded(&allowed), None);
        }
        for (above, told) in [
            (net("a.b"), "the host `a.b:443`"),
            (net("*.b"), "the host `*.b:443`"),
            (net("x.a.b:80"), "the host `x.a.b:80`"),
            (env("HOME"), "the variable `HOME`"),
            (clock.clone(), "the real clock"),
        ] {
            assert_eq!(narrow.exceeded(&above).as_deref(), Some(told));
        }
        let reading = ceiling("net = [{ host = 'a', methods = ['GET'] }]").unwrap();
        assert!(reading.exceeded(&net("a")).is_some(), "every method is more than one");
        let nothing = ceiling("fs = []\nnet = []\nenv = []").unwrap();
        assert!(nothing.exceeded(&net("a")).is_some() && nothing.exceeded(&env("A")).is_some());
        let anything = ceiling("").unwrap();
        assert_eq!((anything.exceeded(&net("a")), anything.exceeded(&clock)), (None, None));
    }

    #[test]
    fn what_is_wrong_in_it_is_told() {
        assert_eq!(
            ceiling("fs = [{ host = 'data' }]").unwrap_err(),
            ["fs[0].host: a directory here is named from the root"]
        );
        assert_eq!(ceiling("nets = []").unwrap_err(), ["unknown key `nets`"]);
        assert_eq!(ceiling("limits.memroy = 1").unwrap_err(), ["limits: unknown key `memroy`"]);
        assert!(ceiling("[").is_err());
    }
}
