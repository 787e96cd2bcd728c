//! How many steps may run at once: limits by solid and by tag, and the slots that they leave.

use crate::name::SolidName;
use crate::plan::Plan;
use crate::step::SolidId;

/// At most so many steps at once, of the solids that it speaks of together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcurrencyLimit {
    /// The solids.
    pub of: Limited,
    /// The number of their steps that may run at once, at least 1.
    pub max: std::num::NonZeroU32,
}

/// What a limit speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limited {
    /// The solid of this name in the pipeline, with all its clones.
    Solid(SolidName),
    /// All solids with this tag.
    Tag {
        /// The tag.
        name: String,
        /// What it must say; none: whatever it says.
        value: Option<String>,
    },
}

/// The slots of one run.
#[derive(Debug)]
pub struct Slots {
    /// By solid: the limits that speak of it, by place in `free`.
    limits: Vec<Vec<usize>>,
    free: Vec<u32>,
}

impl Slots {
    /// All slots, free. A limit on what a plan does not have limits nothing.
    pub fn new(plan: &Plan, limits: &[ConcurrencyLimit]) -> Self {
        let of = |solid| {
            let limits = limits.iter().enumerate();
            limits.filter(|(_, limit)| limit.of.includes(plan, solid)).map(|(place, _)| place).collect()
        };
        Self {
            limits: plan.solids().map(of).collect(),
            free: limits.iter().map(|limit| limit.max.get()).collect(),
        }
    }

    /// Whether one more step of a solid may run.
    pub fn has_room(&self, solid: SolidId) -> bool {
        self.limits[solid.at()].iter().all(|limit| self.free[*limit] > 0)
    }

    /// One more step of a solid runs. There must be room for it.
    pub fn take(&mut self, solid: SolidId) {
        self.limits[solid.at()].iter().for_each(|limit| self.free[*limit] -= 1);
    }

    /// A step of a solid runs no more.
    pub fn give_back(&mut self, solid: SolidId) {
        self.limits[solid.at()].iter().for_each(|limit| self.free[*limit] += 1);
    }
}

impl Limited {
    fn includes(&self, plan: &Plan, solid: SolidId) -> bool {
        match self {
            Self::Solid(name) => plan.invocation(solid).name == *name,
            Self::Tag { name, value } => {
                plan.tag(solid, name).is_some_and(|said| value.as_ref().is_none_or(|value| value == said))
            }
        }
    }
}
