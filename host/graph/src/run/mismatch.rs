//! Mapping keys that one side of a zip lacks, where it must not.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Run;
use super::derive::Offer;
use crate::name::{Identifier, MappingKey};
use crate::pipeline::Unmatched;
use crate::plan::{Side, ZipNode};
use crate::step::{Point, StepId, StepKey};

/// A mapping key that only one side of a zip has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("mapping key `{mapping_key}` is on {on} and not on {lacking}, with which it is zipped")]
pub struct Mismatch {
    /// The key.
    pub mapping_key: MappingKey,
    /// Who has it.
    pub on: Emitter,
    /// Who lacks it.
    pub lacking: Emitter,
}

/// A dynamic output of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emitter {
    /// The step.
    pub step: StepKey,
    /// The output.
    pub output: Identifier,
}

impl fmt::Display for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of `{}`", self.output, self.step)
    }
}

impl Run {
    /// The keys that are missing on some side of a zip and must not be, where all sides are complete. The run has
    /// failed if there is one.
    pub fn mismatches(&self) -> impl Iterator<Item = Mismatch> + '_ {
        self.plan.zips.iter().flat_map(move |zip| {
            let points = (0..self.points.count(zip.scope)).map(Point);
            let complete = points.filter(|point| self.is_complete(zip, *point));
            complete.flat_map(|point| self.mismatches_at(zip, point))
        })
    }

    pub(super) fn has_mismatch(&self, zip: &ZipNode, point: Point) -> bool {
        self.mismatches_at(zip, point).next().is_some()
    }

    fn is_complete(&self, zip: &ZipNode, point: Point) -> bool {
        let is_available = |closing| {
            let closing = &self.plan.leaves[closing];
            matches!(self.offer(closing, self.producer(&self.plan, closing, point)), Offer::Available(_))
        };
        self.points.is_live(zip.scope, point) && zip.closings.iter().all(|it| is_available(it.at()))
    }

    fn mismatches_at<'r>(
        &'r self,
        zip: &'r ZipNode,
        point: Point,
    ) -> impl Iterator<Item = Mismatch> + use<'r> {
        let (first, others) = (&zip.sides[0], &zip.sides[1..]);
        let strict = others.iter().filter(|side| side.unmatched == Unmatched::Fail);
        strict.flat_map(move |side| {
            let pairs = [(first, side), (side, first)].into_iter();
            pairs.flat_map(move |(on, lacking)| {
                let other = self.generator(zip, lacking, point).point;
                let items = self.points.live_items(on.dynamic, self.generator(zip, on, point).point);
                let keys = items.into_iter().map(|item| self.points.key(on.dynamic, item));
                let keys = keys.filter(move |key| !self.points.has_item(lacking.dynamic, other, key));
                keys.map(move |key| Mismatch {
                    mapping_key: key.clone(),
                    on: self.emitter(zip, on, point),
                    lacking: self.emitter(zip, lacking, point),
                })
            })
        })
    }

    fn emitter(&self, zip: &ZipNode, side: &Side, point: Point) -> Emitter {
        let generator = self.generator(zip, side, point);
        let output = self.plan.dynamics[side.dynamic.at()].output as usize;
        let outputs = &self.plan.solids[generator.solid.at()].definition.outputs;
        Emitter { step: self.step_key(generator), output: outputs[output].name.clone() }
    }

    fn generator(&self, zip: &ZipNode, side: &Side, point: Point) -> StepId {
        let solid = self.plan.dynamics[side.dynamic.at()].solid;
        let scope = self.plan.solids[solid.at()].scope;
        StepId { solid, point: self.points.project(&self.plan, zip.scope, point, scope, &side.at) }
    }
}
