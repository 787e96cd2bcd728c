//! Limits as the settings change them: each key by itself, the solid's before the plugin's before the project's.

use std::time::Duration;

use super::field::{Field, Reader};
use crate::diagnostic::{Diagnostic, Place, bytes_text};
use crate::sandbox::{
    EngineOptions, Limits, LoadLimits, MAX_INSTANCES, MAX_MEMORIES, MAX_STACK_BYTES, MAX_TABLE_ELEMENTS,
    MAX_TABLES,
};

/// The limits that one table sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LimitChanges(Vec<Change>);

/// One limit, and where it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    key: &'static Key,
    amount: u64,
    /// How messages call it: `plugins.files.limits.memory`.
    path: String,
    place: Place,
}

/// One key of a `limits` table.
#[derive(Debug)]
struct Key {
    name: &'static str,
    unit: Unit,
    /// The most that a sandbox can hold, in the unit's smallest part.
    max: u64,
    scope: Scope,
    limit: fn(&mut AllLimits) -> &mut dyn Amount,
}

#[derive(Debug)]
enum Unit {
    Bytes,
    Milliseconds,
    Count,
}

/// The narrowest table that a key can stand in: a plugin is loaded as a whole, and one kind of engine runs all steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Solid,
    Plugin,
    Project,
}

/// All that is limited.
#[derive(Debug, Default)]
pub(super) struct AllLimits {
    pub(super) step: Limits,
    pub(super) load: LoadLimits,
    pub(super) engine: EngineOptions,
}

/// An amount of whatever type, in its unit's smallest part.
trait Amount {
    fn get(&self) -> u64;
    fn set(&mut self, amount: u64);
}

const fn step(name: &'static str, unit: Unit, max: u64, limit: fn(&mut AllLimits) -> &mut dyn Amount) -> Key {
    Key { name, unit, max, scope: Scope::Solid, limit }
}

const fn load(name: &'static str, unit: Unit, limit: fn(&mut AllLimits) -> &mut dyn Amount) -> Key {
    Key { name, unit, max: u64::MAX, scope: Scope::Plugin, limit }
}

/// The names that failures and refusals give in their hints: see `sandbox::StepFailure` and `sandbox::Refusal`.
static KEYS: [Key; 25] = [
    step("memory", Unit::Bytes, 4 << 30, |all| &mut all.step.memory_bytes),
    step("wall", Unit::Milliseconds, u64::MAX, |all| &mut all.step.wall),
    step("fuel", Unit::Count, u64::MAX, |all| &mut all.step.fuel),
    step("value", Unit::Bytes, u64::MAX, |all| &mut all.step.value_bytes),
    step("outputs", Unit::Bytes, u64::MAX, |all| &mut all.step.output_bytes),
    step("keys", Unit::Count, u64::MAX, |all| &mut all.step.keys),
    step("blobs", Unit::Bytes, u64::MAX, |all| &mut all.step.blob_bytes),
    step("logs", Unit::Bytes, u64::MAX, |all| &mut all.step.log_bytes),
    step("metadata", Unit::Bytes, u64::MAX, |all| &mut all.step.metadata_bytes),
    step("responses", Unit::Bytes, u64::MAX, |all| &mut all.step.response_bytes),
    step("table_elements", Unit::Count, MAX_TABLE_ELEMENTS as u64, |all| &mut all.step.table_elements),
    step("instances", Unit::Count, MAX_INSTANCES as u64, |all| &mut all.step.instances),
    step("memories", Unit::Count, MAX_MEMORIES as u64, |all| &mut all.step.memories),
    step("tables", Unit::Count, MAX_TABLES as u64, |all| &mut all.step.tables),
    step("handles", Unit::Count, u32::MAX as u64, |all| &mut all.step.handles),
    Key {
        name: "stack",
        unit: Unit::Bytes,
        max: MAX_STACK_BYTES as u64,
        scope: Scope::Project,
        limit: |all| &mut all.engine.stack_bytes,
    },
    load("component", Unit::Bytes, |all| &mut all.load.component_bytes),
    load("modules", Unit::Count, |all| &mut all.load.modules),
    load("function", Unit::Bytes, |all| &mut all.load.function_bytes),
    load("compile_memory", Unit::Bytes, |all| &mut all.load.compile_memory_bytes),
    load("compile_time", Unit::Milliseconds, |all| &mut all.load.compile_time),
    load("describe_time", Unit::Milliseconds, |all| &mut all.load.describe_time),
    load("describe_memory", Unit::Bytes, |all| &mut all.load.describe_memory_bytes),
    load("solids", Unit::Count, |all| &mut all.load.solids),
    load("definitions", Unit::Bytes, |all| &mut all.load.definition_bytes),
];

