//! An input that holds many values, read page by page: a collect over a million clones fits a small solid.

use std::vec;

use crate::MappingKey;
use crate::runtime::{Collection, Host, StepHost};
use crate::value::{FromValue, ReadError, Value};

type Pages = <StepHost as Host>::Collection;

/// The gathered values of an input, in emission order or the author's; read lazily, once.
///
/// It takes what was collected, a list or dict of handles, and a plain list or map. As an iterator it yields the
/// mapping key, where there is one, and the value, or why that one value is not a `T`.
pub struct Collected<T> {
    source: Source,
    page: vec::IntoIter<(Option<MappingKey>, Value)>,
    page_len: u32,
    len: usize,
    given: usize,
    host: StepHost,
    item: std::marker::PhantomData<fn() -> T>,
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
        Self::new(Source::Host(pages), Vec::new(), len, host)
    }

    /// Reads a plain value that is a list or a map of values.
    pub(crate) fn from_single(value: Value, host: StepHost) -> Result<Self, ReadError> {
        let Value::Json(text) = value else {
            return Err(ReadError::new("it holds bytes where a collection is expected"));
        };
        let items = inline_items(&text)?;
        let len = items.len();
        Ok(Self::new(Source::Inline, items, len, host))
    }

    fn new(source: Source, page: Vec<(Option<MappingKey>, Value)>, len: usize, host: StepHost) -> Self {
        let page = page.into_iter();
        Self { source, page, page_len: 64, len, given: 0, host, item: std::marker::PhantomData }
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
        let items = pages.page(self.page_len);
        let bytes: usize = items.iter().map(|(_, value)| weight(value)).sum();
        if bytes > MAX_PAGE_BYTES {
            self.page_len = (self.page_len / 2).max(1);
        } else if bytes < MAX_PAGE_BYTES / 4 {
            self.page_len = (self.page_len * 2).min(MAX_PAGE_LEN);
        }
        self.page = items.into_iter();
    }
}

impl<T: FromValue> Iterator for Collected<T> {
    type Item = (Option<MappingKey>, Result<T, ReadError>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 {
            self.turn_page();
        }
        let (key, value) = self.page.next()?;
        let place = self.given;
        self.given += 1;
        let item = T::from_value(value, &self.host).map_err(|error| match &key {
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

/// Reads a collection whole, as the JSON text of a list or, by mapping key, of a map.
pub(crate) fn gather(mut pages: Pages, by_key: bool) -> Result<String, ReadError> {
    let mut text = String::from(if by_key { "{" } else { "[" });
    loop {
        let items = pages.page(MAX_PAGE_LEN);
        if items.is_empty() {
            break;
        }
        for (key, value) in items {
            if text.len() > 1 {
                text.push(',');
            }
            let key = key.as_ref().map_or("", MappingKey::as_str);
            if by_key {
                // A mapping key has no character that JSON would escape.
                text.extend(["\"", key, "\":"]);
            }
            let Value::Json(json) = value else {
                return Err(ReadError::new(
                    "it holds bytes; take it as `Collected<Bytes>` or `Collected<Blob>`",
                ));
            };
            text.push_str(&json);
        }
    }
    text.push(if by_key { '}' } else { ']' });
    Ok(text)
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Blob(_) => 0,
    }
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
