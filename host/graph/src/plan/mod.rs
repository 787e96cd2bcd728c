//! A validated pipeline, compiled to what a run needs: every static error has been found.
//!
//! A plan is an immutable graph of *producers* and *gates*. A producer is a solid or a collect; a gate is where values
//! come together: before a solid starts, around one element of a collect, at the pipeline's result. A gate waits for
//! its *leaves*, each of which reads one producer. Everything has a scope and exists once per point of it.
//!
//! Deliberately absent: all that changes during a run, which is in [`crate::run`].

mod compile;
mod error;
mod order;
mod priority;
mod scope;

use crate::definition::{RetryPolicy, SolidDefinition};
use crate::name::Identifier;
use crate::pipeline::{Into, Invocation, Pipeline, Unmatched};
use crate::step::SolidId;

pub use error::PlanError;
pub use priority::PRIORITY_TAG;
pub(crate) use scope::{Dim, Scope, ScopeId};

/// A place in one of the plan's tables.
macro_rules! table_id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $type(pub(crate) u32);

        impl $type {
            pub(crate) fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}
pub(crate) use table_id;

table_id!(
    /// A dynamic output of a solid of the plan.
    DynamicId
);
table_id!(
    /// A collect.
    CollectId
);
table_id!(
    /// A zip.
    ZipId
);
table_id!(
    /// A place where values come together.
    GateId
);
table_id!(
    /// A gate's or collect's wait for one producer.
    LeafId
);
table_id!(
    /// A lane.
    LaneId
);

impl SolidId {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// A validated pipeline.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) pipeline: Pipeline,
    pub(crate) solids: Vec<Solid>,
    /// The solids, those of the highest priority first, else in the plan's order.
    pub(crate) by_priority: Vec<SolidId>,
    pub(crate) dynamics: Vec<Dynamic>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) gates: Vec<Gate>,
    pub(crate) collects: Vec<CollectNode>,
    pub(crate) zips: Vec<ZipNode>,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) result: GateId,
}

/// A solid of the plan.
#[derive(Debug, Clone)]
pub(crate) struct Solid {
    /// Its place among the pipeline's invocations.
    pub(crate) invocation: usize,
    pub(crate) definition: SolidDefinition,
    pub(crate) scope: ScopeId,
    pub(crate) gate: GateId,
    /// For each output: the dynamic that it is, if it is dynamic.
    pub(crate) dynamics: Vec<Option<DynamicId>>,
    /// Who reads any of its outputs, or waits for its success.
    pub(crate) readers: Vec<LeafId>,
    /// The lanes that its steps keep to, outermost first.
    pub(crate) lanes: Vec<LaneId>,
    /// Its place among the solids by priority.
    pub(crate) rank: u32,
}

/// A dynamic output.
#[derive(Debug, Clone)]
pub(crate) struct Dynamic {
    pub(crate) solid: SolidId,
    /// Its place among the solid's outputs.
    pub(crate) output: u32,
    pub(crate) is_required: bool,
    /// The scope with the generator's own scope as parent: its points are the items, one by one.
    pub(crate) scope: ScopeId,
    /// Every scope that it is a dimension of, with the position.
    pub(crate) appears: Vec<(ScopeId, usize)>,
    /// The scopes other than its natural one that end in it.
    pub(crate) crosses: Vec<ScopeId>,
}

/// A map whose clones go a few at a time, in one scope.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    /// Its points are the map's clones.
    pub(crate) scope: ScopeId,
    /// What is around the map: the slots are shared by the clones of one of its points.
    pub(crate) around: ScopeId,
    pub(crate) max_concurrent: u32,
}

/// A place where values come together.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) scope: ScopeId,
    pub(crate) owner: Owner,
    /// What is read: by input place for a solid, one read else.
    pub(crate) reads: Vec<(u32, Read)>,
    /// All that it waits for: the leaves of its reads, and barriers.
    pub(crate) leaves: Vec<LeafId>,
    /// The positions of its scope whose items it reads.
    pub(crate) items: Vec<usize>,
}

/// What a gate stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Solid(SolidId),
    Element(CollectId),
    Result,
}

/// What is read, as a tree over a gate's leaves.
#[derive(Debug, Clone)]
pub(crate) enum Read {
    Value(serde_json::Value),
    Item(usize),
    Leaf(LeafId),
    List(Vec<Read>),
    Dict(Vec<(String, Read)>),
}