impl LimitChanges {
    /// Reads the `limits` table of a solid.
    pub(super) fn read_of_solid<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Self {
        Self::read(reader, field).within(Scope::Solid, reader, field)
    }

    /// Reads the `limits` table of a plugin.
    pub(super) fn read_of_plugin<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Self {
        Self::read(reader, field).within(Scope::Plugin, reader, field)
    }

    /// Leaves out what is set too narrowly, and tells what it is a limit of.
    fn within<'a>(mut self, scope: Scope, reader: &mut Reader<'a>, field: &Field<'a>) -> Self {
        self.0.retain(|Change { key, .. }| {
            let is_within = key.scope <= scope;
            if !is_within {
                let of = match key.scope {
                    Scope::Solid | Scope::Plugin => "the plugin as a whole",
                    Scope::Project => "all plugins together: set it in `[limits]`",
                };
                reader.problem(field, &format!("`{}` is a limit of {of}", key.name), None);
            }
            is_within
        });
        self
    }

    /// Reads the `limits` table of the project, or of a ceiling.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Self {
        let fields = reader.table(field, &KEYS.each_ref().map(|key| key.name));
        let present = KEYS.iter().filter_map(|key| Some((key, fields.get(key.name)?)));
        let changes = present.filter_map(|(key, field)| {
            let amount = key.read(reader, field)?;
            Some(Change { key, amount, path: field.path.clone(), place: reader.place(field) })
        });
        Self(changes.collect())
    }

    /// Whether it limits fuel, which then has to be counted.
    pub(super) fn has_fuel(&self) -> bool {
        self.of("fuel").is_some()
    }

    /// What it sets above a ceiling, each at its place.
    pub(super) fn above(&self, ceiling: &Self) -> Vec<Diagnostic> {
        let above = self.0.iter().filter_map(|change| {
            let most = ceiling.of(change.key.name).filter(|most| change.amount > *most)?;
            let message =
                format!("{}: more than is allowed, which is {}", change.path, change.key.unit.text(most));
            Some(Diagnostic::new(message).at(change.place.clone()))
        });
        above.collect()
    }

    /// Adds a ceiling to this one: of each key, the lower counts.
    pub(super) fn add(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// Lowers what is above this ceiling.
    pub(super) fn lower(&self, all: &mut AllLimits) {
        for Change { key, amount, .. } in &self.0 {
            let limit = (key.limit)(all);
            limit.set(limit.get().min(*amount));
        }
    }

    /// Sets what this table sets.
    pub(super) fn apply(&self, all: &mut AllLimits) {
        for Change { key, amount, .. } in &self.0 {
            (key.limit)(all).set(*amount);
        }
    }

    fn of(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|change| change.key.name == name).map(|change| change.amount)
    }
}

/// The keys of a `limits` table. Failures and refusals by a limit name theirs.
pub fn limit_names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name)
}

impl Key {
    fn read<'a>(&self, reader: &mut Reader<'a>, field: &Field<'a>) -> Option<u64> {
        let amount = match self.unit {
            Unit::Bytes => reader.size(field)?,
            Unit::Milliseconds => milliseconds(reader.duration(field)?),
            Unit::Count => reader.count(field)?,
        };
        if amount <= self.max {
            return Some(amount);
        }
        reader.problem(field, &format!("a step can have at most {}", self.unit.text(self.max)), None);
        None
    }
}

impl Unit {
    fn text(&self, amount: u64) -> String {
        match self {
            Self::Bytes => bytes_text(amount),
            Self::Milliseconds => format!("{:?}", Duration::from_millis(amount)),
            Self::Count => amount.to_string(),
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Amount for u64 {
    fn get(&self) -> u64 {
        *self
    }

    fn set(&mut self, amount: u64) {
        *self = amount;
    }
}

impl Amount for usize {
    fn get(&self) -> u64 {
        *self as u64
    }

    fn set(&mut self, amount: u64) {
        *self = amount as usize;
    }
}

impl Amount for Duration {
    fn get(&self) -> u64 {
        milliseconds(*self)
    }

    fn set(&mut self, amount: u64) {
        *self = Self::from_millis(amount);
    }
}

/// None is no limit.
impl Amount for Option<u64> {
    fn get(&self) -> u64 {
        self.unwrap_or(u64::MAX)
    }

    fn set(&mut self, amount: u64) {
        *self = Some(amount);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Key {}
