//! From what the run says a step reads to what the sandbox hands it: values are read from the store one by one,
//! collections page by page, and none of it while the run is locked.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use compact_str::CompactString;
use fanfold_graph::event::ValueRef;
use fanfold_graph::name::MappingKey;
use fanfold_graph::pipeline::Into as CollectInto;
use fanfold_graph::run::{self, Resolved};

use super::Shared;
use crate::sandbox::{CollectedItem, Collection, Input, InputValue, Interrupt, ItemReader, Value};
use crate::value_json;

/// Members of a collection that are looked up at once: few enough for a processor's nearest cache.
const PAGE: u32 = 256;

/// What an input receives, by reference: as [`Resolved`], but on its own.
#[derive(Debug, Clone)]
pub enum InputTree {
    /// The author's own value, as JSON text.
    Value(CompactString),
    /// A value in the store.
    Stored(ValueRef),
    /// A list.
    List(Vec<InputTree>),
    /// Values by name.
    Dict(Vec<(String, InputTree)>),
    /// The values of clones.
    Collection(run::Collection),
}

impl InputTree {
    /// True for the author's own `null`: a pipeline that returns nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Value(text) if text == "null")
    }
}

impl From<Resolved<'_>> for InputTree {
    fn from(resolved: Resolved<'_>) -> Self {
        match resolved {
            Resolved::Value(json) => Self::Value(json.to_string().into()),
            Resolved::Stored(value) => Self::Stored(value),
            Resolved::List(members) => Self::List(members.into_iter().map(Self::from).collect()),
            Resolved::Dict(members) => {
                Self::Dict(members.into_iter().map(|(name, it)| (name.to_owned(), it.into())).collect())
            }
            Resolved::Collection(collection) => Self::Collection(collection),
        }
    }
}

impl Shared {
    /// Opens what an input receives. Waiting for it, now and later, ends with `interrupt`.
    pub(super) fn open_input(
        self: &Arc<Self>,
        name: CompactString,
        tree: InputTree,
        interrupt: &Interrupt,
    ) -> io::Result<Input> {
        let value = match tree {
            InputTree::Value(text) => InputValue::Single(Value::Json(text)),
            InputTree::Stored(value) => InputValue::Single(self.store.read_value(value, interrupt)?),
            InputTree::List(members) => InputValue::Items(self.listed(members, interrupt.clone())),
            InputTree::Dict(members) => InputValue::Entries(self.named(members, interrupt.clone())?),
            InputTree::Collection(collection) => match collection.into {
                CollectInto::List => InputValue::Items(self.collected(collection, interrupt.clone())),
                CollectInto::Dict => InputValue::Entries(self.collected(collection, interrupt.clone())),
            },
        };
        Ok(Input { name, value })
    }

    fn listed(self: &Arc<Self>, members: Vec<InputTree>, interrupt: Interrupt) -> Collection {
        let (len, shared) = (members.len() as u32, Arc::clone(self));
        let read =
            move |member| Ok(CollectedItem { mapping_key: None, value: shared.read(&member, &interrupt)? });
        Collection {
            len,
            items: Box::new(members.into_iter().map(read)),
            missing: Box::new(std::iter::empty()),
        }
    }

    fn named(
        self: &Arc<Self>,
        members: Vec<(String, InputTree)>,
        interrupt: Interrupt,
    ) -> io::Result<Collection> {
        let (len, shared) = (members.len() as u32, Arc::clone(self));
        let keyed = members.into_iter().map(|(name, member)| {
            let key = MappingKey::new(&name).map_err(io::Error::other)?;
            Ok((key, member))
        });
        let keyed: Vec<_> = keyed.collect::<io::Result<_>>()?;
        let read = move |(key, member)| {
            Ok(CollectedItem { mapping_key: Some(key), value: shared.read(&member, &interrupt)? })
        };
        Ok(Collection {
            len,
            items: Box::new(keyed.into_iter().map(read)),
            missing: Box::new(std::iter::empty()),
        })
    }

