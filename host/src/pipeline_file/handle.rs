//! A handle as a Starlark value: something that will exist in a run.

use std::cmp::Ordering;
use std::num::NonZeroU32;

use allocative::Allocative;
use derive_more::Display;
use fanfold_graph::compose::{ComposeError, Composer, Handle as Composed, MapOptions};
use fanfold_graph::pipeline::{Expand, Unmatched};
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::eval::Evaluator;
use starlark::values::float::UnpackFloat;
use starlark::values::none::NoneOr;
use starlark::values::starlark_value;
use starlark::values::tuple::UnpackTuple;
use starlark::values::{Heap, NoSerialize, StarlarkPagable, StarlarkValue, Value, ValueLike};
use starlark::{starlark_module, starlark_simple_value};

use super::misuse::Misuse;
use super::session::Session;
use super::shape::Shape;
use super::zip::Zip;

/// A value that will exist in a run, or one for each item of a dynamic output.
#[derive(Debug, Display, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
#[display("handle")]
pub(super) struct Handle {
    pub(super) place: u32,
}
starlark_simple_value!(Handle);

impl Handle {
    /// A Starlark value for a composed handle.
    pub(super) fn alloc<'v>(
        handle: Composed,
        session: &Session,
        heap: Heap<'v>,
    ) -> Result<Value<'v>, Misuse> {
        Ok(heap.alloc(Self { place: session.add_handle(handle)? }))
    }
}

/// Why nothing can be computed with a handle while the pipeline is composed.
fn not_yet(action: &str) -> starlark::Error {
    Misuse::new(format!("a handle cannot be {action}: its value exists only in a run"))
        .hint("map a solid over a dynamic output, or collect it and pass the list to a solid")
        .into()
}

#[starlark_value(type = "handle")]
impl<'v> StarlarkValue<'v> for Handle {
    fn get_methods() -> Option<&'static Methods> {
        starlark::methods_static!(METHODS = handle_methods);
        Some(METHODS.methods())
    }

    fn iterate_collect(&self, _heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Err(not_yet("iterated over"))
    }

    fn at(&self, _index: Value<'v>, _heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Err(not_yet("indexed"))
    }

    fn length(&self) -> starlark::Result<i32> {
        Err(not_yet("measured"))
    }

    fn is_in(&self, _other: Value<'v>) -> starlark::Result<bool> {
        Err(not_yet("searched"))
    }

    fn compare(&self, _other: Value<'v>) -> starlark::Result<Ordering> {
        Err(not_yet("compared"))
    }

    fn equals(&self, _other: Value<'v>) -> starlark::Result<bool> {
        Err(not_yet("compared"))
    }

    fn add(&self, _other: Value<'v>, _heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        Some(Err(not_yet("computed with")))
    }

    fn radd(&self, _other: Value<'v>, _heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        Some(Err(not_yet("computed with")))
    }

    fn mul(&self, _other: Value<'v>, _heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        Some(Err(not_yet("computed with")))
    }
}

/// The composed handle behind a value.
pub(super) fn composed(this: Value<'_>, session: &Session) -> Result<Composed, Misuse> {
    let handle = this.downcast_ref::<Handle>().ok_or_else(|| {
        Misuse::new(format!("a handle is needed here, not a {}", this.get_type()))
            .hint("pass what a solid or a map returned")
    })?;
    Ok(session.handle(handle.place))
}

/// What a way of collecting makes of a handle.
fn gathered<'v>(
    this: Value<'v>,
    min_success_ratio: NoneOr<UnpackFloat>,
    eval: &mut Evaluator<'v, '_, '_>,
    gather: fn(&Composer, &Composed, Option<f64>) -> Result<Composed, ComposeError>,
) -> starlark::Result<Value<'v>> {
    let session = Session::of(eval);
    let ratio = min_success_ratio.into_option().map(|ratio| ratio.0);
    let handle = composed(this, session)?;
    let collected = gather(&*session.composer()?, &handle, ratio).map_err(Misuse::from)?;
    Ok(Handle::alloc(collected, session, eval.heap())?)
}

/// What a map's function returns for these items, seen from outside of the map that was entered for them.
pub(super) fn mapped<'v>(
    items: Vec<Composed>,
    function: Value<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<Value<'v>> {
    let session = Session::of(eval);
    let items = items.into_iter().map(|item| Handle::alloc(item, session, eval.heap()));
    let items: Vec<Value<'v>> = items.collect::<Result<_, _>>()?;
    let returned = eval.eval_function(function, &items, &[])?;
    let (shape, handles) = Shape::of(returned, session)?;
    let mapped = session.composer()?.leave_map(handles).map_err(Misuse::from)?;
    Ok(shape.filled(mapped, session, eval.heap())?)
}

