//! Which clones there are: the points of every scope, and the items that they stand for.
//!
//! Invariants: a point is created after its prefix; in a natural scope the point *is* the item, by number; a dead point
//! (one of its items was dropped) never comes back.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::hash_table::{Entry, HashTable};

use super::cells::Age;
use super::rows::Rows;
use crate::event::ValueRef;
use crate::name::MappingKey;
use crate::plan::{Dim, DynamicId, Plan, ScopeId};
use crate::step::Point;

/// One item of a dynamic output.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) generator: Point,
    pub(super) mapping_key: MappingKey,
    pub(super) value: ValueRef,
    pub(super) age: Age,
}

/// What one step of a generator emitted on one output.
#[derive(Debug, Clone, Default)]
pub(super) struct Emitted {
    /// Items in emission order of the latest execution.
    pub(super) order: Vec<u32>,
    /// Items that were there when it began, in order; those that it emitted again are in `order` too.
    earlier: Vec<u32>,
    /// Its live items by mapping key. The keys are in the items alone: there may be millions.
    by_key: HashTable<Keyed>,
}

/// An item by the hash of its mapping key: a table that grows, with the run's lock held, looks at no key again.
#[derive(Debug, Clone, Copy)]
struct Keyed {
    hash: KeyHash,
    item: u32,
}

/// Four bytes of a hash, for a table that wants eight: it takes the lowest bits and the highest ones.
#[derive(Debug, Clone, Copy)]
struct KeyHash(u32);

impl KeyHash {
    fn of(key: &MappingKey, hasher: &RandomState) -> Self {
        Self(hasher.hash_one(key) as u32)
    }

    fn wide(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}

/// What was emitted on a dynamic output, by all steps of its solid.
#[derive(Debug, Clone, Default)]
pub(super) struct Dynamic {
    pub(super) items: Rows<Item>,
    /// By the generator's point.
    pub(super) emitted: Rows<Emitted>,
    /// Strangers choose mapping keys: which of them collide must not be known to them.
    hasher: RandomState,
}

impl Dynamic {
    /// The live item that a generator's step emitted under a key.
    fn find(&self, generator: Point, key: &MappingKey) -> Option<u32> {
        let by_key = &self.emitted[generator.0 as usize].by_key;
        let is_it = |keyed: &Keyed| self.items[keyed.item as usize].mapping_key == *key;
        by_key.find(KeyHash::of(key, &self.hasher).wide(), is_it).map(|keyed| keyed.item)
    }

