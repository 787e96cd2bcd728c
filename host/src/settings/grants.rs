//! Grants as the settings name them: each kind by itself, the solid's before the plugin's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::field::{Field, Fields, Named, Reader};
use crate::sandbox::{
    Access, DirectoryGrant, GrantList, HostGrant, ScratchGrant, check_guest_path, check_variable,
};

/// Where scratch directories are made, in the project's directory.
const SCRATCH_DIR: &str = ".fanfold/scratch";

/// The grants that one table of the settings names; none of a kind leaves that kind as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GrantChanges {
    directories: Option<Vec<DirectoryGrant>>,
    environment: Option<BTreeMap<String, String>>,
    scratch: Option<ScratchGrant>,
    network: Option<Vec<HostGrant>>,
    real_clock: Option<bool>,
    real_randomness: Option<bool>,
}

impl GrantChanges {
    /// Sets in `grants` what this table names.
    pub(super) fn apply(&self, grants: &mut GrantList) {
        set(&mut grants.directories, self.directories.as_ref());
        set(&mut grants.environment, self.environment.as_ref());
        if let Some(scratch) = &self.scratch {
            // A size of nothing takes the plugin's away from a solid.
            grants.scratch = (scratch.bytes > 0).then(|| scratch.clone());
        }
        set(&mut grants.network, self.network.as_ref());
        set(&mut grants.real_clock, self.real_clock.as_ref());
        set(&mut grants.real_randomness, self.real_randomness.as_ref());
    }
}

fn set<T: Clone>(place: &mut T, named: Option<&T>) {
    if let Some(named) = named {
        place.clone_from(named);
    }
}

impl<'a> Reader<'a> {
    /// The grants of a plugin or solid.
    pub(super) fn grants(&mut self, dir: &Path, fields: &Fields<'a>) -> GrantChanges {
        GrantChanges {
            directories: fields.get("fs").map(|field| self.directories(dir, field)),
            environment: fields.get("env").map(|field| self.environment(field)),
            scratch: fields.get("scratch").and_then(|field| self.scratch(dir, field)),
            network: fields.get("net").map(|field| self.network(field)),
            real_clock: fields.get("clock").and_then(|field| self.is_real(field)),
            real_randomness: fields.get("random").and_then(|field| self.is_real(field)),
        }
    }

    /// A BLAKE3 digest in hexadecimal.
    pub(super) fn digest(&mut self, field: &Field<'a>) -> Option<[u8; 32]> {
        let digest = blake3::Hash::from_hex(self.text(field)?);
        if digest.is_err() {
            let hint = "`fanfold plugins inspect` tells it".to_owned();
            self.problem(field, "a digest has 64 hexadecimal digits", Some(hint));
        }
        Some(*digest.ok()?.as_bytes())
    }

    fn environment(&mut self, field: &Field<'a>) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for Named { name, field } in self.named::<String>(field) {
            let Some(value) = self.text(&field) else { continue };
            match check_variable(&name) {
                Ok(()) if value.contains('\0') => self.problem(&field, "a value has no zero byte", None),
                Ok(()) => _ = variables.insert(name, value.to_owned()),
                Err(error) => self.problem(&field, &error.to_string(), None),
            }
        }
        variables
    }

    fn scratch(&mut self, dir: &Path, field: &Field<'a>) -> Option<ScratchGrant> {
        let fields = self.table(field, &["guest", "size"]);
        let guest = fields.get("guest").map_or(Some("/tmp".to_owned()), |field| self.guest(field));
        let size = self.required(field, &fields, "size").and_then(|field| self.size(field));
        Some(ScratchGrant { guest: guest?, bytes: size?, host: dir.join(SCRATCH_DIR) })
    }

    pub(super) fn network(&mut self, field: &Field<'a>) -> Vec<HostGrant> {
        self.list(field).iter().filter_map(|item| self.host_grant(item)).collect()
    }

    fn host_grant(&mut self, field: &Field<'a>) -> Option<HostGrant> {
        let fields = self.table(field, &["host", "port", "methods", "private"]);
        let host = self.required(field, &fields, "host").and_then(|field| self.text(field));
        let port = fields.get("port").and_then(|field| {
            let port = self.count(field)?;
            // No port is 0: that one is refused below.
            Some(u16::try_from(port).unwrap_or(0))
        });
        let methods = fields.get("methods").map(|field| self.list(field)).unwrap_or_default();
        let methods: Vec<_> = methods.iter().filter_map(|method| self.text(method)).collect();
        let allows_private = fields.get("private").is_some_and(|field| self.flag(field) == Some(true));
        match HostGrant::new(host?, port, &methods, allows_private) {
            Ok(grant) => Some(grant),
            Err(error) => {
                self.problem(field, &error.to_string(), None);
                None
            }
        }
    }

    pub(super) fn is_real(&mut self, field: &Field<'a>) -> Option<bool> {
        match self.text(field)? {
            "real" => Some(true),
            "virtual" => Some(false),
            other => {
                let hint = "\"real\" is the world's own, \"virtual\" is the same in every run".to_owned();
                self.problem(field, &format!("`{other}` is neither"), Some(hint));
                None
            }
        }
    }

    fn directories(&mut self, dir: &Path, field: &Field<'a>) -> Vec<DirectoryGrant> {
        let mut guests = BTreeSet::new();
        let mut directories = Vec::new();
        for item in self.list(field) {
            let Some(grant) = self.directory(dir, &item) else { continue };
            if !guests.insert(grant.guest.clone()) {
                self.problem(&item, &format!("two directories are granted as `{}`", grant.guest), None);
            }
            directories.push(grant);
        }
        directories
    }

    fn directory(&mut self, dir: &Path, field: &Field<'a>) -> Option<DirectoryGrant> {
        let fields = self.table(field, &["host", "guest", "mode"]);
        let mode = fields.get("mode").map_or(Some(Access::ReadOnly), |field| self.access(field));
        let host = self.required(field, &fields, "host").and_then(|field| self.path(field));
        let guest = self.required(field, &fields, "guest").and_then(|field| self.guest(field));
        Some(DirectoryGrant { host: dir.join(host?), guest: guest?, access: mode? })
    }

    pub(super) fn access(&mut self, field: &Field<'a>) -> Option<Access> {
        match self.text(field)? {
            "ro" => Some(Access::ReadOnly),
            "rw" => Some(Access::ReadWrite),
            other => {
                let hint = "\"ro\" is to read, \"rw\" to read and write".to_owned();
                self.problem(field, &format!("`{other}` is no mode"), Some(hint));
                None
            }
        }
    }

    fn guest(&mut self, field: &Field<'a>) -> Option<String> {
        let guest = self.text(field)?;
        match check_guest_path(guest) {
            Ok(()) => Some(guest.to_owned()),
            Err(error) => {
                self.problem(field, &error.to_string(), None);
                None
            }
        }
    }
}
