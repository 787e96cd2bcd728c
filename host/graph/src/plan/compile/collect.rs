//! Collects, each as a producer in the smallest scope that it speaks of.

use super::narrow::{narrowed, spoken_of};
use super::zip::Group;
use super::{Compiler, Dim, Reading, Unreadable};
use crate::pipeline::Collect;
use crate::plan::{CollectId, CollectNode, Owner, PlanError, Read, Reader, Target};

impl Compiler<'_> {
    pub(super) fn collect(&mut self, reading: &Reading<'_>, collect: &Collect) -> Result<Read, Unreadable> {
        let reader = || reading.name.to_owned();
        if let Some(ratio) = collect.min_success_ratio.filter(|ratio| !(0.0..=1.0).contains(ratio)) {
            return self.refuse(PlanError::Ratio { reader: reader(), ratio });
        }
        let added = self.added(reading, collect)?;
        let kept = spoken_of(collect, &reading.dims, reading.name).or_else(|error| self.refuse(error))?;
        let (dims, added, of) = narrowed(&reading.dims, &kept, &added, &collect.of);
        let scope = self.intern(&dims);
        let id = CollectId(self.collects.len() as u32);
        let (closing_target, at) = self.closing(&dims, &added, collect);
        let closing = self.add_leaf(Reader::Closing(id), scope, &dims, closing_target, at);
        let element_dims: Vec<Dim> = dims.iter().chain(&added).cloned().collect();
        let element_scope = self.intern(&element_dims);
        let element = self.gate(element_scope, Owner::Element(id));
        self.collects.push(CollectNode {
            scope,
            over: added[0].dynamic,
            element,
            closing,
            may_be_empty: added.iter().all(|dim| self.dynamics[dim.dynamic.at()].is_required),
            into: collect.into,
            min_success_ratio: collect.min_success_ratio,
            readers: Vec::new(),
        });
        self.scopes.all[scope.at()].collects.push(id);
        let of_reading =
            Reading { gate: element, scope: element_scope, dims: element_dims, ..reading.clone() };
        let read = self.read(&of_reading, &of)?;
        self.gates[element.at()].reads.push((0, read));
        Ok(self.leaf_read(reading, Target::Collect(id), kept))
    }

    /// The dimensions that a collect adds to its reader's scope: one, or those of one zip.
    fn added(&mut self, reading: &Reading<'_>, collect: &Collect) -> Result<Vec<Dim>, Unreadable> {
        let depth = reading.dims.len();
        let mut dims = reading.dims.clone();
        for dimension in collect.dimensions() {
            let dim = self.dim(reading.name, &dims, dimension)?;
            if dim.joined_with != (dims.len() > depth).then_some(depth) {
                return self.no_join(reading.name, dimension, dim.joined_with.unwrap_or(depth));
            }
            dims.push(dim);
        }
        Ok(dims.split_off(depth))
    }

    /// What a collect waits for beside its elements.
    fn closing(&mut self, dims: &[Dim], added: &[Dim], collect: &Collect) -> (Target, Vec<usize>) {
        let group = Group { dims: added.to_vec(), joins: collect.joined.iter().map(|it| it.join).collect() };
        if group.is_zip() {
            let (zip, at) = self.zip(dims, &group);
            return (Target::Zip(zip), at);
        }
        (Target::Success(self.dynamics[added[0].dynamic.at()].solid), added[0].at.clone())
    }
}
