//! Typed reading of a TOML tree: what has the wrong shape is noted at its place, and reading goes on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::{duration, size};
use crate::diagnostic::{Diagnostic, Place};
use crate::findings::{Findings, keys_hint};
use crate::source_text::SourceText;

/// A value in the file and how it is called in messages: `plugins.files.limits.memory`.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) path: String,
    span: Range<usize>,
    value: &'a DeValue<'a>,
}

/// An entry of a table whose keys are names.
pub(super) struct Named<'a, Name> {
    pub(super) name: Name,
    pub(super) field: Field<'a>,
}

/// The known entries of a table.
pub(super) type Fields<'a> = BTreeMap<&'a str, Field<'a>>;

/// Reads fields of one file and notes what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) source: &'a SourceText,
    pub(super) findings: Findings,
}

impl Field<'_> {
    /// Whether it has entries of its own.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// The value as JSON, whatever it is.
    pub(super) fn json(&self) -> Json {
        json(self.value)
    }
}

impl<'a> Reader<'a> {
    /// Notes a problem at a field: `path: problem`.
    pub(super) fn problem(&mut self, field: &Field<'_>, problem: &str, hint: Option<String>) {
        self.note(&field.path, &field.span, problem, hint);
    }

    /// Where a field is.
    pub(super) fn place(&self, field: &Field<'_>) -> Place {
        self.source.place(&field.span)
    }

    /// The known entries of the file's root.
    pub(super) fn root(&mut self, table: &'a DeTable<'a>, known: &[&str]) -> Fields<'a> {
        self.known("", table, known)
    }

    /// The known entries of a table; others are noted.
    pub(super) fn table(&mut self, field: &Field<'a>, known: &[&str]) -> Fields<'a> {
        match field.value {
            DeValue::Table(table) => self.known(&field.path, table, known),
            _ => self.wrong(field, "a table").unwrap_or_default(),
        }
    }

    /// The entries of a table whose keys are names of a kind.
    pub(super) fn named<Name>(&mut self, field: &Field<'a>) -> Vec<Named<'a, Name>>
    where
        Name: FromStr<Err: Display>,
    {
        let DeValue::Table(table) = field.value else {
            return self.wrong(field, "a table").unwrap_or_default();
        };
        let mut entries = Vec::new();
        for (key, value) in table {
            match key.get_ref().parse::<Name>() {
                Ok(name) => entries.push(Named { name, field: child(&field.path, key, value) }),
                Err(problem) => self.note(&field.path, &key.span(), &problem.to_string(), None),
            }
        }
        entries
    }

    /// The items of a list.
    pub(super) fn list(&mut self, field: &Field<'a>) -> Vec<Field<'a>> {
        let DeValue::Array(items) = field.value else {
            return self.wrong(field, "a list").unwrap_or_default();
        };
        let item = |(index, item): (usize, &'a Spanned<DeValue<'a>>)| Field {
            path: format!("{}[{index}]", field.path),
            span: item.span(),
            value: item.get_ref(),
        };
        items.iter().enumerate().map(item).collect()
    }

    /// A text.
    pub(super) fn text(&mut self, field: &Field<'a>) -> Option<&'a str> {
        match field.value {
            DeValue::String(text) => Some(text),
            _ => self.wrong(field, "a text"),
        }
    }

    /// True or false.
    pub(super) fn flag(&mut self, field: &Field<'_>) -> Option<bool> {
        match field.value {
            DeValue::Boolean(is_true) => Some(*is_true),
            _ => self.wrong(field, "true or false"),
        }
    }

    /// A whole number from 0.
    pub(super) fn count(&mut self, field: &Field<'_>) -> Option<u64> {
        match field.value {
            DeValue::Integer(number) => {
                whole(number).or_else(|| self.wrong(field, "a whole number from 0 that fits in 64 bits"))
            }
            _ => self.wrong(field, "a whole number"),
        }
    }

    /// A number with or without a fraction.
    pub(super) fn number(&mut self, field: &Field<'_>) -> Option<f64> {
        match field.value {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => self.wrong(field, "a number"),
        }
    }

    /// A number of bytes: a whole number, or a text such as `64 MiB`.
    pub(super) fn size(&mut self, field: &Field<'_>) -> Option<u64> {
        const HINT: &str = "write a number of bytes, or a text such as \"64 MiB\" or \"64 MB\"";
        match field.value {
            DeValue::Integer(_) => self.count(field),
            DeValue::String(text) => self.parsed(field, size::parse(text), HINT),
            _ => self.wrong(field, "a size such as \"64 MiB\""),
        }
    }

    /// A span of time: a whole number of seconds, or a text such as `1h30m`.
    pub(super) fn duration(&mut self, field: &Field<'_>) -> Option<Duration> {
        const HINT: &str = "write a number of seconds, or a text such as \"500ms\", \"30s\" or \"1h30m\"";
        match field.value {
            DeValue::Integer(_) => self.count(field).map(Duration::from_secs),
            DeValue::String(text) => self.parsed(field, duration::parse(text), HINT),
            _ => self.wrong(field, "a span of time such as \"30s\""),
        }
    }

    fn parsed<T>(&mut self, field: &Field<'_>, parsed: Result<T, String>, hint: &str) -> Option<T> {
        parsed.map_err(|problem| self.problem(field, &problem, Some(hint.to_owned()))).ok()
    }

    fn wrong<T>(&mut self, field: &Field<'_>, expected: &str) -> Option<T> {
        let found = match field.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(number) if number.as_str().starts_with('-') => "a negative number",
            DeValue::Integer(number) if whole(number).is_none() => "a larger number",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.problem(field, &format!("expected {expected}, found {found}"), None);
        None
    }

    fn known(&mut self, path: &str, table: &'a DeTable<'a>, known: &[&str]) -> Fields<'a> {
        let mut fields = Fields::new();
        for (key, value) in table {
            if known.contains(&&**key.get_ref()) {
                fields.insert(key.get_ref(), child(path, key, value));
            } else {
                self.findings.add(|| {
                    let hint = keys_hint(key.get_ref(), known);
                    let problem = format!("unknown key `{}`", key.get_ref());
                    diagnostic(self.source, path, &key.span(), &problem, hint)
                });
            }
        }
        fields
    }

    fn note(&mut self, path: &str, span: &Range<usize>, problem: &str, hint: Option<String>) {
        self.findings.add(|| diagnostic(self.source, path, span, problem, hint));
    }
}

fn whole(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn diagnostic(
    source: &SourceText,
    path: &str,
    span: &Range<usize>,
    problem: &str,
    hint: Option<String>,
) -> Diagnostic {
    let message = if path.is_empty() { problem.to_owned() } else { format!("{path}: {problem}") };
    Diagnostic::new(message).at(source.place(span)).hint(hint)
}

fn child<'a>(path: &str, key: &Spanned<Cow<'a, str>>, value: &'a Spanned<DeValue<'a>>) -> Field<'a> {
    let key = key.get_ref();
    let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
    Field { path, span: value.span(), value: value.get_ref() }
}

/// A TOML value as JSON; a date or time becomes a text.
fn json(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map_or_else(|_| number.as_str().into(), Json::from)
        }
        DeValue::Float(number) => {
            number.as_str().parse::<f64>().map_or_else(|_| number.as_str().into(), Json::from)
        }
        DeValue::Boolean(is_so) => (*is_so).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(entries) => {
            let entries = entries.iter();
            entries.map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect()
        }
    }
}
