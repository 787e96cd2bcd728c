//! What collects and the ends of zips come to.

use std::sync::Arc;

use super::Run;
use super::cells::{CollectCell, Verdict};
use super::derive::Offer;
use crate::plan::{CollectId, GateId, LeafId, Plan, ZipId};
use crate::step::Point;

impl Run {
    /// Brings a collect's verdict up to date.
    pub(super) fn judge_collect(&mut self, collect: CollectId, point: Point) {
        let plan = Arc::clone(&self.plan);
        let node = &plan.collects[collect.at()];
        let closing = &plan.leaves[node.closing.at()];
        let cell = self.cells.collects[collect.at()][point.0 as usize];
        let verdict = match self.offer(closing, self.producer(&plan, closing, point)) {
            Offer::Pending => None,
            Offer::Failed => Some(Verdict::Failed),
            Offer::Skipped => Some(Verdict::Skipped),
            Offer::Available(_) if cell.open > 0 => None,
            Offer::Available(_) => Some(collected(&cell, node.min_success_ratio, node.may_be_empty)),
        };
        self.cells.collects[collect.at()][point.0 as usize].verdict = verdict;
        self.announce_verdict(&node.readers, point, cell.verdict, verdict);
    }

    /// Brings a zip's verdict up to date.
    pub(super) fn judge_zip(&mut self, zip: ZipId, point: Point) {
        let plan = Arc::clone(&self.plan);
        let node = &plan.zips[zip.at()];
        let offers = node.closings.iter().map(|closing| {
            let closing = &plan.leaves[closing.at()];
            self.offer(closing, self.producer(&plan, closing, point))
        });
        let offers: Vec<Offer> = offers.collect();
        let verdict = if offers.contains(&Offer::Pending) {
            None
        } else if offers.contains(&Offer::Failed) {
            Some(Verdict::Failed)
        } else if offers.contains(&Offer::Skipped) {
            Some(Verdict::Skipped)
        } else if self.has_mismatch(node, point) {
            Some(Verdict::Failed)
        } else {
            Some(Verdict::Available)
        };
        let before = std::mem::replace(&mut self.cells.zips[zip.at()][point.0 as usize], verdict);
        self.announce_verdict(&node.readers, point, before, verdict);
    }

    fn announce_verdict(
        &mut self,
        readers: &[LeafId],
        producer: Point,
        before: Option<Verdict>,
        after: Option<Verdict>,
    ) {
        for leaf in readers {
            self.announce(*leaf, producer, Self::of_verdict(before), Self::of_verdict(after));
        }
    }

    /// The point of a collect that an element is of.
    pub(super) fn collected_at(
        &self,
        plan: &Plan,
        element: GateId,
        collect: CollectId,
        point: Point,
    ) -> Point {
        let (scope, outer) = (plan.gates[element.at()].scope, plan.collects[collect.at()].scope);
        self.points.ancestor(plan, scope, point, outer)
    }
}

/// What a collect comes to when its generator has succeeded and all elements have a verdict.
fn collected(cell: &CollectCell, min_success_ratio: Option<f64>, may_be_empty: bool) -> Verdict {
    let CollectCell { available, skipped, failed, .. } = *cell;
    match (available, skipped, failed) {
        (0, 0, 0) if may_be_empty => Verdict::Available,
        (0, _, 0) => Verdict::Skipped,
        (_, _, 0) => Verdict::Available,
        _ => {
            let succeeded = f64::from(available) / (f64::from(available) + f64::from(failed));
            let is_enough = min_success_ratio.is_some_and(|least| succeeded >= least);
            if is_enough { Verdict::Available } else { Verdict::Failed }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collect_comes_to_what_its_elements_came_to() {
        let verdict = |available, skipped, failed, ratio, may_be_empty| {
            let cell = CollectCell { available, skipped, failed, ..CollectCell::default() };
            collected(&cell, ratio, may_be_empty)
        };
        for (available, skipped, failed, ratio, wanted) in [
            (0, 0, 0, None, Verdict::Available),
            (0, 2, 0, None, Verdict::Skipped),
            (1, 2, 0, None, Verdict::Available),
            (2, 0, 1, None, Verdict::Failed),
            (0, 2, 1, None, Verdict::Failed),
            (2, 0, 1, Some(0.9), Verdict::Failed),
            (2, 0, 1, Some(0.6), Verdict::Available),
            (1, 5, 1, Some(0.5), Verdict::Available),
            (1, 0, 1, Some(0.51), Verdict::Failed),
            (0, 0, 3, Some(0.0), Verdict::Available),
        ] {
            assert_eq!(
                verdict(available, skipped, failed, ratio, true),
                wanted,
                "{available} {skipped} {failed}"
            );
        }
        assert_eq!(verdict(0, 0, 0, None, false), Verdict::Skipped);
    }
}
