//! An input that holds many values, read page by page: a collect over a million clones fits a small solid.

use std::vec;

use crate::MappingKey;
use crate::page::Page;
use crate::runtime::{Collection, Pages, StepHost};
use crate::value::{FromValue, ReadError, Value};

/// The gathered values of an input, in emission order or the author's; read lazily, once.
///
/// It takes what was collected, a list or dict of handles, and a plain list or map. As an iterator it yields the
/// mapping key, where there is one, and the value, or why that one value is not a `T`.
pub struct Collected<T> {
    source: Source,
    page: Page<T>,
    page_len: u32,
    len: usize,
    given: usize,
    host: StepHost,
}

enum Source {
    Host(Pages),
    /// A plain list: the one page is all there is.
    Inline,
}

/// Pages grow up to this many items, so that small items cost few calls.
const MAX_PAGE_LEN: u32 = 1024;
/// Pages shrink when they exceed this, so that large items do not fill the memory.
const MAX_PAGE_BYTES: usize = 1 << 20;

impl<T: FromValue> Collected<T> {
    pub(crate) fn from_pages(pages: Pages, host: StepHost) -> Self {
        let len = pages.total() as usize;
        Self::new(Source::Host(pages), Page::empty(), len, host)
    }

    /// Reads a plain value that is a list or a map of values.
    pub(crate) fn from_single(value: Value, host: StepHost) -> Result<Self, ReadError> {
        let Value::Json(text) = value else {
            return Err(ReadError::new("it holds bytes where a collection is expected"));
        };
        let page = Page::of_values(inline_items(&text)?, |value| T::from_value(value, &host));
        let len = page.len();
        Ok(Self::new(Source::Inline, page, len, host))
    }

    fn new(source: Source, page: Page<T>, len: usize, host: StepHost) -> Self {
        Self { source, page, page_len: 64, len, given: 0, host }
    }

    /// How many values there are in all.
    #[expect(clippy::len_without_is_empty, reason = "the length stays, however much was read")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The mapping keys whose clones failed, where the pipeline collects in spite of failures; readable once.
    pub fn missing(&mut self) -> Missing<'_> {
        Missing { source: &mut self.source, page: Vec::new().into_iter() }
    }

    /// Fetches the next page, sized by what the last one weighed.
    fn turn_page(&mut self) {
        let Source::Host(pages) = &mut self.source else { return };
        self.page = T::read_page(pages, self.page_len, &self.host);
        if self.page.bytes > MAX_PAGE_BYTES {
            self.page_len = (self.page_len / 2).max(1);
        } else if self.page.bytes < MAX_PAGE_BYTES / 4 {
            self.page_len = (self.page_len * 2).min(MAX_PAGE_LEN);
        }
    }
}

impl<T: FromValue> Iterator for Collected<T> {
    type Item = (Option<MappingKey>, Result<T, ReadError>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 {
            self.turn_page();
        }
        let (key, item) = self.page.next()?;
        let place = self.given;
        self.given += 1;
        let item = item.map_err(|error| match &key {
            Some(key) => error.at(format_args!("collected value `{key}`")),
            None => error.at(format_args!("collected value {place}")),
        });
        Some((key, item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.len.saturating_sub(self.given);
        (left, Some(left))
    }
}

/// The mapping keys of a collection that have no value, because their clones failed; read page by page.
pub struct Missing<'a> {
    source: &'a mut Source,
    page: vec::IntoIter<MappingKey>,
}

impl Iterator for Missing<'_> {
    type Item = MappingKey;

    fn next(&mut self) -> Option<MappingKey> {
        if let (Source::Host(pages), 0) = (&mut *self.source, self.page.len()) {
            self.page = pages.missing_page(MAX_PAGE_LEN).into_iter();
        }
        self.page.next()
    }
}

/// Reads a collection whole, as the JSON text of a list.
pub(crate) fn gather_list(mut pages: Pages) -> String {
    let mut text = String::from("[");
    while let Some(values) = pages.json_page(MAX_PAGE_LEN).values() {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(values);
    }
    text.push(']');
    text
}

/// Reads a collection whole, as the JSON text of a map by mapping key.
pub(crate) fn gather_map(mut pages: Pages) -> String {
    let mut text = String::from("{");
    loop {
        let page = pages.json_page(MAX_PAGE_LEN);
        if page.values().is_none() {
            break;
        }
        for (key, value) in page.members() {
            if text.len() > 1 {
                text.push(',');
            }
            // A mapping key has no character that JSON would escape.
            text.extend(["\"", key.as_ref().map_or("", MappingKey::as_str), "\":", value]);
        }
    }
    text.push('}');
    text
}

/// The members of a plain JSON list or map; those of a map come with their keys, where these are mapping keys.
fn inline_items(text: &str) -> Result<Vec<(Option<MappingKey>, Value)>, ReadError> {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Array(items)) => {
            Ok(items.into_iter().map(|item| (None, Value::Json(item.to_string()))).collect())
        }
        Ok(serde_json::Value::Object(entries)) => Ok(entries
            .into_iter()
            .map(|(key, item)| (MappingKey::new(key).ok(), Value::Json(item.to_string())))
            .collect()),
        _ => Err(ReadError::new("a list or a map of values is expected")),
    }
}