    fn collected(self: &Arc<Self>, collection: run::Collection, interrupt: Interrupt) -> Collection {
        let shared = Arc::clone(self);
        let items = Members::of(self, collection).filter_map(|(key, member)| Some((key, member?)));
        let items = items.map(move |(key, member)| {
            Ok(CollectedItem { mapping_key: Some(key), value: shared.read(&member, &interrupt)? })
        });
        // A shorter one is read before another worker is awake.
        let items: ItemReader =
            if collection.len > PAGE { self.read_ahead(Box::new(items)) } else { Box::new(items) };
        let missing =
            Members::of(self, collection).filter(|(_, member)| member.is_none()).map(|(key, _)| key);
        let missing: Box<dyn Iterator<Item = MappingKey> + Send> =
            if collection.missing == 0 { Box::new(std::iter::empty()) } else { Box::new(missing) };
        Collection { len: collection.len, items, missing }
    }

    /// One value: what is a tree becomes one JSON text.
    fn read(self: &Arc<Self>, tree: &InputTree, interrupt: &Interrupt) -> io::Result<Value> {
        match tree {
            InputTree::Value(text) => Ok(Value::Json(text.clone())),
            InputTree::Stored(value) => self.store.read_value(*value, interrupt),
            InputTree::List(_) | InputTree::Dict(_) | InputTree::Collection(_) => {
                let mut text = Vec::new();
                self.write_json(tree, &mut text, interrupt)?;
                let text = String::from_utf8(text).map_err(io::Error::other)?;
                Ok(Value::Json(text.into()))
            }
        }
    }

    /// Writes a tree as JSON, one value at a time.
    pub(super) fn write_json(
        self: &Arc<Self>,
        tree: &InputTree,
        out: &mut dyn Write,
        interrupt: &Interrupt,
    ) -> io::Result<()> {
        match tree {
            InputTree::Value(text) => out.write_all(text.as_bytes()),
            InputTree::Stored(value) => value_json::write(&self.store.read_value(*value, interrupt)?, out),
            InputTree::List(members) => value_json::write_list(out, members.iter().map(Ok), |out, it| {
                self.write_json(it, out, interrupt)
            }),
            InputTree::Dict(members) => {
                let members = members.iter().map(|(name, it)| Ok((name.as_str(), it)));
                value_json::write_dict(out, members, |out, it| self.write_json(it, out, interrupt))
            }
            InputTree::Collection(collection) => {
                let members = Members::of(self, *collection).filter_map(|(key, it)| Some(Ok((key, it?))));
                match collection.into {
                    CollectInto::List => value_json::write_list(out, members, |out, (_, it)| {
                        self.write_json(&it, out, interrupt)
                    }),
                    CollectInto::Dict => {
                        value_json::write_dict(out, members, |out, it| self.write_json(&it, out, interrupt))
                    }
                }
            }
        }
    }
}

/// The members of a collection, page by page. One without a value is missing.
struct Members {
    shared: Arc<Shared>,
    collection: run::Collection,
    page: VecDeque<(MappingKey, Option<InputTree>)>,
    /// Where the next page begins; none at the end.
    next: Option<u32>,
}

impl Members {
    fn of(shared: &Arc<Shared>, collection: run::Collection) -> Self {
        Self { shared: Arc::clone(shared), collection, page: VecDeque::new(), next: Some(0) }
    }
}

impl Iterator for Members {
    type Item = (MappingKey, Option<InputTree>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.page.is_empty() {
            let state = self.shared.lock();
            let page = state.run.page(&self.collection, self.next?, PAGE);
            self.next = page.next;
            self.page =
                page.items.into_iter().map(|(key, it)| (key.clone(), it.map(InputTree::from))).collect();
        }
        self.page.pop_front()
    }
}
