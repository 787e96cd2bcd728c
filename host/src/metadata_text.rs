//! Metadata as people read it on a terminal.

use chrono::{DateTime, SecondsFormat};
use fanfold_graph::definition::{MetadataEntry, MetadataValue};

use crate::diagnostic::printable;

/// An entry as lines: `rows: 3`, or the label and indented lines below it where there are several.
pub fn lines(entry: &MetadataEntry) -> Vec<String> {
    let label = match &entry.description {
        Some(description) => format!("{} ({})", printable(&entry.label), printable(description)),
        None => printable(&entry.label),
    };
    let told: Vec<String> = match &entry.value {
        MetadataValue::Text(text) | MetadataValue::Url(text) | MetadataValue::Path(text) => {
            vec![printable(text)]
        }
        // Several lines are what it is written in.
        MetadataValue::Markdown(text) => text.lines().map(printable).collect(),
        MetadataValue::Json(value) => vec![printable(&value.to_string())],
        MetadataValue::Integer(number) => vec![number.to_string()],
        MetadataValue::Number(number) => vec![number.to_string()],
        MetadataValue::Boolean(is_so) => vec![if *is_so { "yes" } else { "no" }.to_owned()],
        MetadataValue::TimestampMs(ms) => vec![time(*ms)],
        MetadataValue::Asset(key) => vec![printable(&key.join("/"))],
        MetadataValue::Table { columns, rows } => table(columns, rows),
    };
    match <[String; 1]>::try_from(told) {
        Ok([only]) => vec![format!("{label}: {only}")],
        Err(told) => {
            [format!("{label}:")].into_iter().chain(told.iter().map(|line| format!("  {line}"))).collect()
        }
    }
}

/// A time in UTC, `2026-01-31T12:00:00Z`; one that no calendar has as its number. `ms` are milliseconds since
/// 1970-01-01T00:00:00Z.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit is no time of any calendar")]
pub fn time(ms: f64) -> String {
    match DateTime::from_timestamp_millis(ms as i64) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        None => format!("{ms} ms"),
    }
}

/// Columns side by side, as wide as their widest cell.
fn table(columns: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let all: Vec<Vec<String>> = [columns]
        .into_iter()
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| row.iter().map(|it| printable(it)).collect())
        .collect();
    let width =
        |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).filter_map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_has_its_text() {
        let cases = [
            (json!({ "text": "a\u{1b}[31m" }), "it: a\\u{1b}[31m"),
            (json!({ "markdown": "# one\ntwo" }), "it:\n  # one\n  two"),
            (json!({ "url": "https://example.com" }), "it: https://example.com"),
            (json!({ "path": "/data/x" }), "it: /data/x"),
            (json!({ "json": { "a": [1] } }), "it: {\"a\":[1]}"),
            (json!({ "integer": -3 }), "it: -3"),
            (json!({ "number": 0.5 }), "it: 0.5"),
            (json!({ "boolean": true }), "it: yes"),
            (json!({ "timestamp_ms": 1.5e12 }), "it: 2017-07-14T02:40:00Z"),
            (json!({ "timestamp_ms": 1e300 }), &format!("it: {} ms", 1e300)),
            (json!({ "asset": ["sales", "eu"] }), "it: sales/eu"),
            (
                json!({ "table": { "columns": ["k", "name"], "rows": [["a", "x"], ["bcd", "y"]] } }),
                "it:\n  k    name\n  a    x\n  bcd  y",
            ),
            (json!({ "markdown": "" }), "it:"),
        ];
        for (value, wanted) in cases {
            let entry: MetadataEntry =
                serde_json::from_value(json!({ "label": "it", "value": value })).unwrap();
            assert_eq!(lines(&entry).join("\n"), wanted);
        }
    }
}
