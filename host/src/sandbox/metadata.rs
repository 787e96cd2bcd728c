//! Metadata from guests: its size, and its form on the orchestrator's side.
//!
//! Invariant: what [`convert`] makes is not larger than what [`size`] says, but for a factor.

use fanfold_graph::definition::{MetadataEntry, MetadataValue};

use super::bindings::fanfold::plugin::types;

/// What an entry or a row costs besides its text, in bytes: many empty entries are not free.
const ENTRY_BYTES: usize = 64;

/// Bytes that metadata counts for.
pub(super) fn size(entries: &[types::MetadataEntry]) -> u64 {
    entries.iter().map(|entry| entry_size(entry) as u64).sum()
}

fn entry_size(entry: &types::MetadataEntry) -> usize {
    let description = entry.description.as_ref().map_or(0, String::len);
    ENTRY_BYTES + entry.label.len() + description + value_size(&entry.value)
}

fn value_size(value: &types::MetadataValue) -> usize {
    use types::MetadataValue as V;
    let all = |texts: &[String]| texts.iter().map(|text| text.len() + size_of::<String>()).sum::<usize>();
    match value {
        V::Text(text) | V::Markdown(text) | V::Url(text) | V::Path(text) | V::Json(text) => text.len(),
        V::Integer(_) | V::Number(_) | V::Boolean(_) | V::TimestampMs(_) => 8,
        V::Asset(parts) => all(parts),
        V::Table(table) => {
            // A row that is too short is filled up.
            let missing =
                |row: &[String]| table.columns.len().saturating_sub(row.len()) * size_of::<String>();
            let row = |row: &Vec<String>| ENTRY_BYTES + all(row) + missing(row);
            all(&table.columns) + table.rows.iter().map(row).sum::<usize>()
        }
    }
}

/// Converts entries. What JSON or the contract does not allow (not-a-number, JSON that is none, ragged tables) is
/// kept as well as it can be: metadata never fails a step for its content.
pub(super) fn convert(entries: Vec<types::MetadataEntry>) -> Vec<MetadataEntry> {
    let convert_entry = |entry: types::MetadataEntry| MetadataEntry {
        label: entry.label,
        description: entry.description,
        value: convert_value(entry.value),
    };
    entries.into_iter().map(convert_entry).collect()
}

fn convert_value(value: types::MetadataValue) -> MetadataValue {
    use types::MetadataValue as V;
    match value {
        V::Text(text) => MetadataValue::Text(text),
        V::Markdown(text) => MetadataValue::Markdown(text),
        V::Url(text) => MetadataValue::Url(text),
        V::Path(text) => MetadataValue::Path(text),
        V::Json(text) => match serde_json::from_str(&text) {
            Ok(json) => MetadataValue::Json(json),
            Err(_) => MetadataValue::Text(text),
        },
        V::Integer(number) => MetadataValue::Integer(number),
        V::Number(number) if number.is_finite() => MetadataValue::Number(number),
        V::TimestampMs(time) if time.is_finite() => MetadataValue::TimestampMs(time),
        V::Number(number) | V::TimestampMs(number) => MetadataValue::Text(number.to_string()),
        V::Boolean(truth) => MetadataValue::Boolean(truth),
        V::Asset(parts) => MetadataValue::Asset(parts),
        V::Table(types::Table { columns, mut rows }) => {
            for row in &mut rows {
                row.resize(columns.len(), String::new());
            }
            MetadataValue::Table { columns, rows }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: types::MetadataValue) -> types::MetadataEntry {
        types::MetadataEntry { label: "l".to_owned(), description: None, value }
    }

    #[test]
    fn odd_values_survive_a_trip_through_json() {
        let table = types::Table { columns: vec!["a".into(), "b".into()], rows: vec![vec!["1".into()]] };
        let odd = vec![
            entry(types::MetadataValue::Number(f64::NAN)),
            entry(types::MetadataValue::TimestampMs(f64::INFINITY)),
            entry(types::MetadataValue::Json("{oops".into())),
            entry(types::MetadataValue::Table(table)),
        ];
        let converted = convert(odd);
        let text = serde_json::to_string(&converted).unwrap();
        assert_eq!(serde_json::from_str::<Vec<MetadataEntry>>(&text).unwrap(), converted);
        assert_eq!(converted[0].value, MetadataValue::Text("NaN".into()));
    }

    #[test]
    fn empty_entries_count() {
        assert!(size(&[entry(types::MetadataValue::Text(String::new()))]) >= ENTRY_BYTES as u64);
    }

    #[test]
    fn rows_count_as_what_they_are_filled_up_to() {
        let table = types::Table { columns: vec![String::new(); 1000], rows: vec![Vec::new(); 1000] };
        let counted = size(&[entry(types::MetadataValue::Table(table.clone()))]);
        let MetadataValue::Table { rows, .. } = convert_value(types::MetadataValue::Table(table)) else {
            panic!("a table")
        };
        assert!(counted >= rows.iter().map(|row| size_of_val(row.as_slice()) as u64).sum());
    }
}
