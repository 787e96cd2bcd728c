//! From Starlark values to what the composer takes: handles, containers of them, and plain JSON.

use std::collections::BTreeMap;

use fanfold_graph::compose::Argument;
use serde_json::Value as Json;
use starlark::values::dict::DictRef;
use starlark::values::float::UnpackFloat;
use starlark::values::list::ListRef;
use starlark::values::structs::StructRef;
use starlark::values::tuple::TupleRef;
use starlark::values::{UnpackValue, Value, ValueLike};

use super::handle::Handle;
use super::misuse::Misuse;
use super::outputs::Outputs;
use super::session::Session;

/// How deep containers may be nested.
const MAX_DEPTH: usize = 64;
/// How many values one argument may have in all: containers can be shared, and so be small and endless at once.
const MAX_VALUES: usize = 1_000_000;

/// A value as an argument.
pub(super) fn of(value: Value<'_>, session: &Session) -> Result<Argument, Misuse> {
    Walk { session: Some(session), what: "an argument", values: 0 }.argument(value, 0)
}

/// A value without handles as JSON. `what` is it, in messages.
pub(super) fn json(value: Value<'_>, what: &'static str) -> Result<Json, Misuse> {
    match (Walk { session: None, what, values: 0 }).argument(value, 0)? {
        Argument::Value(json) => Ok(json),
        _ => Err(Misuse::new(format!("{what} cannot hold handles"))),
    }
}

struct Walk<'a> {
    /// None where handles are not allowed.
    session: Option<&'a Session>,
    what: &'static str,
    values: usize,
}

impl Walk<'_> {
    fn argument(&mut self, value: Value<'_>, depth: usize) -> Result<Argument, Misuse> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            let limit = format!("{MAX_DEPTH} levels or {MAX_VALUES} values");
            return Err(Misuse::new(format!("{} has more than {limit}", self.what)));
        }
        if let Some(json) = scalar(value)? {
            return Ok(Argument::Value(json));
        }
        if let Some(handle) = value.downcast_ref::<Handle>() {
            return self.handle(handle);
        }
        if let Some(outputs) = value.downcast_ref::<Outputs>() {
            return Err(Misuse::new(format!(
                "{outputs} are {} values, where one is needed",
                outputs.handles.len()
            ))
            .hint("take one output by its name"));
        }
        if let Some(list) = ListRef::from_value(value) {
            return self.list(list.iter(), depth);
        }
        if let Some(tuple) = TupleRef::from_value(value) {
            return self.list(tuple.iter(), depth);
        }
        if let Some(dict) = DictRef::from_value(value) {
            return self.dict(
                dict.iter().map(|(name, member)| (name.unpack_str().map(str::to_owned), member)),
                depth,
            );
        }
        if let Some(it) = StructRef::from_value(value) {
            return self
                .dict(it.iter().map(|(name, member)| (Some(name.as_str().to_owned()), member)), depth);
        }
        Err(Misuse::new(format!("{} cannot hold a {}", self.what, value.get_type())).hint(
            match value.get_type() {
                "solid" | "function" | "group" => "call it, and pass on what it returns",
                _ => "it holds handles, numbers, strings, booleans, None, lists and dicts",
            },
        ))
    }

    fn handle(&self, handle: &Handle) -> Result<Argument, Misuse> {
        let session = self.session.ok_or_else(|| {
            Misuse::new(format!("{} cannot hold a handle: its value exists only in a run", self.what))
                .hint("pass it as an input")
        })?;
        Ok(Argument::Handle(session.handle(handle.place)))
    }

    fn list<'v>(
        &mut self,
        members: impl Iterator<Item = Value<'v>>,
        depth: usize,
    ) -> Result<Argument, Misuse> {
        let members: Vec<Argument> =
            members.map(|member| self.argument(member, depth + 1)).collect::<Result<_, _>>()?;
        let json =
            |member: &Argument| if let Argument::Value(json) = member { Some(json.clone()) } else { None };
        match members.iter().map(json).collect() {
            Some(values) => Ok(Argument::Value(Json::Array(values))),
            None => Ok(Argument::List(members)),
        }
    }

    fn dict<'v>(
        &mut self,
        members: impl Iterator<Item = (Option<String>, Value<'v>)>,
        depth: usize,
    ) -> Result<Argument, Misuse> {
        let mut named = BTreeMap::new();
        for (name, member) in members {
            let name =
                name.ok_or_else(|| Misuse::new(format!("the keys of a dict in {} are strings", self.what)))?;
            named.insert(name, self.argument(member, depth + 1)?);
        }
        let json = |(name, member): (&String, &Argument)| {
            if let Argument::Value(json) = member { Some((name.clone(), json.clone())) } else { None }
        };
        match named.iter().map(json).collect() {
            Some(values) => Ok(Argument::Value(Json::Object(values))),
            None => Ok(Argument::Dict(named)),
        }
    }
}

/// A number, string, boolean or None as JSON; none for anything else.
fn scalar(value: Value<'_>) -> Result<Option<Json>, Misuse> {
    if value.is_none() {
        return Ok(Some(Json::Null));
    }
    if let Some(boolean) = value.unpack_bool() {
        return Ok(Some(Json::Bool(boolean)));
    }
    if let Some(text) = value.unpack_str() {
        return Ok(Some(Json::String(text.to_owned())));
    }
    if let Ok(Some(number)) = i64::unpack_value(value) {
        return Ok(Some(number.into()));
    }
    if let Ok(Some(number)) = u64::unpack_value(value) {
        return Ok(Some(number.into()));
    }
    if value.get_type() == "int" {
        return Err(
            Misuse::new(format!("the number {value} does not fit 64 bits")).hint("pass it as a string")
        );
    }
    match UnpackFloat::unpack_value(value) {
        Ok(Some(UnpackFloat(number))) => match serde_json::Number::from_f64(number) {
            Some(number) => Ok(Some(Json::Number(number))),
            None => Err(Misuse::new(format!("the number {value} has no form in JSON"))),
        },
        _ => Ok(None),
    }
}
