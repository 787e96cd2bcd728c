//! What a call of a solid returns: a handle, or one for each output.

use allocative::Allocative;
use derive_more::Display;
use fanfold_graph::compose::Called;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::none::NoneType;
use starlark::values::starlark_value;
use starlark::values::{Heap, NoSerialize, StarlarkPagable, StarlarkValue, Value};

use super::handle::Handle;
use super::misuse::Misuse;
use super::session::Session;
use crate::diagnostic::did_you_mean;

/// The handles of a solid with several outputs: attributes by name, and a tuple in the order of the definition.
#[derive(Debug, Display, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
#[display("outputs of `{solid}`")]
pub(super) struct Outputs {
    solid: String,
    names: Vec<String>,
    /// Places of handles, by place of the output.
    pub(super) handles: Vec<u32>,
}
starlark_simple_value!(Outputs);

/// What a call returns.
pub(super) fn returned<'v>(called: Called, session: &Session, heap: Heap<'v>) -> Result<Value<'v>, Misuse> {
    let solid = called.name.to_string();
    match <[_; 1]>::try_from(called.outputs) {
        Ok([(_, only)]) => Handle::alloc(only, session, heap),
        Err(none) if none.is_empty() => Ok(heap.alloc(NoneType)),
        Err(outputs) => {
            let names = outputs.iter().map(|(name, _)| name.to_string()).collect();
            let handles = outputs.into_iter().map(|(_, handle)| session.add_handle(handle));
            Ok(heap.alloc(Outputs { solid, names, handles: handles.collect::<Result<_, _>>()? }))
        }
    }
}

impl Outputs {
    /// The same solid's outputs with other handles.
    pub(super) fn with_handles(&self, handles: Vec<u32>) -> Self {
        Self { solid: self.solid.clone(), names: self.names.clone(), handles }
    }
}

#[starlark_value(type = "outputs")]
impl<'v> StarlarkValue<'v> for Outputs {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let place = self.names.iter().position(|name| name == attribute)?;
        Some(heap.alloc(Handle { place: self.handles[place] }))
    }

    fn dir_attr(&self) -> Vec<String> {
        self.names.clone()
    }

    fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Ok(self.handles.iter().map(|place| heap.alloc(Handle { place: *place })).collect())
    }

    fn length(&self) -> starlark::Result<i32> {
        Ok(i32::try_from(self.handles.len()).unwrap_or(i32::MAX))
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        if let Some(name) = index.unpack_str() {
            let known: Vec<&str> = self.names.iter().map(String::as_str).collect();
            let unknown = || {
                let misuse = Misuse::new(format!("`{}` has no output `{}`", self.solid, name.escape_debug()));
                did_you_mean(name, &known).into_iter().fold(misuse, Misuse::hint)
            };
            return Ok(self.get_attr(name, heap).ok_or_else(unknown)?);
        }
        let place = index.unpack_i32().and_then(|index| usize::try_from(index).ok());
        let handle = place.and_then(|place| self.handles.get(place));
        let handle = handle.ok_or_else(|| {
            Misuse::new(format!(
                "`{}` has {} outputs; {index} is none of them",
                self.solid,
                self.handles.len()
            ))
        })?;
        Ok(heap.alloc(Handle { place: *handle }))
    }
}
