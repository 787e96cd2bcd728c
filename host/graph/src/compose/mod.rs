//! Composition: how front ends make a [`Pipeline`], by calling solids and mapping over what they return.
//!
//! A [`Handle`] is a value that will exist in a run: *one* value, or one for each item of some dimensions. A dynamic
//! output is a handle of the second kind, and so is what a map returns; there is no other difference between them.
//!
//! - [`Composer::call`] takes handles of the first kind only, and notes which maps they speak of.
//! - [`Composer::map`] makes a handle of the first kind out of one of the second, for as long as its function runs.
//!   Each map has variables of its own, so that a dynamic output can be crossed with itself.
//! - [`Composer::zip`] puts dynamic handles side by side, for one map over all of them.
//! - [`Composer::collect`] takes the innermost dimension away.
//!
//! Dimensions are variables here, and become positions in scopes when a call is added. Nothing is checked that the
//! plan checks as well, unless the place in the author's text is worth having.

mod call;
mod error;
mod map;
mod names;
mod term;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

pub use self::call::{Call, Called};
pub use self::error::ComposeError;
pub use self::map::{MapOptions, Zip};
use self::names::Names;
use self::term::{Term, Var, Variables};
use crate::definition::SolidDefinition;
use crate::name::{Identifier, SolidRef};
use crate::pipeline::{self, Invocation, Pipeline};

/// How deep maps, collects and arguments may be nested: readers of JSON stop at 128 levels, and one level here is up
/// to two there.
pub const MAX_DEPTH: usize = 24;

/// A pipeline that is being composed.
#[derive(Debug)]
pub struct Composer {
    name: Identifier,
    description: String,
    allows_unconnected_inputs: bool,
    definitions: BTreeMap<SolidRef, SolidDefinition>,
    solids: Vec<Invocation>,
    names: Names,
    variables: Variables,
    /// The variables of the maps that are entered, outermost first.
    maps: Vec<Vec<Var>>,
    next_lane: u32,
    mark: Arc<()>,
}

/// A value that will exist in a run, or one value for each item of a dynamic output. Only of use to the composer that
/// it is from.
#[derive(Debug, Clone)]
pub struct Handle {
    term: Term,
    /// The dimensions that it has one value for each item of, outermost first; empty for a single value.
    over: Vec<Var>,
    /// Its composer's.
    mark: Arc<()>,
}

impl Handle {
    /// Whether it must be unpacked by map or collect before a solid can receive it.
    pub fn is_dynamic(&self) -> bool {
        !self.over.is_empty()
    }
}

/// What an input receives, or what a pipeline returns.
#[derive(Debug, Clone)]
pub enum Argument {
    /// The author's own value.
    Value(Json),
    /// What a solid, map or collect returned.
    Handle(Handle),
    /// A list of arguments.
    List(Vec<Argument>),
    /// Arguments by name.
    Dict(BTreeMap<String, Argument>),
}

impl From<Json> for Argument {
    fn from(value: Json) -> Self {
        Self::Value(value)
    }
}

impl From<Handle> for Argument {
    fn from(handle: Handle) -> Self {
        Self::Handle(handle)
    }
}

impl From<&Handle> for Argument {
    fn from(handle: &Handle) -> Self {
        Self::Handle(handle.clone())
    }
}

impl<T: Into<Argument>> From<Vec<T>> for Argument {
    fn from(members: Vec<T>) -> Self {
        Self::List(members.into_iter().map(Into::into).collect())
    }
}

impl Composer {
    /// An empty pipeline.
    pub fn new(name: Identifier, description: impl Into<String>) -> Self {
        Self {
            name,
            description: description.into(),
            allows_unconnected_inputs: false,
            definitions: BTreeMap::new(),
            solids: Vec::new(),
            names: Names::default(),
            variables: Variables::default(),
            maps: Vec::new(),
            next_lane: 0,
            mark: Arc::new(()),
        }
    }

    /// Lets calls leave out inputs that have no default, because a run's configuration may give them. They are then
    /// missing from the invocation's `inputs`; the plan, made when that configuration is applied, says which still
    /// are.
    #[must_use]
    pub fn allow_unconnected_inputs(mut self) -> Self {
        self.allows_unconnected_inputs = true;
        self
    }

    /// The list of the values of the innermost dimension, in emission order. With a ratio, from 0 to 1, that share of
    /// clones is enough; otherwise all must succeed.
    pub fn collect(&self, handle: &Handle, min_success_ratio: Option<f64>) -> Result<Handle, ComposeError> {
        self.gather(handle, pipeline::Into::List, min_success_ratio)
    }

    /// [`Self::collect`] into values by mapping key.
    pub fn collect_dict(
        &self,
        handle: &Handle,
        min_success_ratio: Option<f64>,
    ) -> Result<Handle, ComposeError> {
        self.gather(handle, pipeline::Into::Dict, min_success_ratio)
    }

    /// Begins a group: the names of solids called from here on start with `name.`.
    pub fn enter_group(&mut self, name: Identifier) {
        self.names.groups.push(name);
    }

    /// Ends the group that was entered last.
    pub fn leave_group(&mut self) -> Result<(), ComposeError> {
        self.names.groups.pop().map(|_| ()).ok_or(ComposeError::NotEntered("group"))
    }

