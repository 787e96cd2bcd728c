//! Maps and zips.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::term::{Term, Var};
use super::{ComposeError, Composer, Handle, check_depth};
use crate::pipeline::{Expand, Lane, Unmatched};

/// Dynamic handles whose items are joined by mapping key. Only of use to the composer that it is from, to be mapped.
#[derive(Debug, Clone)]
pub struct Zip {
    /// At least two, all over the same dimensions.
    sides: Vec<Handle>,
}

/// When the clones of a map start.
#[derive(Debug, Clone, Copy, Default)]
pub struct MapOptions {
    /// When the first may.
    pub expand: Expand,
    /// How many may be at work at once; none: as many as there are.
    pub max_concurrent: Option<NonZeroU32>,
}

impl Composer {
    /// What `body` returns for the item that it is given, for each item of `handle`. `body` is called once.
    pub fn map(
        &mut self,
        handle: &Handle,
        body: impl FnOnce(&mut Self, Handle) -> Result<Handle, ComposeError>,
    ) -> Result<Handle, ComposeError> {
        self.map_with(handle, MapOptions::default(), body)
    }

    /// [`Self::map`] with a say in when clones may start.
    pub fn map_with(
        &mut self,
        handle: &Handle,
        options: MapOptions,
        body: impl FnOnce(&mut Self, Handle) -> Result<Handle, ComposeError>,
    ) -> Result<Handle, ComposeError> {
        self.mapped(|composer| composer.enter_map(handle, options), body)
    }

    /// What `body` returns for each key of a zip, given the items of its sides in order.
    pub fn map_zip(
        &mut self,
        zip: &Zip,
        options: MapOptions,
        body: impl FnOnce(&mut Self, Vec<Handle>) -> Result<Handle, ComposeError>,
    ) -> Result<Handle, ComposeError> {
        self.mapped(|composer| composer.enter_zip(zip, options), body)
    }

    /// Joins the items of dynamic handles by mapping key. A key that one of them lacks fails the run or is left out.
    pub fn zip(&mut self, handles: &[Handle], unmatched: Unmatched) -> Result<Zip, ComposeError> {
        if handles.len() < 2 {
            return Err(ComposeError::ZipOfOne);
        }
        let mut over: Vec<Var> = Vec::new();
        let mut terms = Vec::new();
        for handle in handles {
            self.check(handle)?;
            match handle.over.iter().filter(|var| self.variables.get(**var).join.is_none()).count() {
                0 => return Err(ComposeError::NotDynamic { handle: self.label(handle), action: "zip" }),
                1 => {}
                _ => return Err(ComposeError::ZipOfNested { handle: self.label(handle) }),
            }
            check_depth(over.len() + handle.over.len())?;
            let mut renamed = BTreeMap::new();
            let fresh = self.variables.freshen_all(&handle.over, &mut renamed);
            if let Some(first) = over.first() {
                for var in &fresh {
                    self.variables.rejoin(*var, *first, unmatched);
                }
            }
            over.extend(fresh);
            terms.push(self.variables.rename(&handle.term, &renamed));
        }
        Ok(Zip { sides: terms.into_iter().map(|term| self.own(term, over.clone())).collect() })
    }

    /// Begins a map and returns the item to hand to its function. [`Self::leave_map`] ends it.
    ///
    /// A handle with several dimensions, as a map in a map returns it, is mapped over all of them at once. One that was
    /// collected is mapped over its members, each of which waits for the whole collection.
    pub fn enter_map(&mut self, handle: &Handle, options: MapOptions) -> Result<Handle, ComposeError> {
        self.check(handle)?;
        let (over, term, after) = match &handle.term {
            term if handle.is_dynamic() => (handle.over.clone(), (*term).clone(), None),
            Term::Collect { over, joined, of, .. } => {
                let over = [over].into_iter().chain(joined).copied().collect();
                // With variables of its own, so that a chain of such maps does not grow with each.
                let after = self.variables.rename(&handle.term, &BTreeMap::new());
                (over, (**of).clone(), Some(after))
            }
            _ => return Err(ComposeError::NotDynamic { handle: self.label(handle), action: "map" }),
        };
        let renamed = self.enter(&over, options)?;
        if let Some(first) = over.first().and_then(|first| renamed.get(first)) {
            self.variables.get_mut(*first).after = after;
        }
        let term = self.variables.rename(&term, &renamed);
        Ok(self.own(term, Vec::new()))
    }