    fn forget(&mut self, item: u32) {
        let Item { generator, mapping_key, .. } = &self.items[item as usize];
        let by_key = &mut self.emitted[generator.0 as usize].by_key;
        let hash = KeyHash::of(mapping_key, &self.hasher).wide();
        if let Ok(found) = by_key.find_entry(hash, |keyed| keyed.item == item) {
            found.remove();
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Place {
    parent: Point,
    item: u32,
    is_dead: bool,
}

#[derive(Debug, Clone, Default)]
struct ScopePoints {
    places: Rows<Place>,
    /// Of a crossed scope: its points by prefix and item.
    index: BTreeMap<(Point, u32), Point>,
    /// Of a crossed scope: the points of the prefix, by what they are crossed with.
    hosts: BTreeMap<Crossing, Vec<Point>>,
}

/// The items that a point is crossed with: all of a generator's, or that with this key.
type Crossing = (Point, Option<MappingKey>);

/// All points and items of a run.
#[derive(Debug, Clone)]
pub(super) struct Points {
    scopes: Vec<ScopePoints>,
    pub(super) dynamics: Vec<Dynamic>,
}

/// Why there are new points in a scope.
enum Birth {
    /// This one is new.
    Point(Place),
    /// Of a crossed scope: its prefix has a new point.
    Host(Point),
    /// Of a crossed scope: its last dimension has a new item.
    Item(u32),
}

/// What emitting an item came to.
pub(super) enum Arrival {
    /// A new item.
    New(u32),
    /// The item of an earlier execution, with the value that it had.
    Kept,
    /// The item of an earlier execution, with another value.
    Changed(u32),
    /// This execution emitted the key before.
    Duplicate,
}

impl Points {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            scopes: vec![ScopePoints::default(); plan.scopes.len()],
            dynamics: vec![Dynamic::default(); plan.dynamics.len()],
        }
    }

    pub(super) fn count(&self, scope: ScopeId) -> u32 {
        self.scopes[scope.at()].places.len() as u32
    }

    pub(super) fn is_live(&self, scope: ScopeId, point: Point) -> bool {
        !self.scopes[scope.at()].places[point.0 as usize].is_dead
    }

    pub(super) fn kill(&mut self, scope: ScopeId, point: Point) {
        self.scopes[scope.at()].places[point.0 as usize].is_dead = true;
    }

    /// The prefix of a point of a scope that has dimensions.
    pub(super) fn parent(&self, scope: ScopeId, point: Point) -> Point {
        self.scopes[scope.at()].places[point.0 as usize].parent
    }

    /// The point of a scope's prefix that a point is of.
    pub(super) fn ancestor(&self, plan: &Plan, scope: ScopeId, point: Point, prefix: ScopeId) -> Point {
        let (mut scope, mut point) = (scope, point);
        while scope != prefix {
            let Some((parent, _)) = plan.scopes[scope.at()].last else { break };
            (scope, point) = (parent, self.parent(scope, point));
        }
        point
    }

    /// The innermost item of a point.
    pub(super) fn last_item(&self, scope: ScopeId, point: Point) -> u32 {
        self.scopes[scope.at()].places[point.0 as usize].item
    }

    /// The item at a position of a point.
    pub(super) fn item(&self, plan: &Plan, scope: ScopeId, point: Point, position: usize) -> u32 {
        let (mut scope, mut point) = (scope, point);
        loop {
            let place = self.scopes[scope.at()].places[point.0 as usize];
            let shape = &plan.scopes[scope.at()];
            match &shape.last {
                Some((parent, _)) if shape.depth > position + 1 => (scope, point) = (*parent, place.parent),
                _ => return place.item,
            }
        }
    }

    /// The point of the target scope whose dimensions are at these positions of a point of the reader's scope. Every
    /// point of the reader's scope has one.
    pub(super) fn project(
        &self,
        plan: &Plan,
        reader: ScopeId,
        point: Point,
        target: ScopeId,
        at: &[usize],
    ) -> Point {
        let Some((position, prefix)) = at.split_last() else { return Point::ROOT };
        if reader == target && at.iter().copied().eq(0..at.len()) {
            return point;
        }
        let item = self.item(plan, reader, point, *position);
        let shape = &plan.scopes[target.at()];
        let Some((parent_scope, _)) = shape.last.as_ref().filter(|_| !shape.is_natural) else {
            return Point(item);
        };
        let parent = self.project(plan, reader, point, *parent_scope, prefix);
        self.scopes[target.at()].index[&(parent, item)]
    }

    /// Creates the root's point, and all that follows from it.
    pub(super) fn create_root(&mut self, plan: &Plan) -> Vec<(ScopeId, Point)> {
        let root = Place { parent: Point::ROOT, item: 0, is_dead: false };
        self.create_all(plan, BTreeMap::from([(ScopeId::EMPTY, vec![Birth::Point(root)])]))
    }

    /// Creates the points that an item brings into being: with its natural scope's, one in every crossed scope for
    /// each point of the prefix that is cloned over the same generator step.
    pub(super) fn create_for(&mut self, plan: &Plan, dynamic: DynamicId, item: u32) -> Vec<(ScopeId, Point)> {
        let parent = self.dynamics[dynamic.at()].items[item as usize].generator;
        let natural = Place { parent, item, is_dead: false };
        let shape = &plan.dynamics[dynamic.at()];
        if shape.crosses.is_empty() && plan.scopes[shape.scope.at()].crossed_by.is_empty() {
            return vec![(shape.scope, self.create(plan, shape.scope, natural))];
        }
        let crossed = shape.crosses.iter().map(|scope| (*scope, vec![Birth::Item(item)]));
        let births = crossed.chain([(shape.scope, vec![Birth::Point(natural)])]).collect();
        self.create_all(plan, births)
    }

    /// Works scope by scope, in the plan's order: whatever a scope's points refer to is in scopes before it.
    fn create_all(
        &mut self,
        plan: &Plan,
        mut births: BTreeMap<ScopeId, Vec<Birth>>,
    ) -> Vec<(ScopeId, Point)> {
        let mut created = Vec::new();
        while let Some((scope, due)) = births.pop_first() {
            for birth in due {
                for place in self.places(plan, scope, &birth) {
                    let point = self.create(plan, scope, place);
                    created.push((scope, point));
                    for crossed in &plan.scopes[scope.at()].crossed_by {
                        births.entry(*crossed).or_default().push(Birth::Host(point));
                    }
                }
            }
        }
        created
    }

    /// The places that are new in a scope.
    fn places(&mut self, plan: &Plan, scope: ScopeId, birth: &Birth) -> Vec<Place> {
        let shape = &plan.scopes[scope.at()];
        let (prefix, dim) = match (&shape.last, birth) {
            (Some((prefix, dim)), Birth::Host(_) | Birth::Item(_)) => (*prefix, dim),
            (_, Birth::Point(place)) => return vec![*place],
            (None, _) => return Vec::new(),
        };
        let pairs: Vec<(Point, u32)> = match *birth {
            Birth::Point(_) => Vec::new(),
            Birth::Host(parent) => {
                let crossing = self.crossing(plan, prefix, parent, dim);
                let items = self.crossed_items(dim.dynamic, &crossing);
                self.scopes[scope.at()].hosts.entry(crossing).or_default().push(parent);
                items.into_iter().map(|item| (parent, item)).collect()
            }
            Birth::Item(item) => {
                let hosts = self.hosts(scope, dim, item);
                hosts.filter(|host| self.is_live(prefix, **host)).map(|host| (*host, item)).collect()
            }
        };
        let index = &self.scopes[scope.at()].index;
        let new = pairs.into_iter().filter(|pair| !index.contains_key(pair));
        new.map(|(parent, item)| Place { parent, item, is_dead: false }).collect()
    }

    /// The point of a scope with these mapping keys, outermost first.
    pub(super) fn find(&self, plan: &Plan, scope: ScopeId, keys: &[MappingKey]) -> Option<Point> {
        let Some((prefix, dim)) = &plan.scopes[scope.at()].last else {
            return keys.is_empty().then_some(Point::ROOT);
        };
        if dim.joined_with.is_some() {
            let parent = self.find(plan, *prefix, keys)?;
            return self.children(plan, scope, parent).first().copied();
        }
        let (key, outer) = keys.split_last()?;
        let parent = self.find(plan, *prefix, outer)?;
        let (generator, _) = self.crossing(plan, *prefix, parent, dim);
        let item = self.dynamics[dim.dynamic.at()].find(generator, key)?;
        if plan.scopes[scope.at()].is_natural {
            return Some(Point(item));
        }
        self.scopes[scope.at()].index.get(&(parent, item)).copied()
    }

    /// What a point is crossed with by a dimension that is added to its scope.
    fn crossing(&self, plan: &Plan, scope: ScopeId, point: Point, dim: &Dim) -> Crossing {
        let generator_scope = plan.solids[plan.dynamics[dim.dynamic.at()].solid.at()].scope;
        let generator = self.project(plan, scope, point, generator_scope, &dim.at);
        let joined = dim.joined_with.and_then(|position| self.item_at(plan, scope, point, position));
        let key = joined.map(|(dynamic, item)| self.key(dynamic, item).clone());
        (generator, key)
    }

    fn crossed_items(&self, dynamic: DynamicId, (generator, key): &Crossing) -> Vec<u32> {
        let Some(key) = key else { return self.live_items(dynamic, *generator) };
        self.dynamics[dynamic.at()].find(*generator, key).into_iter().collect()
    }

    /// The points of a crossed scope's prefix that are crossed with an item of its last dimension.
    fn hosts(&self, scope: ScopeId, dim: &Dim, item: u32) -> impl Iterator<Item = &Point> {
        let generator = self.dynamics[dim.dynamic.at()].items[item as usize].generator;
        let key = dim.joined_with.map(|_| self.key(dim.dynamic, item).clone());
        self.scopes[scope.at()].hosts.get(&(generator, key)).into_iter().flatten()
    }

    /// Whether a generator's step emitted an item under this key that is still there.
    pub(super) fn has_item(&self, dynamic: DynamicId, generator: Point, key: &MappingKey) -> bool {
        self.dynamics[dynamic.at()].find(generator, key).is_some()
    }

    pub(super) fn key(&self, dynamic: DynamicId, item: u32) -> &MappingKey {
        &self.dynamics[dynamic.at()].items[item as usize].mapping_key
    }

    fn create(&mut self, plan: &Plan, scope: ScopeId, place: Place) -> Point {
        let shape = &plan.scopes[scope.at()];
        let points = &mut self.scopes[scope.at()];
        let point = Point(points.places.len() as u32);
        points.places.push(place);
        if shape.last.is_some() && !shape.is_natural {
            points.index.insert((place.parent, place.item), point);
        }
        for dynamic in &shape.generates {
            self.dynamics[dynamic.at()].emitted.push(Emitted::default());
        }
        point
    }

    /// The items of a generator step, dropped ones left out: those of the latest execution first.
    pub(super) fn live_items(&self, dynamic: DynamicId, generator: Point) -> Vec<u32> {
        let Dynamic { items, emitted, .. } = &self.dynamics[dynamic.at()];
        let Emitted { order, earlier, .. } = &emitted[generator.0 as usize];
        let others = earlier.iter().filter(|item| items[**item as usize].age != Age::Fresh);
        order.iter().chain(others).copied().collect()
    }

    /// Takes in one item of a running generator.
    pub(super) fn emit(
        &mut self,
        dynamic: DynamicId,
        generator: Point,
        key: &MappingKey,
        value: ValueRef,
    ) -> Arrival {
        let Dynamic { items, emitted, hasher } = &mut self.dynamics[dynamic.at()];
        let Emitted { order, by_key, .. } = &mut emitted[generator.0 as usize];
        let hash = KeyHash::of(key, hasher);
        let is_it = |keyed: &Keyed| items[keyed.item as usize].mapping_key == *key;
        let known = match by_key.entry(hash.wide(), is_it, |keyed| keyed.hash.wide()) {
            Entry::Occupied(known) => known.get().item,
            Entry::Vacant(vacant) => {
                let item = items.len() as u32;
                vacant.insert(Keyed { hash, item });
                order.push(item);
                items.push(Item { generator, mapping_key: key.clone(), value, age: Age::Fresh });
                return Arrival::New(item);
            }
        };
        let item = &mut items[known as usize];
        if item.age == Age::Fresh {
            return Arrival::Duplicate;
        }
        item.age = Age::Fresh;
        order.push(known);
        let is_same = item.value.same_value(&value);
        item.value = value;
        if is_same { Arrival::Kept } else { Arrival::Changed(known) }
    }

    /// A generator step is about to run again: what it emitted is at least this old, and kept until it ends.
    pub(super) fn age(&mut self, dynamic: DynamicId, generator: Point, age: Age) {
        let live = self.live_items(dynamic, generator);
        let Dynamic { items, emitted, .. } = &mut self.dynamics[dynamic.at()];
        for item in &live {
            let item = &mut items[*item as usize];
            item.age = item.age.max(age);
        }
        let emitted = &mut emitted[generator.0 as usize];
        emitted.order = Vec::new();
        emitted.earlier = live;
    }

    /// A generator step has ended: what is older than `oldest` is dropped. Returns the dropped items.
    pub(super) fn drop_items(&mut self, dynamic: DynamicId, generator: Point, oldest: Age) -> Vec<u32> {
        let Dynamic { items, emitted, .. } = &mut self.dynamics[dynamic.at()];
        let earlier = &mut emitted[generator.0 as usize].earlier;
        let is_dropped = |item: &mut u32| items[*item as usize].age > oldest;
        let dropped: Vec<u32> = earlier.extract_if(.., is_dropped).collect();
        for item in &dropped {
            self.dynamics[dynamic.at()].forget(*item);
        }
        dropped
    }

    /// The live points of a scope that have this item at this position.
    pub(super) fn with_item(&self, plan: &Plan, scope: ScopeId, position: usize, item: u32) -> Vec<Point> {
        let shape = &plan.scopes[scope.at()];
        let Some((prefix, dim)) = &shape.last else { return Vec::new() };
        let points = &self.scopes[scope.at()];
        let found: Vec<Point> = if shape.depth > position + 1 {
            let parents = self.with_item(plan, *prefix, position, item);
            parents.into_iter().flat_map(|parent| self.children(plan, scope, parent)).collect()
        } else if shape.is_natural {
            vec![Point(item)]
        } else {
            let hosts = self.hosts(scope, dim, item);
            hosts.filter_map(|host| points.index.get(&(*host, item)).copied()).collect()
        };
        found.into_iter().filter(|point| self.is_live(scope, *point)).collect()
    }

    /// The live points of a scope that have this prefix: the items in emission order.
    pub(super) fn children(&self, plan: &Plan, scope: ScopeId, parent: Point) -> Vec<Point> {
        let shape = &plan.scopes[scope.at()];
        let Some((prefix, dim)) = &shape.last else { return Vec::new() };
        if shape.is_natural {
            return self.live_items(dim.dynamic, parent).into_iter().map(Point).collect();
        }
        let index = &self.scopes[scope.at()].index;
        let items = self.crossed_items(dim.dynamic, &self.crossing(plan, *prefix, parent, dim)).into_iter();
        items.filter_map(|item| index.get(&(parent, item)).copied()).collect()
    }

    /// One element of a collection by place in emission order, with its item of the first dimension that the
    /// collection is over; without a point where that is joined with nothing. For generators that have succeeded.
    pub(super) fn element_at(
        &self,
        plan: &Plan,
        outer: (ScopeId, Point),
        scope: ScopeId,
        place: usize,
    ) -> Option<(u32, Option<Point>)> {
        let shape = &plan.scopes[scope.at()];
        let (prefix, dim) = shape.last.as_ref()?;
        if *prefix != outer.0 {
            let (item, joined) = self.element_at(plan, outer, *prefix, place)?;
            let point = joined.and_then(|joined| self.children(plan, scope, joined).first().copied());
            return Some((item, point));
        }
        let (generator, _) = self.crossing(plan, *prefix, outer.1, dim);
        let item = *self.dynamics[dim.dynamic.at()].emitted[generator.0 as usize].order.get(place)?;
        if shape.is_natural {
            return Some((item, Some(Point(item))));
        }
        Some((item, self.scopes[scope.at()].index.get(&(outer.1, item)).copied()))
    }

    /// The item at a position of a point, and the dynamic output that it is of.
    pub(super) fn item_at(
        &self,
        plan: &Plan,
        scope: ScopeId,
        point: Point,
        position: usize,
    ) -> Option<(DynamicId, u32)> {
        let item = self.item(plan, scope, point, position);
        let mut shape = &plan.scopes[scope.at()];
        while shape.depth > position + 1 {
            shape = &plan.scopes[shape.last.as_ref()?.0.at()];
        }
        Some((shape.last.as_ref()?.1.dynamic, item))
    }
}
