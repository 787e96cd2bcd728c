//! Whether two steps of two runs read the same: equal values, member by member, without reading any.

use std::vec::IntoIter;

use crate::name::MappingKey;
use crate::run::{Collection, Resolved, Run};
use crate::step::StepId;

/// Members of a collection that are looked up at once.
const PAGE: u32 = 1024;

/// True when every input of both steps has the same value. Each must be ready, or have run.
pub(super) fn read_the_same(ours: (&Run, StepId), theirs: (&Run, StepId)) -> bool {
    let (our_inputs, their_inputs) = (ours.0.inputs(ours.1), theirs.0.inputs(theirs.1));
    let pair = Pair { ours: ours.0, theirs: theirs.0 };
    our_inputs.len() == their_inputs.len()
        && our_inputs
            .iter()
            .zip(&their_inputs)
            .all(|((name, our), (their_name, their))| name == their_name && pair.is_same(our, their))
}

/// Two runs.
struct Pair<'r> {
    ours: &'r Run,
    theirs: &'r Run,
}

impl Pair<'_> {
    fn is_same(&self, our: &Resolved<'_>, their: &Resolved<'_>) -> bool {
        match (our, their) {
            (Resolved::Value(our), Resolved::Value(their)) => our == their,
            (Resolved::Stored(our), Resolved::Stored(their)) => our.same_value(their),
            (Resolved::List(our), Resolved::List(their)) => {
                our.len() == their.len() && our.iter().zip(their).all(|(our, their)| self.is_same(our, their))
            }
            (Resolved::Dict(our), Resolved::Dict(their)) => {
                our.len() == their.len()
                    && our
                        .iter()
                        .zip(their)
                        .all(|(our, their)| our.0 == their.0 && self.is_same(&our.1, &their.1))
            }
            (Resolved::Collection(our), Resolved::Collection(their)) => self.is_same_collection(our, their),
            _ => false,
        }
    }

    fn is_same_collection(&self, our: &Collection, their: &Collection) -> bool {
        let size = |it: &Collection| (it.into, it.len, it.missing);
        let (ours, theirs) = (Members::of(self.ours, our), Members::of(self.theirs, their));
        size(our) == size(their)
            && ours.zip(theirs).all(|((key, our), (their_key, their))| {
                key == their_key
                    && match (our, their) {
                        (Some(our), Some(their)) => self.is_same(&our, &their),
                        (None, None) => true,
                        _ => false,
                    }
            })
    }
}

/// The members of a collection, page by page. One without a value is missing.
struct Members<'r> {
    run: &'r Run,
    collection: Collection,
    page: IntoIter<(&'r MappingKey, Option<Resolved<'r>>)>,
    /// Where the next page begins; none at the end.
    next: Option<u32>,
}

impl<'r> Members<'r> {
    fn of(run: &'r Run, collection: &Collection) -> Self {
        Self { run, collection: *collection, page: Vec::new().into_iter(), next: Some(0) }
    }
}

impl<'r> Iterator for Members<'r> {
    type Item = (&'r MappingKey, Option<Resolved<'r>>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(member) = self.page.next() {
                return Some(member);
            }
            let page = self.run.page(&self.collection, self.next?, PAGE);
            self.next = page.next;
            self.page = page.items.into_iter();
        }
    }
}