/// What `expand` and `max_concurrent` of a map say.
pub(super) fn map_options(expand: &str, max_concurrent: NoneOr<i32>) -> Result<MapOptions, Misuse> {
    let expand = match expand {
        "on_emit" => Expand::OnEmit,
        "on_success" => Expand::OnSuccess,
        other => {
            let other = other.escape_debug();
            return Err(Misuse::new(format!("`expand` is `on_emit` or `on_success`, not `{other}`")));
        }
    };
    let max_concurrent = max_concurrent.into_option().map(|max| {
        let positive = u32::try_from(max).ok().and_then(NonZeroU32::new);
        positive.ok_or_else(|| Misuse::new(format!("`max_concurrent` is at least 1, not {max}")))
    });
    Ok(MapOptions { expand, max_concurrent: max_concurrent.transpose()? })
}

/// Why a solid's method is no handle's.
fn before_the_call(method: &str) -> starlark::Error {
    Misuse::new(format!("`.{method}(...)` belongs to a solid, and this is what a call returned"))
        .hint(format!("put it before the call: `solid.{method}(...)(arguments)`"))
        .into()
}

#[starlark_module]
fn handle_methods(builder: &mut MethodsBuilder) {
    /// What a solid or function returns for each item.
    fn map<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] function: Value<'v>,
        #[starlark(require = named, default = "on_emit")] expand: &str,
        #[starlark(require = named, default = NoneOr::None)] max_concurrent: NoneOr<i32>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let session = Session::of(eval);
        let options = map_options(expand, max_concurrent)?;
        let item = session.composer()?.enter_map(&composed(this, session)?, options).map_err(Misuse::from)?;
        mapped(vec![item], function, eval)
    }

    /// This and other dynamic handles, their items joined by mapping key.
    fn zip<'v>(
        this: Value<'v>,
        #[starlark(args)] others: UnpackTuple<Value<'v>>,
        #[starlark(require = named, default = "fail")] unmatched: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let session = Session::of(eval);
        let unmatched = match unmatched {
            "fail" => Unmatched::Fail,
            "skip" => Unmatched::Skip,
            other => {
                let other = other.escape_debug();
                return Err(Misuse::new(format!("`unmatched` is `fail` or `skip`, not `{other}`")).into());
            }
        };
        let sides = std::iter::once(this).chain(others).map(|side| composed(side, session));
        let sides: Vec<Composed> = sides.collect::<Result<_, _>>()?;
        let zip = session.composer()?.zip(&sides, unmatched).map_err(Misuse::from)?;
        Ok(eval.heap().alloc(Zip { place: session.add_zip(zip)? }))
    }

    /// The list of all items' values, in the order in which they were emitted.
    fn collect<'v>(
        this: Value<'v>,
        #[starlark(default = NoneOr::None)] min_success_ratio: NoneOr<UnpackFloat>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        gathered(this, min_success_ratio, eval, Composer::collect)
    }

    /// All items' values by mapping key.
    fn collect_dict<'v>(
        this: Value<'v>,
        #[starlark(default = NoneOr::None)] min_success_ratio: NoneOr<UnpackFloat>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        gathered(this, min_success_ratio, eval, Composer::collect_dict)
    }

    fn alias<'v>(
        #[starlark(this)] this: Value<'v>,
        #[starlark(args)] args: Value<'v>,
    ) -> starlark::Result<Value<'v>> {
        _ = (this, args);
        Err(before_the_call("alias"))
    }

    fn configured<'v>(
        #[starlark(this)] this: Value<'v>,
        #[starlark(args)] args: Value<'v>,
    ) -> starlark::Result<Value<'v>> {
        _ = (this, args);
        Err(before_the_call("configured"))
    }

    fn tagged<'v>(
        #[starlark(this)] this: Value<'v>,
        #[starlark(args)] args: Value<'v>,
    ) -> starlark::Result<Value<'v>> {
        _ = (this, args);
        Err(before_the_call("tagged"))
    }

    fn after<'v>(
        #[starlark(this)] this: Value<'v>,
        #[starlark(args)] args: Value<'v>,
    ) -> starlark::Result<Value<'v>> {
        _ = (this, args);
        Err(before_the_call("after"))
    }

    fn with_retry<'v>(
        #[starlark(this)] this: Value<'v>,
        #[starlark(args)] args: Value<'v>,
        #[starlark(kwargs)] kwargs: Value<'v>,
    ) -> starlark::Result<Value<'v>> {
        _ = (this, args, kwargs);
        Err(before_the_call("with_retry"))
    }

    fn with_timeout<'v>(
        #[starlark(this)] this: Value<'v>,
        #[starlark(args)] args: Value<'v>,
    ) -> starlark::Result<Value<'v>> {
        _ = (this, args);
        Err(before_the_call("with_timeout"))
    }
}
