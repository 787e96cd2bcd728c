//! Terms: what [`Source`] says with positions, said with variables while positions are not yet known.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::ComposeError;
use crate::name::OutputRef;
use crate::pipeline::{Collect, Dimension, Expand, Into, Lane, Source};

/// One dimension during composition. It stands for an item of a dynamic output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Var(u32);

/// What a variable ranges over.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    /// The dynamic output.
    pub(super) over: OutputRef,
    /// The coordinates of its generator.
    pub(super) at: Vec<Var>,
    /// When clones may start.
    pub(super) expand: Expand,
    /// How many go at once.
    pub(super) lane: Option<Lane>,
}

/// Where a value comes from. On any path through a term each variable is bound at most once.
#[derive(Debug, Clone)]
pub(super) enum Term {
    Value(Json),
    Item(Var),
    Output { of: OutputRef, at: Vec<Var> },
    Collect { var: Var, of: Box<Term>, into: Into, min_success_ratio: Option<f64> },
    List(Vec<Term>),
    Dict(BTreeMap<String, Term>),
}

impl Term {
    /// How many collects are inside each other here.
    pub(super) fn collects(&self) -> usize {
        match self {
            Self::Value(_) | Self::Item(_) | Self::Output { .. } => 0,
            Self::Collect { of, .. } => 1 + of.collects(),
            Self::List(members) => members.iter().map(Self::collects).max().unwrap_or(0),
            Self::Dict(members) => members.values().map(Self::collects).max().unwrap_or(0),
        }
    }
}

/// All variables of a composition. A [`Var`] is only looked up in the one that declared it.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(Vec<Variable>);

impl Variables {
    pub(super) fn declare(&mut self, variable: Variable) -> Var {
        let var = Var(self.0.len() as u32);
        self.0.push(variable);
        var
    }

    pub(super) fn get(&self, var: Var) -> &Variable {
        &self.0[var.0 as usize]
    }

    /// The variables that a term speaks of, without those that its collects bind, with all that they depend on.
    pub(super) fn free(&self, term: &Term) -> BTreeSet<Var> {
        match term {
            Term::Value(_) => BTreeSet::new(),
            Term::Item(var) => self.closed(&[*var]),
            Term::Output { at, .. } => self.closed(at),
            Term::Collect { var, of, .. } => self.without(*var, self.free(of)),
            Term::List(members) => members.iter().flat_map(|member| self.free(member)).collect(),
            Term::Dict(members) => members.values().flat_map(|member| self.free(member)).collect(),
        }
    }

    /// What is free in something that binds `var`: not `var` itself, but what it depends on.
    pub(super) fn without(&self, var: Var, mut free: BTreeSet<Var>) -> BTreeSet<Var> {
        free.extend(self.closed(&self.get(var).at));
        free.remove(&var);
        free
    }

    fn closed(&self, vars: &[Var]) -> BTreeSet<Var> {
        let mut closed = BTreeSet::new();
        let mut open = vars.to_vec();
        while let Some(var) = open.pop() {
            if closed.insert(var) {
                open.extend(&self.get(var).at);
            }
        }
        closed
    }

    /// Declares a copy of `var` whose coordinates are renamed.
    pub(super) fn freshen(&mut self, var: Var, renamed: &BTreeMap<Var, Var>) -> Var {
        let variable = self.get(var).clone();
        self.declare(Variable { at: rename_all(&variable.at, renamed), ..variable })
    }

    pub(super) fn get_mut(&mut self, var: Var) -> &mut Variable {
        &mut self.0[var.0 as usize]
    }

