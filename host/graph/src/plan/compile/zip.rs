//! Zips: dimensions that are joined by mapping key, and the node that sees to their end.

use super::narrow::{closed, moved};
use super::{Compiler, Dim, Reader, Side, Target, Unreadable, ZipId, ZipNode};
use crate::pipeline::{Dimension, Join, Unmatched};
use crate::plan::PlanError;

/// One dimension, with those that are joined with it.
pub(super) struct Group {
    pub(super) dims: Vec<Dim>,
    /// How all but the first are joined.
    pub(super) joins: Vec<Option<Join>>,
}

impl Group {
    /// The group that begins at a position of a scope.
    pub(super) fn at(position: usize, scope: &[Dimension], dims: &[Dim]) -> Self {
        let all = || scope.iter().zip(dims).skip(position + 1);
        let joined = || all().filter(|(it, _)| it.join.is_some_and(|join| join.with == position));
        Self {
            dims: dims.get(position).into_iter().chain(joined().map(|(_, dim)| dim)).cloned().collect(),
            joins: joined().map(|(it, _)| it.join).collect(),
        }
    }

    pub(super) fn is_zip(&self) -> bool {
        self.dims.len() > 1
    }
}

impl Compiler<'_> {
    /// The zip of a group that is read from these dimensions, and where its own are among them. It is in the smallest
    /// scope that its sides speak of, once for all who read it.
    pub(super) fn zip(&mut self, dims: &[Dim], group: &Group) -> (ZipId, Vec<usize>) {
        let at = closed(dims, group.dims.iter().flat_map(|side| side.at.iter().copied()).collect());
        let moved = |position: usize| moved(position, &at, dims.len());
        let kept: Vec<Dim> = at.iter().map(|it| super::narrow::moved_dim(&dims[*it], &moved)).collect();
        let scope = self.intern(&kept);
        let unmatched = group.joins.iter().map(|join| join.map_or(Unmatched::default(), |it| it.unmatched));
        let sides = group.dims.iter().zip([Unmatched::default()].into_iter().chain(unmatched));
        let side = |(dim, unmatched): (&Dim, Unmatched)| Side {
            dynamic: dim.dynamic,
            at: dim.at.iter().copied().map(moved).collect(),
            unmatched,
        };
        let sides: Vec<Side> = sides.map(side).collect();
        if let Some(known) = self.zip_ids.get(&(scope, sides.clone())) {
            return (*known, at);
        }
        let id = ZipId(self.zips.len() as u32);
        self.zip_ids.insert((scope, sides.clone()), id);
        let closing = |compiler: &mut Self, side: &Side| {
            let generator = Target::Success(compiler.dynamics[side.dynamic.at()].solid);
            compiler.add_leaf(Reader::Zip(id), scope, &kept, generator, side.at.clone())
        };
        let closings = sides.iter().map(|side| closing(self, side)).collect();
        self.zips.push(ZipNode { scope, sides, closings, readers: Vec::new() });
        self.scopes.all[scope.at()].zips.push(id);
        (id, at)
    }

    /// Checks that a dimension can be joined with the one that it names.
    pub(super) fn check_join(
        &mut self,
        reader: &str,
        before: &[Dim],
        dimension: &Dimension,
        join: Join,
    ) -> Result<(), Unreadable> {
        let is_first = before.get(join.with).is_some_and(|first| first.joined_with.is_none());
        let is_side_by_side = dimension.at.iter().all(|position| *position < join.with);
        if is_first && is_side_by_side { Ok(()) } else { self.no_join(reader, dimension, join.with) }
    }

    pub(super) fn no_join<T>(
        &mut self,
        reader: &str,
        dimension: &Dimension,
        with: usize,
    ) -> Result<T, Unreadable> {
        let (reader, output) = (reader.to_owned(), dimension.over.clone());
        self.refuse(PlanError::Join { reader, output, with })
    }
}
