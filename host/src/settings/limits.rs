//! Limits as the settings change them: each key by itself, the solid's before the plugin's before the project's.

use std::time::Duration;

use super::field::{Field, Reader};
use crate::diagnostic::bytes_text;
use crate::sandbox::{
    EngineOptions, Limits, LoadLimits, MAX_INSTANCES, MAX_MEMORIES, MAX_STACK_BYTES, MAX_TABLE_ELEMENTS,
    MAX_TABLES,
};

/// The limits that one table of the settings sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LimitChanges(Vec<(&'static Key, u64)>);

/// One key of a `limits` table.
#[derive(Debug)]
struct Key {
    name: &'static str,
    unit: Unit,
    /// The most that a sandbox can hold, in the unit's smallest part.
    max: u64,
    set: Set,
}

#[derive(Debug)]
enum Unit {
    Bytes,
    Milliseconds,
    Count,
}

/// What a key sets: a limit of every step, of loading the plugin, or of the engine that runs all of them.
#[derive(Debug)]
enum Set {
    Step(fn(&mut Limits, u64)),
    Load(fn(&mut LoadLimits, u64)),
    Engine(fn(&mut EngineOptions, u64)),
}

const fn step(name: &'static str, unit: Unit, max: u64, set: fn(&mut Limits, u64)) -> Key {
    Key { name, unit, max, set: Set::Step(set) }
}

const fn load(name: &'static str, unit: Unit, set: fn(&mut LoadLimits, u64)) -> Key {
    Key { name, unit, max: u64::MAX, set: Set::Load(set) }
}

/// The names that failures and refusals give in their hints: see `sandbox::StepFailure` and `sandbox::Refusal`.
static KEYS: [Key; 25] = [
    step("memory", Unit::Bytes, 4 << 30, |limits, amount| limits.memory_bytes = amount),
    step("wall", Unit::Milliseconds, u64::MAX, |limits, amount| limits.wall = Duration::from_millis(amount)),
    step("fuel", Unit::Count, u64::MAX, |limits, amount| limits.fuel = Some(amount)),
    step("value", Unit::Bytes, u64::MAX, |limits, amount| limits.value_bytes = amount),
    step("outputs", Unit::Bytes, u64::MAX, |limits, amount| limits.output_bytes = amount),
    step("keys", Unit::Count, u64::MAX, |limits, amount| limits.keys = amount),
    step("blobs", Unit::Bytes, u64::MAX, |limits, amount| limits.blob_bytes = amount),
    step("logs", Unit::Bytes, u64::MAX, |limits, amount| limits.log_bytes = amount),
    step("metadata", Unit::Bytes, u64::MAX, |limits, amount| limits.metadata_bytes = amount),
    step("responses", Unit::Bytes, u64::MAX, |limits, amount| limits.response_bytes = amount),
    step("table_elements", Unit::Count, MAX_TABLE_ELEMENTS as u64, |limits, amount| {
        limits.table_elements = amount as usize;
    }),
    step("instances", Unit::Count, MAX_INSTANCES as u64, |limits, amount| limits.instances = amount as usize),
    step("memories", Unit::Count, MAX_MEMORIES as u64, |limits, amount| limits.memories = amount as usize),
    step("tables", Unit::Count, MAX_TABLES as u64, |limits, amount| limits.tables = amount as usize),
    step("handles", Unit::Count, u32::MAX as u64, |limits, amount| limits.handles = amount as usize),
    Key {
        name: "stack",
        unit: Unit::Bytes,
        max: MAX_STACK_BYTES as u64,
        set: Set::Engine(|options, amount| options.stack_bytes = amount as usize),
    },
    load("component", Unit::Bytes, |limits, amount| limits.component_bytes = amount),
    load("modules", Unit::Count, |limits, amount| limits.modules = amount as usize),
    load("function", Unit::Bytes, |limits, amount| limits.function_bytes = amount),
    load("compile_memory", Unit::Bytes, |limits, amount| limits.compile_memory_bytes = amount),
    load("compile_time", Unit::Milliseconds, |limits, amount| {
        limits.compile_time = Duration::from_millis(amount);
    }),
    load("describe_time", Unit::Milliseconds, |limits, amount| {
        limits.describe_time = Duration::from_millis(amount);
    }),
    load("describe_memory", Unit::Bytes, |limits, amount| limits.describe_memory_bytes = amount),
    load("solids", Unit::Count, |limits, amount| limits.solids = amount as usize),
    load("definitions", Unit::Bytes, |limits, amount| limits.definition_bytes = amount),
];

impl LimitChanges {
    /// Reads the `limits` table of a solid, which is never loaded by itself.
    pub(super) fn read_of_solid<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Self {
        let is_wide = |set: &Set| matches!(set, Set::Load(_)).then_some("the plugin as a whole");
        Self::read_of_plugin(reader, field).without(reader, field, is_wide)
    }

    /// Reads the `limits` table of a plugin, whose steps run on the engine of all.
    pub(super) fn read_of_plugin<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Self {
        let is_wide =
            |set: &Set| matches!(set, Set::Engine(_)).then_some("all plugins together: set it in `[limits]`");
        Self::read(reader, field).without(reader, field, is_wide)
    }

    /// Leaves out what is set too narrowly, and tells what it is a limit of.
    fn without<'a>(
        mut self,
        reader: &mut Reader<'a>,
        field: &Field<'a>,
        is_wide: impl Fn(&Set) -> Option<&'static str>,
    ) -> Self {
        self.0.retain(|(key, _)| {
            let wide = is_wide(&key.set);
            if let Some(of) = wide {
                reader.problem(field, &format!("`{}` is a limit of {of}", key.name), None);
            }
            wide.is_none()
        });
        self
    }

    /// Reads the `limits` table of the project.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Self {
        let fields = reader.table(field, &KEYS.each_ref().map(|key| key.name));
        let present = KEYS.iter().filter_map(|key| Some((key, fields.get(key.name)?)));
        Self(present.filter_map(|(key, field)| Some((key, key.read(reader, field)?))).collect())
    }

    /// Whether it limits fuel, which then has to be counted.
    pub(super) fn has_fuel(&self) -> bool {
        self.0.iter().any(|(key, _)| key.name == "fuel")
    }

    /// Sets in `limits` what this table sets.
    pub(super) fn apply(&self, limits: &mut Limits) {
        for (key, amount) in &self.0 {
            if let Set::Step(set) = key.set {
                set(limits, *amount);
            }
        }
    }

    /// Sets in `options` what this table sets of the engine.
    pub(super) fn apply_to_engine(&self, options: &mut EngineOptions) {
        for (key, amount) in &self.0 {
            if let Set::Engine(set) = key.set {
                set(options, *amount);
            }
        }
    }

    /// Sets in `limits` what this table sets of loading.
    pub(super) fn apply_to_loading(&self, limits: &mut LoadLimits) {
        for (key, amount) in &self.0 {
            if let Set::Load(set) = key.set {
                set(limits, *amount);
            }
        }
    }
}

impl Key {
    fn read<'a>(&self, reader: &mut Reader<'a>, field: &Field<'a>) -> Option<u64> {
        let amount = match self.unit {
            Unit::Bytes => reader.size(field)?,
            Unit::Milliseconds => u64::try_from(reader.duration(field)?.as_millis()).unwrap_or(u64::MAX),
            Unit::Count => reader.count(field)?,
        };
        if amount <= self.max {
            return Some(amount);
        }
        let most = match self.unit {
            Unit::Bytes => bytes_text(self.max),
            _ => self.max.to_string(),
        };
        reader.problem(field, &format!("a step can have at most {most}"), None);
        None
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Key {}
