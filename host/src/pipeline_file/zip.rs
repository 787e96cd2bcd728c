//! A zip as a Starlark value: dynamic handles side by side, to be mapped.

use allocative::Allocative;
use derive_more::Display;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::eval::Evaluator;
use starlark::values::none::NoneOr;
use starlark::values::starlark_value;
use starlark::values::{NoSerialize, StarlarkPagable, StarlarkValue, Value, ValueLike};
use starlark::{starlark_module, starlark_simple_value};

use super::handle::{map_options, mapped};
use super::misuse::Misuse;
use super::session::Session;

/// Dynamic handles whose items are joined by mapping key.
#[derive(Debug, Display, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
#[display("zip")]
pub(super) struct Zip {
    pub(super) place: u32,
}
starlark_simple_value!(Zip);

#[expect(clippy::elidable_lifetime_names, reason = "the macro needs a name")]
#[starlark_value(type = "zip")]
impl<'v> StarlarkValue<'v> for Zip {
    fn get_methods() -> Option<&'static Methods> {
        starlark::methods_static!(METHODS = zip_methods);
        Some(METHODS.methods())
    }
}

fn map_first(method: &str) -> starlark::Error {
    Misuse::new(format!("a zip has several values for each key, and {method} takes one"))
        .hint("map a function over it first: `a.zip(b).map(lambda x, y: solid(x, y))`")
        .into()
}

#[starlark_module]
fn zip_methods(builder: &mut MethodsBuilder) {
    /// What a solid or function returns for the items of each key, one argument for each side.
    fn map<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] function: Value<'v>,
        #[starlark(require = named, default = "on_emit")] expand: &str,
        #[starlark(require = named, default = NoneOr::None)] max_concurrent: NoneOr<i32>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let session = Session::of(eval);
        let options = map_options(expand, max_concurrent)?;
        let zip = this.downcast_ref::<Zip>().ok_or_else(|| Misuse::new("this is no zip"))?;
        let zip = session.zip(zip.place);
        let items = session.composer()?.enter_zip(&zip, options).map_err(Misuse::from)?;
        mapped(items, function, eval)
    }

    fn collect<'v>(
        #[starlark(this)] this: Value<'v>,
        #[starlark(args)] args: Value<'v>,
    ) -> starlark::Result<Value<'v>> {
        _ = (this, args);
        Err(map_first("collect"))
    }

    fn collect_dict<'v>(
        #[starlark(this)] this: Value<'v>,
        #[starlark(args)] args: Value<'v>,
    ) -> starlark::Result<Value<'v>> {
        _ = (this, args);
        Err(map_first("collect"))
    }
}
