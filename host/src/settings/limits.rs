//! Limits as the settings change them: each key by itself, the solid's before the plugin's before the project's.

use super::field::{Field, Reader};
use crate::sandbox::{Limits, MAX_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};

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
    set: fn(&mut Limits, u64),
}

#[derive(Debug)]
enum Unit {
    Bytes,
    Milliseconds,
    Count,
}

const fn key(name: &'static str, unit: Unit, max: u64, set: fn(&mut Limits, u64)) -> Key {
    Key { name, unit, max, set }
}

/// The names that failures give in their hints: see `sandbox::StepFailure`.
static KEYS: [Key; 14] = [
    key("memory", Unit::Bytes, 4 << 30, |limits, amount| limits.memory_bytes = amount),
    key("wall", Unit::Milliseconds, u64::MAX, |limits, amount| {
        limits.wall = std::time::Duration::from_millis(amount);
    }),
    key("fuel", Unit::Count, u64::MAX, |limits, amount| limits.fuel = Some(amount)),
    key("value", Unit::Bytes, u64::MAX, |limits, amount| limits.value_bytes = amount),
    key("outputs", Unit::Bytes, u64::MAX, |limits, amount| limits.output_bytes = amount),
    key("keys", Unit::Count, u64::MAX, |limits, amount| limits.keys = amount),
    key("blobs", Unit::Bytes, u64::MAX, |limits, amount| limits.blob_bytes = amount),
    key("logs", Unit::Bytes, u64::MAX, |limits, amount| limits.log_bytes = amount),
    key("metadata", Unit::Bytes, u64::MAX, |limits, amount| limits.metadata_bytes = amount),
    key("table_elements", Unit::Count, MAX_TABLE_ELEMENTS as u64, |limits, amount| {
        limits.table_elements = amount as usize;
    }),
    key("instances", Unit::Count, MAX_INSTANCES as u64, |limits, amount| limits.instances = amount as usize),
    key("memories", Unit::Count, MAX_MEMORIES as u64, |limits, amount| limits.memories = amount as usize),
    key("tables", Unit::Count, MAX_TABLES as u64, |limits, amount| limits.tables = amount as usize),
    key("handles", Unit::Count, u32::MAX as u64, |limits, amount| limits.handles = amount as usize),
];

impl LimitChanges {
    /// Reads a `limits` table.
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
            (key.set)(limits, *amount);
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
            Unit::Bytes => format!("{} GiB", self.max >> 30),
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
