//! `graph("name", function)`: a function whose solids are in a group.

use std::fmt;

use allocative::Allocative;
use fanfold_graph::name::Identifier;
use starlark::any::ProvidesStaticType;
use starlark::coerce::Coerce;
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_complex_value;
use starlark::values::starlark_value;
use starlark::values::{Freeze, NoSerialize, StarlarkPagable, StarlarkValue, Trace, Value, ValueLike};

use super::misuse::Misuse;
use super::session::Session;

/// A function whose solids are in a group.
#[derive(
    Debug, Clone, Trace, Freeze, Coerce, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative,
)]
#[repr(C)]
pub(super) struct GroupGen<V> {
    name: String,
    function: V,
}
starlark_complex_value!(pub(super) Group);

impl<'v> Group<'v> {
    pub(super) fn new(name: String, function: Value<'v>) -> Self {
        Self { name, function }
    }
}

impl<V> fmt::Display for GroupGen<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "graph `{}`", self.name)
    }
}

#[starlark_value(type = "group")]
impl<'v, V: ValueLike<'v>> StarlarkValue<'v> for GroupGen<V>
where
    Self: ProvidesStaticType<'v>,
{
    fn invoke(
        &self,
        _me: Value<'v>,
        args: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let session = Session::of(eval);
        session.composer()?.enter_group(self.numbered(session)?);
        let returned = self.function.invoke(args, eval)?;
        session.entered_groups.borrow_mut().pop();
        session.composer()?.leave_group().map_err(Misuse::from)?;
        Ok(returned)
    }
}

impl<V> GroupGen<V> {
    /// The group's name, numbered where it was called before in the same place: `sub`, `sub_2`.
    fn numbered(&self, session: &Session) -> Result<Identifier, Misuse> {
        let mut entered = session.entered_groups.borrow_mut();
        let mut path = entered.clone();
        path.push(Identifier::new(&self.name)?);
        let mut groups = session.groups.borrow_mut();
        let calls = groups.entry(path).or_insert(0);
        *calls += 1;
        let name = if *calls == 1 { self.name.clone() } else { format!("{}_{calls}", self.name) };
        let name = Identifier::new(&name)?;
        entered.push(name.clone());
        Ok(name)
    }
}
