//! What a map's function returns: handles in a shape of tuples, lists, dicts and structs, which comes back with other
//! handles in it.

use fanfold_graph::compose::Handle as Composed;
use starlark::collections::SmallMap;
use starlark::values::dict::{AllocDict, DictRef};
use starlark::values::list::{AllocList, ListRef};
use starlark::values::structs::{AllocStruct, StructRef};
use starlark::values::tuple::{AllocTuple, TupleRef};
use starlark::values::{Heap, Value, ValueLike};

use super::handle::Handle;
use super::misuse::Misuse;
use super::outputs::Outputs;
use super::session::Session;

/// How deep shapes may be nested.
const MAX_DEPTH: usize = 64;

/// A value with places for handles.
pub(super) enum Shape<'v> {
    Handle,
    Outputs(&'v Outputs),
    List(Vec<Shape<'v>>),
    Tuple(Vec<Shape<'v>>),
    Dict(Vec<(Value<'v>, Shape<'v>)>),
    Struct(Vec<(String, Shape<'v>)>),
    /// Stays as it is.
    Plain(Value<'v>),
}

impl<'v> Shape<'v> {
    /// Takes a value apart into its shape and the handles in it.
    pub(super) fn of(value: Value<'v>, session: &Session) -> Result<(Self, Vec<Composed>), Misuse> {
        let mut handles = Vec::new();
        let shape = Self::taken_apart(value, session, &mut handles, 0)?;
        Ok((shape, handles))
    }

    fn taken_apart(
        value: Value<'v>,
        session: &Session,
        handles: &mut Vec<Composed>,
        depth: usize,
    ) -> Result<Self, Misuse> {
        if depth > MAX_DEPTH {
            return Err(Misuse::new(format!("a map's function returns more than {MAX_DEPTH} nested levels")));
        }
        let mut inner = |member| Self::taken_apart(member, session, handles, depth + 1);
        if let Some(list) = ListRef::from_value(value) {
            return list.iter().map(inner).collect::<Result<_, _>>().map(Self::List);
        }
        if let Some(tuple) = TupleRef::from_value(value) {
            return tuple.iter().map(inner).collect::<Result<_, _>>().map(Self::Tuple);
        }
        if let Some(dict) = DictRef::from_value(value) {
            let members = dict.iter().map(|(name, member)| Ok((name, inner(member)?)));
            return members.collect::<Result<_, _>>().map(Self::Dict);
        }
        if let Some(it) = StructRef::from_value(value) {
            let members = it.iter().map(|(name, member)| Ok((name.as_str().to_owned(), inner(member)?)));
            return members.collect::<Result<_, _>>().map(Self::Struct);
        }
        if let Some(handle) = value.downcast_ref::<Handle>() {
            handles.push(session.handle(handle.place));
            return Ok(Self::Handle);
        }
        if let Some(outputs) = value.downcast_ref::<Outputs>() {
            handles.extend(outputs.handles.iter().map(|place| session.handle(*place)));
            return Ok(Self::Outputs(outputs));
        }
        Ok(Self::Plain(value))
    }

    /// The value with other handles in it, in the order in which they were taken out.
    pub(super) fn filled(
        self,
        handles: Vec<Composed>,
        session: &Session,
        heap: Heap<'v>,
    ) -> Result<Value<'v>, Misuse> {
        self.filled_from(&mut handles.into_iter(), session, heap)
    }

    fn filled_from(
        self,
        handles: &mut impl Iterator<Item = Composed>,
        session: &Session,
        heap: Heap<'v>,
    ) -> Result<Value<'v>, Misuse> {
        let mut inner = |shape: Self| shape.filled_from(handles, session, heap);
        match self {
            Self::Plain(value) => Ok(value),
            Self::List(members) => {
                let members: Vec<_> = members.into_iter().map(inner).collect::<Result<_, _>>()?;
                Ok(heap.alloc(AllocList(members)))
            }
            Self::Tuple(members) => {
                let members: Vec<_> = members.into_iter().map(inner).collect::<Result<_, _>>()?;
                Ok(heap.alloc(AllocTuple(members)))
            }
            Self::Dict(members) => {
                let mut filled = Vec::new();
                for (name, member) in members {
                    filled.push((name, inner(member)?));
                }
                Ok(heap.alloc(AllocDict(filled)))
            }
            Self::Struct(members) => {
                let mut filled = SmallMap::new();
                for (name, member) in members {
                    filled.insert(name, inner(member)?);
                }
                Ok(heap.alloc(AllocStruct(filled)))
            }
            Self::Handle => {
                let handle = handles
                    .next()
                    .ok_or_else(|| Misuse::new("a handle was lost; this is a bug in fanfold"))?;
                Handle::alloc(handle, session, heap)
            }
            Self::Outputs(outputs) => {
                let places = handles.take(outputs.handles.len()).map(|handle| session.add_handle(handle));
                Ok(heap.alloc(outputs.with_handles(places.collect::<Result<_, _>>()?)))
            }
        }
    }
}
