//! From pipeline to plan: names become places, sources become gates and leaves.
//!
//! A collect becomes a producer of its own in the *smallest* scope that it speaks of, whatever the scope of its reader:
//! a collection that every clone reads is gathered once.

mod collect;
mod narrow;
mod zip;

use std::collections::{BTreeMap, BTreeSet};

use self::zip::Group;
use super::scope::{Dim, Scopes};
use super::{
    CollectNode, Dynamic, DynamicId, Gate, GateId, Lane, LaneId, Leaf, LeafId, Owner, Plan, PlanError, Read,
    Reader, ScopeId, Side, Solid, Target, ZipId, ZipNode, order, priority,
};
use crate::definition::SolidDefinition;
use crate::name::{MappingKey, OutputRef};
use crate::pipeline::{self, Dimension, Expand, Invocation, Pipeline, Source};
use crate::step::SolidId;

pub(super) fn compile(pipeline: Pipeline) -> Result<Plan, Vec<PlanError>> {
    check_names(&pipeline)?;
    let order = order::order(&pipeline.solids).map_err(|cycle| vec![cycle])?;
    let mut compiler = Compiler::new(&pipeline);
    for place in order {
        compiler.solid(place);
    }
    let result = compiler.result();
    let by_priority = compiler.by_priority();
    if !compiler.errors.is_empty() {
        return Err(compiler.errors);
    }
    compiler.note_appearances();
    let Compiler { solids, dynamics, scopes, gates, collects, zips, leaves, lanes, .. } = compiler;
    Ok(Plan {
        solids,
        by_priority,
        dynamics,
        scopes: scopes.all,
        gates,
        collects,
        zips,
        leaves,
        lanes,
        result,
        pipeline,
    })
}

