//! Typed facts about an output, a definition or a failure, for people to read.

/// An ordered list of labelled facts, built by chaining.
///
/// ```
/// use fanfold_sdk::{Metadata, Table};
///
/// let facts = Metadata::new()
///     .integer("files", 3)
///     .described("regular files, links to files included")
///     .table("largest", Table::new(["file", "bytes"]).row(["notes.md", "120"]));
/// assert_eq!(facts.entries().len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata(Vec<MetadataEntry>);

/// One labelled fact.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataEntry {
    /// What the fact is called.
    pub label: String,
    /// What it means, where the label does not say it.
    pub description: Option<String>,
    /// The fact.
    pub value: MetadataValue,
}

/// A fact, typed so that the host can show it well.
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataValue {
    /// Plain text.
    Text(String),
    /// `CommonMark`.
    Markdown(String),
    /// An address to follow.
    Url(String),
    /// A path of a file or directory.
    Path(String),
    /// Any JSON value.
    Json(serde_json::Value),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    TimestampMs(f64),
    /// An asset's key, outermost part first.
    Asset(Vec<String>),
    /// Rows of text under named columns.
    Table(Table),
}

/// Rows of text under named columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns, without rows.
    pub fn new<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row, filled up with empty cells or cut to the number of columns.
    #[must_use]
    pub fn row<T: ToString>(mut self, cells: impl IntoIterator<Item = T>) -> Self {
        let mut row: Vec<String> = cells.into_iter().map(|cell| cell.to_string()).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
        self
    }

    /// Columns and rows, taken out.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (Vec<String>, Vec<Vec<String>>) {
        (self.columns, self.rows)
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows, each as long as [`columns`](Self::columns).
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }
}

impl Metadata {
    /// No facts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fact of any type.
    #[must_use]
    pub fn with(mut self, label: impl Into<String>, value: MetadataValue) -> Self {
        self.0.push(MetadataEntry { label: label.into(), description: None, value });
        self
    }

    /// Adds all facts of another.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Says what the fact that was added last means.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.description = Some(description.into());
        }
        self
    }

    /// Adds plain text.
    #[must_use]
    pub fn text(self, label: impl Into<String>, text: impl Into<String>) -> Self {
        self.with(label, MetadataValue::Text(text.into()))
    }

    /// Adds `CommonMark` text.
    #[must_use]
    pub fn markdown(self, label: impl Into<String>, text: impl Into<String>) -> Self {
        self.with(label, MetadataValue::Markdown(text.into()))
    }

    /// Adds an address to follow.
    #[must_use]
    pub fn url(self, label: impl Into<String>, url: impl Into<String>) -> Self {
        self.with(label, MetadataValue::Url(url.into()))
    }

    /// Adds a path; one outside UTF-8 is shown with replacement characters.
    #[must_use]
    pub fn path(self, label: impl Into<String>, path: impl AsRef<std::path::Path>) -> Self {
        self.with(label, MetadataValue::Path(path.as_ref().to_string_lossy().into_owned()))
    }

    /// Adds a JSON value.
    #[must_use]
    pub fn json(self, label: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.with(label, MetadataValue::Json(value.into()))
    }

    /// Adds a whole number; one beyond what 64 bits with a sign can hold is shown as `i64::MAX`.
    #[must_use]
    pub fn integer(self, label: impl Into<String>, value: impl TryInto<i64>) -> Self {
        self.with(label, MetadataValue::Integer(value.try_into().unwrap_or(i64::MAX)))
    }

    /// Adds a number with a fraction.
    #[must_use]
    pub fn number(self, label: impl Into<String>, value: f64) -> Self {
        self.with(label, MetadataValue::Number(value))
    }

    /// Adds a yes or no.
    #[must_use]
    pub fn boolean(self, label: impl Into<String>, value: bool) -> Self {
        self.with(label, MetadataValue::Boolean(value))
    }

    /// Adds a moment, in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn timestamp_ms(self, label: impl Into<String>, milliseconds: f64) -> Self {
        self.with(label, MetadataValue::TimestampMs(milliseconds))
    }

    /// Adds the key of an asset, outermost part first.
    #[must_use]
    pub fn asset<T: Into<String>>(self, label: impl Into<String>, key: impl IntoIterator<Item = T>) -> Self {
        self.with(label, MetadataValue::Asset(key.into_iter().map(Into::into).collect()))
    }

    /// Adds a table.
    #[must_use]
    pub fn table(self, label: impl Into<String>, table: Table) -> Self {
        self.with(label, MetadataValue::Table(table))
    }

    /// The facts, in the order in which they were added.
    pub fn entries(&self) -> &[MetadataEntry] {
        &self.0
    }

    /// The facts, taken out.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_entries(self) -> Vec<MetadataEntry> {
        self.0
    }

    /// The first fact of that label.
    pub fn get(&self, label: &str) -> Option<&MetadataValue> {
        self.0.iter().find(|entry| entry.label == label).map(|entry| &entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_long_as_the_columns() {
        let table = Table::new(["a", "b"]).row(["1"]).row(["1", "2", "3"]);
        assert_eq!(table.rows(), [["1", ""], ["1", "2"]]);
    }

    #[test]
    fn integers_of_every_type_fit_or_saturate() {
        let facts = Metadata::new().integer("small", 3_usize).integer("big", u64::MAX);
        assert_eq!(facts.get("small"), Some(&MetadataValue::Integer(3)));
        assert_eq!(facts.get("big"), Some(&MetadataValue::Integer(i64::MAX)));
    }

    #[test]
    fn a_description_belongs_to_the_last_fact() {
        let facts =
            Metadata::new().described("nothing").boolean("a", true).boolean("b", false).described("why");
        let described: Vec<_> = facts.entries().iter().map(|entry| entry.description.as_deref()).collect();
        assert_eq!(described, [None, Some("why")]);
    }
}
