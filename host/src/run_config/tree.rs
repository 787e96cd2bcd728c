//! Values that remember where they were written.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;

use crate::sandbox::PathSegment;

/// One of a run config's texts: a file, or an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextId(pub(super) usize);

/// A part of one of the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) text: TextId,
    pub(super) range: Range<usize>,
}

/// A value and where it was written; nowhere if the pipeline gives it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) origin: Option<Origin>,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// Neither list nor map.
    Scalar(Json),
    List(Vec<Node>),
    Map(BTreeMap<String, Entry>),
}

/// An entry of a map: its key's own place, and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: Option<Origin>,
    pub(super) node: Node,
}

impl Node {
    /// A value that the pipeline gives.
    pub(super) fn without_origin(value: &Json) -> Self {
        let entry = |(key, value): (&String, &Json)| {
            (key.clone(), Entry { key: None, node: Self::without_origin(value) })
        };
        let content = match value {
            Json::Array(items) => Content::List(items.iter().map(Self::without_origin).collect()),
            Json::Object(entries) => Content::Map(entries.iter().map(entry).collect()),
            scalar => Content::Scalar(scalar.clone()),
        };
        Self { origin: None, content }
    }

    /// The value alone.
    pub(super) fn to_json(&self) -> Json {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => {
                entries.iter().map(|(key, entry)| (key.clone(), entry.node.to_json())).collect()
            }
        }
    }

    /// This value with another over it: maps are merged key by key, anything else is replaced.
    pub(super) fn overlaid(self, over: Self) -> Self {
        match (self.content, over.content) {
            (Content::Map(mut entries), Content::Map(changes)) => {
                for (key, change) in changes {
                    let node = match entries.remove(&key) {
                        Some(base) => base.node.overlaid(change.node),
                        None => change.node,
                    };
                    entries.insert(key, Entry { key: change.key, node });
                }
                Self { origin: over.origin, content: Content::Map(entries) }
            }
            (_, content) => Self { origin: over.origin, content },
        }
    }

    /// Whether there is nothing: in YAML a key without a value.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Json::Null))
    }

    /// What the value is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar(Json::Null) => "null",
            Content::Scalar(Json::Bool(_)) => "true or false",
            Content::Scalar(Json::Number(_)) => "a number",
            Content::Scalar(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

impl Entry {
    /// The best place to show for a problem at the end of `path`: a scalar itself, a collection's key; of the nearest
    /// value on the way where the path leads nowhere.
    pub(super) fn origin_at(&self, path: &[PathSegment]) -> Option<&Origin> {
        let (mut node, mut shown) = (&self.node, self.shown());
        for segment in path {
            match (&node.content, segment) {
                (Content::Map(entries), PathSegment::Key(key)) => {
                    let Some(entry) = entries.get(key) else { break };
                    (node, shown) = (&entry.node, entry.shown());
                }
                (Content::List(items), PathSegment::Index(index)) => {
                    let Some(item) = items.get(*index) else { break };
                    (node, shown) = (item, item.origin.as_ref());
                }
                _ => break,
            }
        }
        shown
    }

    fn shown(&self) -> Option<&Origin> {
        match self.node.content {
            Content::Scalar(_) => self.node.origin.as_ref(),
            _ => self.key.as_ref(),
        }
    }
}
