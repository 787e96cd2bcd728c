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

    /// Whether any number of steps of a solid may run.
    pub fn is_unlimited(&self, solid: SolidId) -> bool {
        self.limits[solid.at()].is_empty()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Solids `a` and `b` with the tag `db`, which says `eu` and `us`, and `c` without.
    fn plan() -> Plan {
        let solid =
            |name: &str, tags: serde_json::Value| json!({ "name": name, "solid": "p:s", "tags": tags });
        let pipeline = json!({
            "name": "main",
            "definitions": { "p:s": { "name": "s" } },
            "solids": [solid("a", json!({ "db": "eu" })), solid("b", json!({ "db": "us" })), solid("c", json!({}))],
        });
        Plan::new(serde_json::from_value(pipeline).unwrap()).unwrap()
    }

    /// Which solids have room after some have started.
    fn with_room(of: &[(Limited, u32)], running: &[&str]) -> String {
        let plan = plan();
        let limits: Vec<_> = of
            .iter()
            .map(|(of, max)| ConcurrencyLimit { of: of.clone(), max: (*max).try_into().unwrap() })
            .collect();
        let mut slots = Slots::new(&plan, &limits);
        for name in running {
            match name.strip_prefix('-') {
                Some(ended) => slots.give_back(plan.find(ended).unwrap()),
                None => slots.take(plan.find(name).unwrap()),
            }
        }
        let named = plan.solids().filter(|solid| slots.has_room(*solid));
        named.map(|solid| plan.invocation(solid).name.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn limits_hold_for_what_they_speak_of() {
        /// Limits, what starts and ends, and what has room then.
        type Case = (Vec<(Limited, u32)>, &'static [&'static str], &'static str);
        let tag =
            |value: Option<&str>| Limited::Tag { name: "db".to_owned(), value: value.map(str::to_owned) };
        let one = Limited::Solid("a".parse().unwrap());
        let cases: [Case; 11] = [
            (vec![], &["a", "a"], "a b c"),
            (vec![(one.clone(), 1)], &[], "a b c"),
            (vec![(one.clone(), 1)], &["a"], "b c"),
            (vec![(one.clone(), 2)], &["a"], "a b c"),
            (vec![(one.clone(), 2)], &["a", "a"], "b c"),
            (vec![(one.clone(), 1)], &["a", "-a"], "a b c"),
            (vec![(one.clone(), 1)], &["a", "-a", "a"], "b c"),
            (vec![(tag(None), 2)], &["a", "b"], "c"),
            (vec![(tag(Some("eu")), 1)], &["a", "b"], "b c"),
            (vec![(tag(Some("us")), 1)], &["a", "b"], "a c"),
            (vec![(tag(None), 3), (one, 1)], &["a", "c"], "b c"),
        ];
        for (limits, running, wanted) in cases {
            assert_eq!(with_room(&limits, running), wanted, "{limits:?} {running:?}");
        }
    }
}
