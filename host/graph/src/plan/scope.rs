//! Scopes, interned: equal scopes are one, and every prefix of a scope is a scope.

use std::collections::BTreeMap;

use super::{CollectId, DynamicId, GateId, ZipId, table_id};
use crate::step::SolidId;

table_id!(
    /// A scope. The empty one comes first.
    ScopeId
);

impl ScopeId {
    pub(crate) const EMPTY: Self = Self(0);
}

/// An ordered list of dynamic outputs, as its last one after its prefix.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// The prefix and the last dimension; none for the empty scope.
    pub(crate) last: Option<(ScopeId, Dim)>,
    pub(crate) depth: usize,
    /// True when the prefix is the generator's own scope: the points are then the dynamic's items, one by one.
    pub(crate) is_natural: bool,
    /// The scopes that have this one as prefix and are not natural.
    pub(crate) crossed_by: Vec<ScopeId>,
    pub(crate) solids: Vec<SolidId>,
    pub(crate) gates: Vec<GateId>,
    pub(crate) collects: Vec<CollectId>,
    pub(crate) zips: Vec<ZipId>,
    /// The dynamic outputs of its solids.
    pub(crate) generates: Vec<DynamicId>,
}

/// A dimension: a dynamic output, and the positions of its generator's own dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dim {
    pub(crate) dynamic: DynamicId,
    pub(crate) at: Vec<usize>,
    /// The position of the dimension whose items these are joined with, by mapping key.
    pub(crate) joined_with: Option<usize>,
}

/// The scopes of a plan in the making.
pub(super) struct Scopes {
    pub(super) all: Vec<Scope>,
    ids: BTreeMap<Vec<Dim>, ScopeId>,
}

impl Scopes {
    pub(super) fn new() -> Self {
        let mut scopes = Self { all: Vec::new(), ids: BTreeMap::new() };
        scopes.add(Vec::new(), None, false);
        scopes
    }

    /// The scope of these dimensions.
    pub(super) fn intern(&mut self, dims: &[Dim]) -> ScopeId {
        if let Some(known) = self.ids.get(dims) {
            return *known;
        }
        let Some((last, prefix)) = dims.split_last() else { return ScopeId::EMPTY };
        let parent = self.intern(prefix);
        // With every dimension of the prefix, each in its place, the generator's own scope is the prefix.
        let is_natural = last.at.iter().copied().eq(0..prefix.len()) && last.joined_with.is_none();
        let id = self.add(dims.to_vec(), Some((parent, last.clone())), is_natural);
        if !is_natural {
            self.all[parent.at()].crossed_by.push(id);
        }
        id
    }

    fn add(&mut self, dims: Vec<Dim>, last: Option<(ScopeId, Dim)>, is_natural: bool) -> ScopeId {
        let id = ScopeId(self.all.len() as u32);
        let depth = dims.len();
        self.ids.insert(dims, id);
        self.all.push(Scope {
            last,
            depth,
            is_natural,
            crossed_by: Vec::new(),
            solids: Vec::new(),
            gates: Vec::new(),
            collects: Vec::new(),
            zips: Vec::new(),
            generates: Vec::new(),
        });
        id
    }
}
