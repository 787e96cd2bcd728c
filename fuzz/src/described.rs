//! What a plugin may say of its solids, right or wrong, in the memory of a guest as `describe` returns it.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::guest::{DESCRIBED_AT, DESCRIBED_BYTES};

/// A solid, in the JSON form of the program's own definitions, but with any names. Where JSON is wanted, a text stands
/// for itself, so that it may be none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Solid {
    pub name: String,
    pub description: String,
    pub config_schema: Option<Json>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    pub tags: Vec<(String, String)>,
    pub retry_policy: Option<(u32, u32, f64, f64)>,
}

/// An input or an output.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Port {
    pub name: String,
    pub description: String,
    pub schema: Option<Json>,
    pub default_value: Option<Json>,
    pub is_required: bool,
    pub is_dynamic: bool,
    pub io_manager_key: Option<String>,
    pub metadata: Vec<(String, Fact)>,
    pub asset_key: Vec<String>,
    pub asset_partitions: Vec<String>,
}

/// One fact of metadata.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    Text(String),
    Json(String),
    Number(f64),
    Asset(Vec<String>),
    Table(Vec<String>, Vec<Vec<String>>),
}

/// The text that stands for JSON.
pub fn json_text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// The memory from [`DESCRIBED_AT`] on; none if it does not fit.
pub fn memory(solids: &[Solid]) -> Option<Vec<u8>> {
    let mut memory = Memory(vec![0; 8]);
    let solids = memory.list(solids, 88, Memory::solid);
    memory.put(0, &solids);
    (memory.0.len() <= DESCRIBED_BYTES).then_some(memory.0)
}

/// Lays values out by the component model's canonical ABI. Parts of a value are put at their offsets in it.
struct Memory(Vec<u8>);

impl Memory {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Room for so many bytes, aligned for every type.
    fn room(&mut self, bytes: usize) -> usize {
        let at = self.0.len().next_multiple_of(8);
        self.0.resize(at + bytes, 0);
        at
    }

    /// A list's pointer and length, which are a text's too.
    fn list<T>(&mut self, items: &[T], size: usize, put: impl Fn(&mut Self, usize, &T)) -> [u8; 8] {
        let at = self.room(items.len() * size);
        items.iter().enumerate().for_each(|(place, item)| put(self, at + place * size, item));
        slice(at, items.len())
    }

    fn text(&mut self, text: &str) -> [u8; 8] {
        let at = self.room(text.len());
        self.put(at, text.as_bytes());
        slice(at, text.len())
    }

    fn put_text(&mut self, at: usize, text: &str) {
        let text = self.text(text);
        self.put(at, &text);
    }

    fn put_option(&mut self, at: usize, text: Option<&str>) {
        if let Some(text) = text {
            self.put(at, &[1]);
            self.put_text(at + 4, text);
        }
    }

    fn put_texts(&mut self, at: usize, texts: &[String]) {
        let texts = self.list(texts, 8, |memory, at, text| memory.put_text(at, text));
        self.put(at, &texts);
    }

    fn solid(&mut self, at: usize, solid: &Solid) {
        self.put_text(at, &solid.name);
        self.put_text(at + 8, &solid.description);
        self.put_option(at + 16, solid.config_schema.as_ref().map(json_text).as_deref());
        let inputs = self.list(&solid.inputs, 40, Self::input);
        let outputs = self.list(&solid.outputs, 68, Self::output);
        self.put(at + 28, &inputs);
        self.put(at + 36, &outputs);
        let tags = self.list(&solid.tags, 16, |memory, at, (tag, value)| {
            memory.put_text(at, tag);
            memory.put_text(at + 8, value);
        });
        self.put(at + 44, &tags);
        if let Some((max_retries, delay_ms, backoff, jitter)) = solid.retry_policy {
            self.put(at + 56, &[1]);
            self.put(at + 64, &max_retries.to_le_bytes());
            self.put(at + 68, &delay_ms.to_le_bytes());
            self.put(at + 72, &backoff.to_le_bytes());
            self.put(at + 80, &jitter.to_le_bytes());
        }
    }

    fn input(&mut self, at: usize, port: &Port) {
        self.put_text(at, &port.name);
        self.put_text(at + 8, &port.description);
        self.put_option(at + 16, port.schema.as_ref().map(json_text).as_deref());
        self.put_option(at + 28, port.default_value.as_ref().map(json_text).as_deref());
    }

    fn output(&mut self, at: usize, port: &Port) {
        self.put_text(at, &port.name);
        self.put_text(at + 8, &port.description);
        self.put_option(at + 16, port.schema.as_ref().map(json_text).as_deref());
        self.put(at + 28, &[port.is_required.into(), port.is_dynamic.into()]);
        self.put_option(at + 32, port.io_manager_key.as_deref());
        let metadata = self.list(&port.metadata, 48, |memory, at, (label, fact)| {
            memory.put_text(at, label);
            memory.fact(at + 24, fact);
        });
        self.put(at + 44, &metadata);
        self.put_texts(at + 52, &port.asset_key);
        self.put_texts(at + 60, &port.asset_partitions);
    }

    fn fact(&mut self, at: usize, fact: &Fact) {
        let (case, content) = (at, at + 8);
        match fact {
            Fact::Text(text) => self.put_text(content, text),
            Fact::Json(text) => {
                self.put(case, &[4]);
                self.put_text(content, text);
            }
            Fact::Number(number) => {
                self.put(case, &[6]);
                self.put(content, &number.to_le_bytes());
            }
            Fact::Asset(parts) => {
                self.put(case, &[9]);
                self.put_texts(content, parts);
            }
            Fact::Table(columns, rows) => {
                self.put(case, &[10]);
                self.put_texts(content, columns);
                let rows = self.list(rows, 8, |memory, at, row| memory.put_texts(at, row));
                self.put(content + 8, &rows);
            }
        }
    }
}

/// Pointer and length of what is at `at` in the memory that begins at [`DESCRIBED_AT`].
fn slice(at: usize, len: usize) -> [u8; 8] {
    let [pointer, len] = [at as u32 + DESCRIBED_AT, len as u32].map(u32::to_le_bytes);
    let mut slice = [0; 8];
    slice[..4].copy_from_slice(&pointer);
    slice[4..].copy_from_slice(&len);
    slice
}