    /// The pipeline. Of what it returns, dynamic handles become values by mapping key, one level for each dimension.
    pub fn finish(self, result: impl Into<Argument>) -> Result<Pipeline, ComposeError> {
        if !self.maps.is_empty() {
            return Err(self.unbalanced(0));
        }
        if let Some(group) = self.names.groups.last() {
            return Err(ComposeError::NotLeft(format!("group `{group}`")));
        }
        let result = self.term(result.into(), &|handle| self.whole(handle))?;
        let result = self.variables.resolve(&result, &[])?;
        let Self { name, description, definitions, solids, .. } = self;
        Ok(Pipeline { name, description, definitions, solids, result })
    }

    /// All of a handle: of what is dynamic, values by mapping key, one level for each dimension.
    fn whole(&self, mut handle: Handle) -> Result<Term, ComposeError> {
        self.check_mark(&handle)?;
        while handle.is_dynamic() {
            handle = self.collect_dict(&handle, None)?;
        }
        Ok(handle.term)
    }

    fn gather(
        &self,
        handle: &Handle,
        into: pipeline::Into,
        min_success_ratio: Option<f64>,
    ) -> Result<Handle, ComposeError> {
        self.check(handle)?;
        if let Some(ratio) = min_success_ratio.filter(|ratio| !(0.0..=1.0).contains(ratio)) {
            return Err(ComposeError::Ratio(ratio));
        }
        check_depth(handle.term.collects() + 1)?;
        let is_first = |var: &Var| self.variables.get(*var).join.is_none();
        let Some(innermost) = handle.over.iter().rposition(is_first) else {
            return Err(ComposeError::NotDynamic { handle: self.label(handle), action: "collect" });
        };
        let (over, joined) = (handle.over[innermost], handle.over[innermost + 1..].to_vec());
        let of = Box::new(handle.term.clone());
        let outer = handle.over[..innermost].to_vec();
        Ok(self.own(Term::Collect { over, joined, of, into, min_success_ratio }, outer))
    }

    /// The term of an argument; what a handle in it becomes is the caller's to say.
    fn term(&self, argument: Argument, unpacked: Unpack<'_>) -> Result<Term, ComposeError> {
        self.term_at(0, argument, unpacked)
    }

    fn term_at(&self, depth: usize, argument: Argument, unpacked: Unpack<'_>) -> Result<Term, ComposeError> {
        if depth > MAX_DEPTH {
            return Err(ComposeError::TooDeep { what: "lists and dicts of arguments" });
        }
        match argument {
            Argument::Value(value) => Ok(Term::Value(value)),
            Argument::Handle(handle) => {
                self.check_mark(&handle)?;
                unpacked(handle)
            }
            Argument::List(members) => {
                let members = members.into_iter().map(|member| self.term_at(depth + 1, member, unpacked));
                members.collect::<Result<_, _>>().map(list)
            }
            Argument::Dict(members) => {
                let members = members.into_iter();
                let terms = members.map(|(name, it)| Ok((name, self.term_at(depth + 1, it, unpacked)?)));
                terms.collect::<Result<_, _>>().map(dict)
            }
        }
    }

    /// Checks that a handle speaks of nothing but the maps that are entered.
    fn check(&self, handle: &Handle) -> Result<(), ComposeError> {
        self.check_mark(handle)?;
        let free = self.variables.without(handle.over.iter(), self.variables.free(&handle.term));
        let active: BTreeSet<Var> = self.active().collect();
        free.difference(&active).last().map_or(Ok(()), |var| {
            let map = self.variables.get(*var).over.clone();
            Err(ComposeError::Leaked { handle: self.label(handle), map })
        })
    }

    fn check_mark(&self, handle: &Handle) -> Result<(), ComposeError> {
        if Arc::ptr_eq(&self.mark, &handle.mark) { Ok(()) } else { Err(ComposeError::Foreign) }
    }

    /// The variables of all entered maps, outermost first.
    fn active(&self) -> impl Iterator<Item = Var> {
        self.maps.iter().flatten().copied()
    }

    fn own(&self, term: Term, over: Vec<Var>) -> Handle {
        Handle { term, over, mark: Arc::clone(&self.mark) }
    }

    /// How messages call a handle.
    fn label(&self, handle: &Handle) -> String {
        match (&handle.term, handle.over.is_empty()) {
            // The dynamic output itself.
            (Term::Item(var), false) => format!("`{}`", self.variables.get(*var).over),
            (term, _) => self.variables.label(term),
        }
    }

    /// Why the maps that are entered are not the `depth` outermost ones.
    fn unbalanced(&self, depth: usize) -> ComposeError {
        match self.maps.get(depth).and_then(|vars| vars.last()) {
            Some(var) => ComposeError::NotLeft(format!("map over `{}`", self.variables.get(*var).over)),
            None => ComposeError::NotEntered("map"),
        }
    }
}

/// What a handle in an argument becomes.
type Unpack<'a> = &'a dyn Fn(Handle) -> Result<Term, ComposeError>;

fn check_depth(depth: usize) -> Result<(), ComposeError> {
    if depth > MAX_DEPTH { Err(ComposeError::TooDeep { what: "maps and collects" }) } else { Ok(()) }
}

/// A list of nothing but values is a value.
fn list(members: Vec<Term>) -> Term {
    let value = |member: &Term| if let Term::Value(value) = member { Some(value.clone()) } else { None };
    match members.iter().map(value).collect() {
        Some(values) => Term::Value(Json::Array(values)),
        None => Term::List(members),
    }
}

/// The same for a dict.
fn dict(members: BTreeMap<String, Term>) -> Term {
    let value = |(name, member): (&String, &Term)| {
        if let Term::Value(value) = member { Some((name.clone(), value.clone())) } else { None }
    };
    match members.iter().map(value).collect() {
        Some(values) => Term::Value(Json::Object(values)),
        None => Term::Dict(members),
    }
}