/// What must hold before anything can be looked up by name.
fn check_names(pipeline: &Pipeline) -> Result<(), Vec<PlanError>> {
    let mut errors = Vec::new();
    for (solid, definition) in &pipeline.definitions {
        let inputs = definition.inputs.iter().map(|input| &input.name);
        let outputs = definition.outputs.iter().map(|output| &output.name);
        for item in twice(inputs).chain(twice(outputs)) {
            errors.push(PlanError::DuplicateItem { solid: solid.clone(), item: item.to_string() });
        }
    }
    for name in twice(pipeline.solids.iter().map(|solid| &solid.name)) {
        errors.push(PlanError::DuplicateSolid(name.clone()));
    }
    for Invocation { name, solid, .. } in &pipeline.solids {
        if !pipeline.definitions.contains_key(solid) {
            errors.push(PlanError::UnknownDefinition { name: name.clone(), solid: solid.clone() });
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn twice<'a, T: Ord + 'a>(names: impl Iterator<Item = &'a T>) -> impl Iterator<Item = &'a T> {
    let mut seen = BTreeSet::new();
    names.filter(move |name| !seen.insert(*name)).collect::<Vec<_>>().into_iter()
}

struct Compiler<'p> {
    pipeline: &'p Pipeline,
    /// The solids compiled so far, by name.
    places: BTreeMap<&'p str, SolidId>,
    errors: Vec<PlanError>,
    solids: Vec<Solid>,
    dynamics: Vec<Dynamic>,
    scopes: Scopes,
    gates: Vec<Gate>,
    collects: Vec<CollectNode>,
    zips: Vec<ZipNode>,
    zip_ids: BTreeMap<(ScopeId, Vec<Side>), ZipId>,
    leaves: Vec<Leaf>,
    lanes: Vec<Lane>,
    lane_ids: BTreeMap<(pipeline::Lane, ScopeId, ScopeId), LaneId>,
}

/// Who reads, and from where.
#[derive(Clone)]
struct Reading<'r> {
    name: &'r str,
    gate: GateId,
    scope: ScopeId,
    dims: Vec<Dim>,
}

/// A read that cannot be; its error is noted already.
struct Unreadable;

impl<'p> Compiler<'p> {
    fn new(pipeline: &'p Pipeline) -> Self {
        Self {
            pipeline,
            places: BTreeMap::new(),
            errors: Vec::new(),
            solids: Vec::new(),
            dynamics: Vec::new(),
            scopes: Scopes::new(),
            gates: Vec::new(),
            collects: Vec::new(),
            zips: Vec::new(),
            zip_ids: BTreeMap::new(),
            leaves: Vec::new(),
            lanes: Vec::new(),
            lane_ids: BTreeMap::new(),
        }
    }

    fn solid(&mut self, place: usize) {
        let invocation = &self.pipeline.solids[place];
        let definition = &self.pipeline.definitions[&invocation.solid];
        let name = invocation.name.as_str();
        let dims = self.dims(name, &invocation.scope);
        let scope = self.intern(&dims);
        let id = SolidId(self.solids.len() as u32);
        let gate = self.gate(scope, Owner::Solid(id));
        let dynamics = self.declare(id, definition, &dims, scope, place, gate);
        self.solids[id.at()].lanes = self.lanes(&invocation.scope, &dims);
        self.places.insert(name, id);
        let reading = Reading { name, gate, scope, dims };
        self.inputs(&reading, invocation, definition);
        self.barriers(&reading, &invocation.scope);
        self.scopes.all[scope.at()].solids.push(id);
        self.scopes.all[scope.at()].generates.extend(dynamics);
    }

    /// Adds the solid and its dynamic outputs, each with its natural scope.
    fn declare(
        &mut self,
        id: SolidId,
        definition: &SolidDefinition,
        dims: &[Dim],
        scope: ScopeId,
        invocation: usize,
        gate: GateId,
    ) -> Vec<DynamicId> {
        let mut dynamics = Vec::new();
        let mut by_output = Vec::new();
        self.solids.push(Solid {
            invocation,
            definition: definition.clone(),
            scope,
            gate,
            dynamics: Vec::new(),
            readers: Vec::new(),
            lanes: Vec::new(),
            rank: 0,
        });
        for (output, described) in (0..).zip(&definition.outputs) {
            by_output.push(described.is_dynamic.then(|| {
                let dynamic = DynamicId(self.dynamics.len() as u32);
                let is_required = described.is_required;
                self.dynamics.push(Dynamic {
                    solid: id,
                    output,
                    is_required,
                    scope: ScopeId::EMPTY,
                    appears: Vec::new(),
                    crosses: Vec::new(),
                });
                let natural = Dim { dynamic, at: (0..dims.len()).collect(), joined_with: None };
                let natural: Vec<Dim> = dims.iter().cloned().chain([natural]).collect();
                self.dynamics[dynamic.at()].scope = self.intern(&natural);
                dynamics.push(dynamic);
                dynamic
            }));
        }
        self.solids[id.at()].dynamics = by_output;
        dynamics
    }

    fn inputs(&mut self, reading: &Reading<'_>, invocation: &Invocation, definition: &SolidDefinition) {
        let known: Vec<String> = definition.inputs.iter().map(|input| input.name.to_string()).collect();
        for input in invocation.inputs.keys().filter(|input| !known.iter().any(|it| it == input.as_str())) {
            let (reader, known) = (reading.name.to_owned(), known.clone());
            self.errors.push(PlanError::UnknownInput { reader, input: input.to_string(), known });
        }
        self.check_dict_names(reading.name, invocation);
        for (place, input) in definition.inputs.iter().enumerate() {
            let read = match (invocation.inputs.get(&input.name), &input.default_value) {
                (Some(source), _) => self.read(reading, source),
                (None, Some(default)) => Ok(Read::Value(default.clone())),
                (None, None) => {
                    let (reader, input) = (reading.name.to_owned(), input.name.to_string());
                    self.errors.push(PlanError::MissingInput { reader, input });
                    Err(Unreadable)
                }
            };
            self.gates[reading.gate.at()].reads.extend(read.ok().map(|read| (place as u32, read)));
        }
        for source in &invocation.after {
            // Its leaves are what the gate waits for; an error is noted.
            let _ = self.read(reading, source);
        }
    }

    /// A dict arrives as a collection, whose names are mapping keys.
    fn check_dict_names(&mut self, reader: &str, invocation: &Invocation) {
        for (input, source) in &invocation.inputs {
            let Source::Dict(members) = source else { continue };
            let wrong = members.keys().filter_map(|name| MappingKey::new(name).err());
            self.errors.extend(wrong.map(|problem| PlanError::DictName {
                reader: reader.to_owned(),
                input: input.to_string(),
                problem,
            }));
        }
    }

    /// Waits for the generators whose clones may not start before they have succeeded. Zips are looked after whether
    /// anybody waits for them or not: a key that must not be missing is never overlooked.
    fn barriers(&mut self, reading: &Reading<'_>, scope: &[Dimension]) {
        let dims = &reading.dims;
        for (position, (dimension, dim)) in scope.iter().zip(dims).enumerate() {
            let group = Group::at(position, scope, dims);
            let (target, at) = if group.is_zip() {
                let (zip, at) = self.zip(&dims[..position], &group);
                (Target::Zip(zip), at)
            } else {
                (Target::Success(self.dynamics[dim.dynamic.at()].solid), dim.at.clone())
            };
            if dimension.expand == Expand::OnSuccess && dimension.join.is_none() {
                let leaf = self.leaf(reading, target, at);
                self.gates[reading.gate.at()].leaves.push(leaf);
            }
        }
    }

    /// The lanes of a scope. A map over several dimensions at once has one clone for each combination of their items.
    fn lanes(&mut self, scope: &[Dimension], dims: &[Dim]) -> Vec<LaneId> {
        let maps: BTreeSet<pipeline::Lane> = scope.iter().filter_map(|it| it.lane).collect();
        let reach = |map| {
            let is_its = |it: &Dimension| it.lane == Some(map);
            Some((scope.iter().position(is_its)?, scope.iter().rposition(is_its)?, map))
        };
        let mut reaches: Vec<_> = maps.into_iter().filter_map(reach).collect();
        reaches.sort_unstable();
        // Of a scope with an error there may be fewer dimensions.
        reaches.retain(|(_, last, _)| *last < dims.len());
        reaches.into_iter().map(|(first, last, map)| self.lane(&dims[..first], &dims[..=last], map)).collect()
    }

    fn lane(&mut self, around: &[Dim], clones: &[Dim], map: pipeline::Lane) -> LaneId {
        let (around, scope) = (self.intern(around), self.intern(clones));
        *self.lane_ids.entry((map, around, scope)).or_insert_with(|| {
            self.lanes.push(Lane { scope, around, max_concurrent: map.max_concurrent.get() });
            LaneId(self.lanes.len() as u32 - 1)
        })
    }

    /// Ranks the solids: those of the highest priority first; equal ones in the plan's order.
    fn by_priority(&mut self) -> Vec<SolidId> {
        let mut ranked = Vec::new();
        for (id, solid) in (0..).map(SolidId).zip(&self.solids) {
            let invocation = &self.pipeline.solids[solid.invocation];
            match priority::priority(invocation, &solid.definition) {
                Ok(priority) => ranked.push((std::cmp::Reverse(priority), id)),
                Err(error) => self.errors.push(error),
            }
        }
        ranked.sort_unstable();
        for (rank, (_, id)) in (0..).zip(&ranked) {
            self.solids[id.at()].rank = rank;
        }
        ranked.into_iter().map(|(_, id)| id).collect()
    }

    fn result(&mut self) -> GateId {
        let gate = self.gate(ScopeId::EMPTY, Owner::Result);
        let reading = Reading { name: "result", gate, scope: ScopeId::EMPTY, dims: Vec::new() };
        let read = self.read(&reading, &self.pipeline.result);
        self.gates[gate.at()].reads.extend(read.ok().map(|read| (0, read)));
        gate
    }

    fn read(&mut self, reading: &Reading<'_>, source: &Source) -> Result<Read, Unreadable> {
        match source {
            Source::Value(value) => Ok(Read::Value(value.clone())),
            Source::Item(position) => {
                self.check_positions(reading.name, &[*position], reading.dims.len())?;
                self.gates[reading.gate.at()].items.push(*position);
                Ok(Read::Item(*position))
            }
            Source::Output { of, at } => self.output(reading, of, at),
            Source::Collect(collect) => self.collect(reading, collect),
            Source::List(members) => members
                .iter()
                .map(|member| self.read(reading, member))
                .collect::<Result<_, _>>()
                .map(Read::List),
            Source::Dict(members) => members
                .iter()
                .map(|(name, member)| Ok((name.clone(), self.read(reading, member)?)))
                .collect::<Result<_, _>>()
                .map(Read::Dict),
        }
    }

    fn output(&mut self, reading: &Reading<'_>, of: &OutputRef, at: &[usize]) -> Result<Read, Unreadable> {
        let (solid, output) = self.find(reading.name, of)?;
        self.check_positions(reading.name, at, reading.dims.len())?;
        if self.solids[solid.at()].dynamics[output as usize].is_some() {
            return self.refuse(PlanError::Unmapped { reader: reading.name.to_owned(), output: of.clone() });
        }
        self.check_scope(reading.name, of, &reading.dims, at, self.solids[solid.at()].scope)?;
        Ok(self.leaf_read(reading, Target::Output(solid, output), at.to_vec()))
    }

    /// The dimensions of a scope, as far as they can be; what cannot is an error already noted.
    fn dims(&mut self, reader: &str, scope: &[Dimension]) -> Vec<Dim> {
        let mut dims = Vec::new();
        for dimension in scope {
            let Ok(dim) = self.dim(reader, &dims, dimension) else { break };
            dims.push(dim);
        }
        dims
    }

    fn dim(&mut self, reader: &str, before: &[Dim], dimension: &Dimension) -> Result<Dim, Unreadable> {
        let (solid, output) = self.find(reader, &dimension.over)?;
        self.check_positions(reader, &dimension.at, before.len())?;
        let Some(dynamic) = self.solids[solid.at()].dynamics[output as usize] else {
            let (reader, output) = (reader.to_owned(), dimension.over.clone());
            return self.refuse(PlanError::NotDynamic { reader, output });
        };
        self.check_scope(reader, &dimension.over, before, &dimension.at, self.solids[solid.at()].scope)?;
        if let Some(join) = dimension.join {
            self.check_join(reader, before, dimension, join)?;
        }
        Ok(Dim { dynamic, at: dimension.at.clone(), joined_with: dimension.join.map(|join| join.with) })
    }

    fn find(&mut self, reader: &str, wanted: &OutputRef) -> Result<(SolidId, u32), Unreadable> {
        let Some(&solid) = self.places.get(wanted.solid.as_str()) else {
            let known = self.pipeline.solids.iter().map(|solid| solid.name.to_string()).collect();
            let (reader, wanted) = (reader.to_owned(), wanted.clone());
            return self.refuse(PlanError::UnknownSolid { reader, wanted, known });
        };
        let outputs = &self.solids[solid.at()].definition.outputs;
        let Some(output) = outputs.iter().position(|output| output.name == wanted.output) else {
            let known = outputs.iter().map(|output| output.name.to_string()).collect();
            let (reader, wanted) = (reader.to_owned(), wanted.clone());
            return self.refuse(PlanError::UnknownOutput { reader, wanted, known });
        };
        Ok((solid, output as u32))
    }

    fn check_positions(&mut self, reader: &str, positions: &[usize], depth: usize) -> Result<(), Unreadable> {
        match positions.iter().find(|position| **position >= depth) {
            None => Ok(()),
            Some(&position) => {
                self.refuse(PlanError::Position { reader: reader.to_owned(), position, depth })
            }
        }
    }

    /// Checks that the dimensions at these positions are those of the producer's scope.
    fn check_scope(
        &mut self,
        reader: &str,
        output: &OutputRef,
        dims: &[Dim],
        at: &[usize],
        producer: ScopeId,
    ) -> Result<(), Unreadable> {
        let wanted = self.dims_of(producer);
        let fits = wanted.len() == at.len()
            && wanted.iter().zip(at).all(|(wanted, position)| {
                let found = &dims[*position];
                let coordinates = wanted.at.iter().map(|inner| at[*inner]);
                found.dynamic == wanted.dynamic
                    && found.at.iter().copied().eq(coordinates)
                    && found.joined_with == wanted.joined_with.map(|with| at[with])
            });
        if fits {
            return Ok(());
        }
        self.refuse(PlanError::Scope { reader: reader.to_owned(), output: output.clone() })
    }

    fn refuse<T>(&mut self, error: PlanError) -> Result<T, Unreadable> {
        self.errors.push(error);
        Err(Unreadable)
    }

    fn leaf_read(&mut self, reading: &Reading<'_>, target: Target, at: Vec<usize>) -> Read {
        let leaf = self.leaf(reading, target, at);
        self.gates[reading.gate.at()].leaves.push(leaf);
        Read::Leaf(leaf)
    }

    fn leaf(&mut self, reading: &Reading<'_>, target: Target, at: Vec<usize>) -> LeafId {
        self.add_leaf(Reader::Gate(reading.gate), reading.scope, &reading.dims, target, at)
    }

    fn add_leaf(
        &mut self,
        reader: Reader,
        reader_scope: ScopeId,
        dims: &[Dim],
        target: Target,
        at: Vec<usize>,
    ) -> LeafId {
        let leaf = LeafId(self.leaves.len() as u32);
        let (target_scope, readers) = match target {
            Target::Output(solid, _) | Target::Success(solid) => {
                let solid = &mut self.solids[solid.at()];
                (solid.scope, &mut solid.readers)
            }
            Target::Collect(collect) => {
                let collect = &mut self.collects[collect.at()];
                (collect.scope, &mut collect.readers)
            }
            Target::Zip(zip) => {
                let zip = &mut self.zips[zip.at()];
                (zip.scope, &mut zip.readers)
            }
        };
        readers.push(leaf);
        // With every dimension of the reader, each in its place, it is the reader's own scope.
        let is_direct = at.iter().copied().eq(0..dims.len());
        let streams = |dim: &Dim, solid| self.dynamics[dim.dynamic.at()].solid == solid && dim.at == at;
        let is_early = match target {
            Target::Output(solid, _) => dims.iter().any(|dim| streams(dim, solid)),
            Target::Success(_) | Target::Collect(_) | Target::Zip(_) => false,
        };
        self.leaves.push(Leaf { reader, reader_scope, target, target_scope, at, is_direct, is_early });
        leaf
    }

    fn gate(&mut self, scope: ScopeId, owner: Owner) -> GateId {
        let id = GateId(self.gates.len() as u32);
        self.gates.push(Gate { scope, owner, reads: Vec::new(), leaves: Vec::new(), items: Vec::new() });
        self.scopes.all[scope.at()].gates.push(id);
        id
    }

    fn note_appearances(&mut self) {
        for scope in (0..self.scopes.all.len() as u32).map(ScopeId) {
            for (position, dim) in self.dims_of(scope).iter().enumerate() {
                self.dynamics[dim.dynamic.at()].appears.push((scope, position));
            }
            let shape = &self.scopes.all[scope.at()];
            if let Some((_, dim)) = shape.last.as_ref().filter(|_| !shape.is_natural) {
                self.dynamics[dim.dynamic.at()].crosses.push(scope);
            }
        }
    }

    fn intern(&mut self, dims: &[Dim]) -> ScopeId {
        self.scopes.intern(dims)
    }

    fn dims_of(&self, scope: ScopeId) -> Vec<Dim> {
        let mut dims = Vec::new();
        let mut scope = scope;
        while let Some((parent, dim)) = &self.scopes.all[scope.at()].last {
            dims.push(dim.clone());
            scope = *parent;
        }
        dims.reverse();
        dims
    }
}