    /// The term with other variables. Bound ones that depend on a renamed one become fresh ones.
    pub(super) fn rename(&mut self, term: &Term, renamed: &BTreeMap<Var, Var>) -> Term {
        match term {
            Term::Value(value) => Term::Value(value.clone()),
            Term::Item(var) => Term::Item(rename(*var, renamed)),
            Term::Output { of, at } => Term::Output { of: of.clone(), at: rename_all(at, renamed) },
            Term::Collect { var, of, into, min_success_ratio } => {
                let mut renamed = renamed.clone();
                let fresh = self.freshen(*var, &renamed);
                renamed.insert(*var, fresh);
                let of = Box::new(self.rename(of, &renamed));
                Term::Collect { var: fresh, of, into: *into, min_success_ratio: *min_success_ratio }
            }
            Term::List(members) => {
                Term::List(members.iter().map(|member| self.rename(member, renamed)).collect())
            }
            Term::Dict(members) => {
                let members = members.iter();
                Term::Dict(members.map(|(name, it)| (name.clone(), self.rename(it, renamed))).collect())
            }
        }
    }

    /// The term with positions in `scope`, which it must not leave.
    pub(super) fn resolve(&self, term: &Term, scope: &[Var]) -> Result<Source, ComposeError> {
        let positions = |at: &[Var]| self.positions(at, scope, || self.label(term));
        match term {
            Term::Value(value) => Ok(Source::Value(value.clone())),
            Term::Item(var) => self.position(*var, scope, || self.label(term)).map(Source::Item),
            Term::Output { of, at } => Ok(Source::Output { of: of.clone(), at: positions(at)? }),
            Term::Collect { var, of, into, min_success_ratio } => {
                let Variable { over, at, .. } = self.get(*var);
                let over = Dimension::new(over.clone(), positions(at)?);
                let inner: Vec<Var> = scope.iter().copied().chain([*var]).collect();
                let of = Box::new(self.resolve(of, &inner)?);
                Ok(Source::Collect(Collect { over, of, into: *into, min_success_ratio: *min_success_ratio }))
            }
            Term::List(members) => {
                members.iter().map(|it| self.resolve(it, scope)).collect::<Result<_, _>>().map(Source::List)
            }
            Term::Dict(members) => members
                .iter()
                .map(|(name, it)| Ok((name.clone(), self.resolve(it, scope)?)))
                .collect::<Result<_, _>>()
                .map(Source::Dict),
        }
    }

    /// The dimensions of a scope.
    pub(super) fn dimensions(&self, scope: &[Var]) -> Result<Vec<Dimension>, ComposeError> {
        let dimension = |(depth, var): (usize, &Var)| {
            let Variable { over, at, expand, lane } = self.get(*var);
            let at = self.positions(at, &scope[..depth], || self.label(&Term::Item(*var)))?;
            Ok(Dimension { over: over.clone(), at, expand: *expand, lane: *lane })
        };
        scope.iter().enumerate().map(dimension).collect()
    }

    fn positions(
        &self,
        vars: &[Var],
        scope: &[Var],
        label: impl Fn() -> String,
    ) -> Result<Vec<usize>, ComposeError> {
        vars.iter().map(|var| self.position(*var, scope, &label)).collect()
    }

    fn position(&self, var: Var, scope: &[Var], label: impl Fn() -> String) -> Result<usize, ComposeError> {
        let leaked = || ComposeError::Leaked { handle: label(), map: self.get(var).over.clone() };
        scope.iter().rposition(|it| *it == var).ok_or_else(leaked)
    }

    /// How messages call it.
    pub(super) fn label(&self, term: &Term) -> String {
        match term {
            Term::Item(var) => format!("an item of `{}`", self.get(*var).over),
            Term::Output { of, .. } => format!("`{of}`"),
            Term::Collect { of, var, .. } => match &**of {
                Term::Item(_) => format!("the collected `{}`", self.get(*var).over),
                Term::Output { of, .. } => format!("the collected `{of}`"),
                of => self.label(of),
            },
            Term::Value(_) | Term::List(_) | Term::Dict(_) => "a value".to_owned(),
        }
    }
}

fn rename(var: Var, renamed: &BTreeMap<Var, Var>) -> Var {
    renamed.get(&var).copied().unwrap_or(var)
}

fn rename_all(vars: &[Var], renamed: &BTreeMap<Var, Var>) -> Vec<Var> {
    vars.iter().map(|var| rename(*var, renamed)).collect()
}