    /// [`Self::enter_map`] for a zip, whose items come side by side.
    pub fn enter_zip(&mut self, zip: &Zip, options: MapOptions) -> Result<Vec<Handle>, ComposeError> {
        zip.sides.iter().try_for_each(|side| self.check(side))?;
        let Some(first) = zip.sides.first() else { return Err(ComposeError::ZipOfOne) };
        let renamed = self.enter(&first.over, options)?;
        let items = zip.sides.iter().map(|side| self.variables.rename(&side.term, &renamed));
        let items: Vec<Term> = items.collect();
        Ok(items.into_iter().map(|item| self.own(item, Vec::new())).collect())
    }

    fn enter(&mut self, over: &[Var], options: MapOptions) -> Result<BTreeMap<Var, Var>, ComposeError> {
        check_depth(self.active().count() + over.len())?;
        let MapOptions { expand, max_concurrent } = options;
        let lane = max_concurrent.map(|max_concurrent| Lane { map: self.next_lane, max_concurrent });
        self.next_lane += u32::from(lane.is_some());
        let mut renamed = BTreeMap::new();
        let entered = self.variables.freshen_all(over, &mut renamed);
        for var in &entered {
            let variable = self.variables.get_mut(*var);
            (variable.expand, variable.lane) = (expand, lane);
        }
        self.maps.push(entered);
        Ok(renamed)
    }

    /// Ends the map that was entered last: what its function returned comes back with a value for each item. After an
    /// error the map is still entered.
    pub fn leave_map(&mut self, returned: Vec<Handle>) -> Result<Vec<Handle>, ComposeError> {
        let Some(entered) = self.maps.last() else { return Err(ComposeError::NotEntered("map")) };
        for handle in &returned {
            self.check(handle)?;
            check_depth(entered.len() + handle.over.len())?;
        }
        let entered = self.maps.pop().unwrap_or_default();
        Ok(returned.into_iter().map(|handle| lifted(&entered, handle)).collect())
    }

    /// A map from its beginning to its end. After an error nothing is entered that was not before.
    fn mapped<I>(
        &mut self,
        enter: impl FnOnce(&mut Self) -> Result<I, ComposeError>,
        body: impl FnOnce(&mut Self, I) -> Result<Handle, ComposeError>,
    ) -> Result<Handle, ComposeError> {
        let (maps, groups) = (self.maps.len(), self.names.groups.len());
        let item = enter(self)?;
        let mapped = self.map_entered(item, body);
        if mapped.is_err() {
            self.maps.truncate(maps);
            self.names.groups.truncate(groups);
        }
        mapped
    }

    fn map_entered<I>(
        &mut self,
        item: I,
        body: impl FnOnce(&mut Self, I) -> Result<Handle, ComposeError>,
    ) -> Result<Handle, ComposeError> {
        let (depth, entered) = (self.maps.len(), self.maps.last().cloned());
        let returned = body(self, item)?;
        // Variables are fresh: what is equal here is the same map.
        if self.maps.len() != depth || self.maps.last() != entered.as_ref() {
            return Err(self.unbalanced(depth));
        }
        self.check(&returned)?;
        let entered = entered.unwrap_or_default();
        check_depth(entered.len() + returned.over.len())?;
        self.maps.pop();
        Ok(lifted(&entered, returned))
    }
}

/// What a map's function returned, seen from outside of the map.
fn lifted(entered: &[Var], mut handle: Handle) -> Handle {
    handle.over.splice(0..0, entered.iter().copied());
    handle
}
