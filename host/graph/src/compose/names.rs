//! How invocations get their names.

use std::collections::{BTreeMap, BTreeSet};

use super::ComposeError;
use crate::name::{Identifier, SolidName};

/// The names that are taken, and the groups that new ones are put in.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) groups: Vec<Identifier>,
    taken: BTreeSet<SolidName>,
    /// For each name that was wanted twice, a number below which all are taken.
    numbers: BTreeMap<SolidName, u32>,
}

impl Names {
    /// The name that the next call gets, if it succeeds: see [`Self::take`].
    pub(super) fn pick(
        &mut self,
        solid: &Identifier,
        alias: Option<&Identifier>,
    ) -> Result<SolidName, ComposeError> {
        let groups = self.groups.iter().map(Identifier::as_str);
        let path: Vec<&str> = groups.chain([alias.unwrap_or(solid).as_str()]).collect();
        let name = SolidName::new(&path.join("."))?;
        match (self.taken.contains(&name), alias) {
            (false, _) => Ok(name),
            (true, Some(_)) => Err(ComposeError::NameTaken(name)),
            (true, None) => self.numbered(name),
        }
    }

    fn numbered(&mut self, name: SolidName) -> Result<SolidName, ComposeError> {
        let number = self.numbers.get(&name).copied().unwrap_or(2);
        for number in number.. {
            let numbered = SolidName::new(&format!("{name}_{number}"))?;
            if !self.taken.contains(&numbered) {
                self.numbers.insert(name, number);
                return Ok(numbered);
            }
        }
        Err(ComposeError::NameTaken(name))
    }

    pub(super) fn take(&mut self, name: SolidName) {
        self.taken.insert(name);
    }
}