/// The gathering of clones' values.
#[derive(Debug, Clone)]
pub(crate) struct CollectNode {
    pub(crate) scope: ScopeId,
    pub(crate) over: DynamicId,
    /// The gate of one element: its scope is this one's with `over` and what it is joined with added.
    pub(crate) element: GateId,
    /// The wait for the end of the generator, or of the zip.
    pub(crate) closing: LeafId,
    /// Whether there is a collection where there are no elements; otherwise it is skipped.
    pub(crate) may_be_empty: bool,
    pub(crate) into: Into,
    pub(crate) min_success_ratio: Option<f64>,
    pub(crate) readers: Vec<LeafId>,
}

/// The end of a zip: all its generators have succeeded, and no key is missing that must not be.
#[derive(Debug, Clone)]
pub(crate) struct ZipNode {
    pub(crate) scope: ScopeId,
    /// What is joined, at least two; the first is what the others are compared with.
    pub(crate) sides: Vec<Side>,
    /// The waits for the generators.
    pub(crate) closings: Vec<LeafId>,
    pub(crate) readers: Vec<LeafId>,
}

/// One side of a zip.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Side {
    pub(crate) dynamic: DynamicId,
    /// The positions of its generator's own dimensions.
    pub(crate) at: Vec<usize>,
    pub(crate) unmatched: Unmatched,
}

/// A wait for one producer.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) reader: Reader,
    pub(crate) reader_scope: ScopeId,
    pub(crate) target: Target,
    pub(crate) target_scope: ScopeId,
    /// For each dimension of the producer's scope: the position in the reader's.
    pub(crate) at: Vec<usize>,
    /// True when both scopes are one and the points are the same.
    pub(crate) is_direct: bool,
    /// True when the reader streams from the producer's items and so takes its plain outputs as they are emitted.
    pub(crate) is_early: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Gate(GateId),
    Closing(CollectId),
    Zip(ZipId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Output(SolidId, u32),
    Success(SolidId),
    Collect(CollectId),
    Zip(ZipId),
}

impl Plan {
    /// Checks a pipeline and compiles it. All errors that were found are returned, in the order of the solids.
    pub fn new(pipeline: Pipeline) -> Result<Self, Vec<PlanError>> {
        compile::compile(pipeline)
    }

    /// The pipeline that it was made from.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Its solids, each after those that it reads.
    pub fn solids(&self) -> impl ExactSizeIterator<Item = SolidId> + use<> {
        (0..self.solids.len() as u32).map(SolidId)
    }

    /// How the pipeline uses a solid.
    pub fn invocation(&self, solid: SolidId) -> &Invocation {
        &self.pipeline.solids[self.solids[solid.at()].invocation]
    }

    /// What a solid says of itself.
    pub fn definition(&self, solid: SolidId) -> &SolidDefinition {
        &self.solids[solid.at()].definition
    }

    /// The solid of this name in the pipeline.
    pub fn find(&self, name: &str) -> Option<SolidId> {
        self.solids().find(|solid| self.invocation(*solid).name.as_str() == name)
    }

    /// How many mapping keys the steps of a solid have.
    pub fn depth(&self, solid: SolidId) -> usize {
        self.invocation(solid).scope.iter().filter(|dimension| dimension.join.is_none()).count()
    }

    /// The retry policy in force: the pipeline's, else the definition's.
    pub fn retry_policy(&self, solid: SolidId) -> Option<&RetryPolicy> {
        self.invocation(solid).retry_policy.as_ref().or(self.definition(solid).retry_policy.as_ref())
    }

    /// Whether all steps of a solid may run at once: no map that it is in has a `max_concurrent`.
    pub fn is_unlimited(&self, solid: SolidId) -> bool {
        self.solids[solid.at()].lanes.is_empty()
    }

    /// What a solid's tag says: its invocation's, else its definition's.
    pub fn tag(&self, solid: SolidId, name: &str) -> Option<&str> {
        let tag = self.invocation(solid).tags.get(name);
        tag.or_else(|| self.definition(solid).tags.get(name)).map(String::as_str)
    }

    /// A solid's step key before its mapping keys are known: `process_file[?]`.
    pub fn step_pattern(&self, solid: SolidId) -> String {
        format!("{}{}", self.invocation(solid).name, "[?]".repeat(self.depth(solid)))
    }

    /// The dimensions of a scope, outermost first.
    pub(crate) fn dims(&self, scope: ScopeId) -> Vec<&Dim> {
        let mut dims = Vec::new();
        let mut scope = &self.scopes[scope.at()];
        while let Some((prefix, dim)) = &scope.last {
            dims.push(dim);
            scope = &self.scopes[prefix.at()];
        }
        dims.reverse();
        dims
    }

    /// The name of a solid's input at this place of its definition.
    pub fn input_name(&self, solid: SolidId, place: u32) -> &Identifier {
        &self.definition(solid).inputs[place as usize].name
    }
}
