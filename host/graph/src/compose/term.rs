//! Terms: what [`Source`] says with positions, said with variables while positions are not yet known.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::ComposeError;
use crate::name::OutputRef;
use crate::pipeline::{Collect, Dimension, Expand, Into, Join, Lane, Source, Unmatched};

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
    /// Of a zip, for all but its first variable: the first one.
    pub(super) join: Option<(Var, Unmatched)>,
    /// What clones wait for besides.
    pub(super) after: Option<Term>,
    /// Of the first variable of a zip: all others. What speaks of one speaks of all.
    pub(super) joined: Vec<Var>,
}

impl Variable {
    pub(super) fn new(over: OutputRef, at: Vec<Var>) -> Self {
        Self { over, at, expand: Expand::default(), lane: None, join: None, after: None, joined: Vec::new() }
    }
}

/// Where a value comes from. On any path through a term each variable is bound at most once.
#[derive(Debug, Clone)]
pub(super) enum Term {
    Value(Json),
    Item(Var),
    Output {
        of: OutputRef,
        at: Vec<Var>,
    },
    /// Over one variable, or those of one zip.
    Collect {
        over: Var,
        joined: Vec<Var>,
        of: Box<Term>,
        into: Into,
        min_success_ratio: Option<f64>,
    },
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
            Term::Collect { over, joined, of, .. } => {
                self.without([over].into_iter().chain(joined), self.free(of))
            }
            Term::List(members) => members.iter().flat_map(|member| self.free(member)).collect(),
            Term::Dict(members) => members.values().flat_map(|member| self.free(member)).collect(),
        }
    }

    /// What is free in something that binds these variables: not they themselves, but what they depend on.
    pub(super) fn without<'v>(
        &self,
        bound: impl DoubleEndedIterator<Item = &'v Var>,
        mut free: BTreeSet<Var>,
    ) -> BTreeSet<Var> {
        for var in bound.rev() {
            free.extend(self.closed(&self.get(*var).at));
            free.remove(var);
        }
        free
    }

    fn closed(&self, vars: &[Var]) -> BTreeSet<Var> {
        let mut closed = BTreeSet::new();
        let mut open = vars.to_vec();
        while let Some(var) = open.pop() {
            if closed.insert(var) {
                let Variable { at, join, joined, after, .. } = self.get(var);
                open.extend(after.iter().flat_map(|after| self.free(after)));
                open.extend(at.iter().chain(joined).copied().chain(join.map(|(first, _)| first)));
            }
        }
        closed
    }

    /// Declares a copy of a variable and notes it in `renamed`. What it depends on is renamed; of a zip, the first comes
    /// first.
    pub(super) fn freshen(&mut self, var: Var, renamed: &mut BTreeMap<Var, Var>) -> Var {
        let variable = self.get(var).clone();
        let at = rename_all(&variable.at, renamed);
        let after = variable.after.map(|after| self.rename(&after, renamed));
        let fresh = self.declare(Variable { at, joined: Vec::new(), after, ..variable });
        if let Some((first, unmatched)) = variable.join {
            self.join(fresh, rename(first, renamed), unmatched);
        }
        renamed.insert(var, fresh);
        fresh
    }

    /// [`Self::freshen`] for several, outermost first.
    pub(super) fn freshen_all(&mut self, vars: &[Var], renamed: &mut BTreeMap<Var, Var>) -> Vec<Var> {
        vars.iter().map(|var| self.freshen(*var, renamed)).collect()
    }

    /// Joins the items of a variable with those of the first of its zip.
    pub(super) fn join(&mut self, var: Var, first: Var, unmatched: Unmatched) {
        self.get_mut(var).join = Some((first, unmatched));
        self.get_mut(first).joined.push(var);
    }

    pub(super) fn get_mut(&mut self, var: Var) -> &mut Variable {
        &mut self.0[var.0 as usize]
    }

    /// Makes a variable part of the zip that begins with `first`, with the whole zip that it was of.
    pub(super) fn rejoin(&mut self, var: Var, first: Var, unmatched: Unmatched) {
        let own = self.get(var).join.map(|(_, unmatched)| unmatched);
        self.get_mut(var).joined.clear();
        self.join(var, first, own.unwrap_or(unmatched));
    }

    /// The term with other variables. Bound ones that depend on a renamed one become fresh ones.
    pub(super) fn rename(&mut self, term: &Term, renamed: &BTreeMap<Var, Var>) -> Term {
        match term {
            Term::Value(value) => Term::Value(value.clone()),
            Term::Item(var) => Term::Item(rename(*var, renamed)),
            Term::Output { of, at } => Term::Output { of: of.clone(), at: rename_all(at, renamed) },
            Term::Collect { over, joined, of, into, min_success_ratio } => {
                let mut renamed = renamed.clone();
                let over = self.freshen(*over, &mut renamed);
                let joined = self.freshen_all(joined, &mut renamed);
                for var in [over].iter().chain(&joined) {
                    // Whoever made what is collected has waited already.
                    self.get_mut(*var).after = None;
                }
                let of = Box::new(self.rename(of, &renamed));
                Term::Collect { over, joined, of, into: *into, min_success_ratio: *min_success_ratio }
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
            Term::Collect { over, joined, of, into, min_success_ratio } => {
                let mut inner = scope.to_vec();
                let mut add = |var: &Var| -> Result<Dimension, ComposeError> {
                    let Dimension { over, at, join, .. } = self.dimension(*var, &inner)?;
                    inner.push(*var);
                    Ok(Dimension { join, ..Dimension::new(over, at) })
                };
                let over = add(over)?;
                let joined = joined.iter().map(add).collect::<Result<_, _>>()?;
                let (of, into) = (Box::new(self.resolve(of, &inner)?), *into);
                let min_success_ratio = *min_success_ratio;
                Ok(Source::Collect(Collect { over, joined, of, into, min_success_ratio }))
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
        let vars = scope.iter().enumerate();
        vars.map(|(depth, var)| self.dimension(*var, &scope[..depth])).collect()
    }

    /// The dimension of a variable after those that are before it in a scope.
    fn dimension(&self, var: Var, before: &[Var]) -> Result<Dimension, ComposeError> {
        let Variable { over, at, expand, lane, join, .. } = self.get(var).clone();
        let label = || self.label(&Term::Item(var));
        let at = self.positions(&at, before, label)?;
        let join = match join {
            Some((first, unmatched)) => Some(Join { with: self.position(first, before, label)?, unmatched }),
            None => None,
        };
        Ok(Dimension { over, at, expand, lane, join })
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
            Term::Collect { of, .. } => match &**of {
                Term::Item(var) => format!("the collected `{}`", self.get(*var).over),
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
