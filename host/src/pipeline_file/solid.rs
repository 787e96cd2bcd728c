//! A solid as a Starlark value: called, it joins the pipeline.

use std::collections::BTreeMap;

use allocative::Allocative;
use derive_more::Display;
use fanfold_graph::compose::{Argument, Call};
use fanfold_graph::definition::RetryPolicy;
use fanfold_graph::name::{Identifier, MappingKey};
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::eval::{Arguments, Evaluator};
use starlark::values::dict::DictRef;
use starlark::values::float::UnpackFloat;
use starlark::values::starlark_value;
use starlark::values::tuple::UnpackTuple;
use starlark::values::{NoSerialize, StarlarkPagable, StarlarkValue, Value, ValueLike};
use starlark::{starlark_module, starlark_simple_value};

use super::argument;
use super::handle::composed;
use super::misuse::Misuse;
use super::outputs;
use super::session::{Session, SolidUse};

/// A solid of a plugin, perhaps under another name and with configuration.
#[derive(Debug, Display, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
#[display("solid `{name}`")]
pub(super) struct Solid {
    pub(super) place: u32,
    pub(super) name: String,
}
starlark_simple_value!(Solid);

#[starlark_value(type = "solid")]
impl<'v> StarlarkValue<'v> for Solid {
    fn get_methods() -> Option<&'static Methods> {
        starlark::methods_static!(METHODS = solid_methods);
        Some(METHODS.methods())
    }

    fn invoke(
        &self,
        _me: Value<'v>,
        args: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let session = Session::of(eval);
        let solid = session.solid(self.place);
        let mut call = Call::new(solid.plugin.clone(), &solid.definition);
        call.alias.clone_from(&solid.alias);
        call.config.clone_from(&solid.config);
        call.tags = solid.tags.clone();
        call.retry_policy.clone_from(&solid.retry_policy);
        call.timeout_ms = solid.timeout_ms;
        call.after.clone_from(&solid.after);
        for value in args.positions(eval.heap())? {
            call.positional.push(input(value, session)?);
        }
        for (name, value) in args.names_map()? {
            let name = Identifier::new(&name).map_err(Misuse::from)?;
            call.named.insert(name, input(value, session)?);
        }
        let called = session.composer()?.call(call).map_err(Misuse::from)?;
        Ok(outputs::returned(called, session, eval.heap())?)
    }
}

/// What an input receives. A dict of handles arrives as a collection, whose names are mapping keys.
fn input(value: Value<'_>, session: &Session) -> Result<Argument, Misuse> {
    let argument = argument::of(value, session)?;
    if let Argument::Dict(members) = &argument
        && let Some(error) = members.keys().find_map(|name| MappingKey::new(name).err())
    {
        return Err(Misuse::from(error).hint("the names in a dict of handles are mapping keys"));
    }
    Ok(argument)
}

/// A copy of a solid with something changed.
fn changed<'v>(
    this: Value<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
    change: impl FnOnce(&mut SolidUse) -> Result<(), Misuse>,
) -> starlark::Result<Solid> {
    let this = this.downcast_ref::<Solid>().ok_or_else(|| Misuse::new("this is no solid"))?;
    let session = Session::of(eval);
    let mut solid = (*session.solid(this.place)).clone();
    change(&mut solid)?;
    let name = solid.alias.as_ref().map_or_else(|| this.name.clone(), ToString::to_string);
    Ok(Solid { place: session.add_solid(solid)?, name })
}

#[starlark_module]
fn solid_methods(builder: &mut MethodsBuilder) {
    /// The solid under another name in the pipeline.
    fn alias<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] name: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Solid> {
        changed(this, eval, |solid| {
            solid.alias = Some(Identifier::new(name)?);
            Ok(())
        })
    }

    /// The solid with configuration, a dict or a struct.
    fn configured<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] config: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Solid> {
        changed(this, eval, |solid| {
            if solid.definition.config_schema.is_none() {
                return Err(Misuse::new(format!("solid `{}` takes no configuration", solid.definition.name)));
            }
            solid.config = Some(argument::json(config, "a configuration")?);
            Ok(())
        })
    }

    /// The solid with more tags, a dict of strings.
    fn tagged<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] tags: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Solid> {
        changed(this, eval, |solid| {
            solid.tags.extend(tags_of(tags)?);
            Ok(())
        })
    }

    /// The solid with a retry policy; `delay` is in seconds.
    fn with_retry<'v>(
        this: Value<'v>,
        max_retries: i32,
        #[starlark(default = UnpackFloat(0.0))] delay: UnpackFloat,
        #[starlark(default = UnpackFloat(1.0))] backoff: UnpackFloat,
        #[starlark(default = UnpackFloat(0.0))] jitter: UnpackFloat,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Solid> {
        let policy = retry_policy(max_retries, delay.0, backoff.0, jitter.0)?;
        changed(this, eval, |solid| {
            solid.retry_policy = Some(policy);
            Ok(())
        })
    }

    /// The solid waiting for what it does not read.
    fn after<'v>(
        this: Value<'v>,
        #[starlark(args)] handles: UnpackTuple<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Solid> {
        let session = Session::of(eval);
        let handles = handles.into_iter().map(|it| composed(it, session)).collect::<Result<Vec<_>, _>>()?;
        changed(this, eval, |solid| {
            solid.after.extend(handles);
            Ok(())
        })
    }

    /// The solid with a bound on the time that each execution may take, in seconds.
    fn with_timeout<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] seconds: UnpackFloat,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Solid> {
        let timeout_ms = milliseconds(seconds.0).filter(|ms| *ms > 0).ok_or_else(|| {
            Misuse::new(format!("a timeout is a number of seconds from 0.001 to 49 days, not {}", seconds.0))
        })?;
        changed(this, eval, |solid| {
            solid.timeout_ms = Some(timeout_ms);
            Ok(())
        })
    }
}

fn tags_of(tags: Value<'_>) -> Result<BTreeMap<String, String>, Misuse> {
    let wrong =
        || Misuse::new("tags are a dict of strings").hint("for example `.tagged({\"priority\": \"1\"})`");
    let tags = DictRef::from_value(tags).ok_or_else(wrong)?;
    let text = |value: Value<'_>| value.unpack_str().map(str::to_owned).ok_or_else(wrong);
    tags.iter().map(|(name, value)| Ok((text(name)?, text(value)?))).collect()
}

/// Milliseconds in so many seconds; none where that is no pause.
#[expect(clippy::cast_sign_loss, reason = "it is checked to be in the range")]
fn milliseconds(seconds: f64) -> Option<u32> {
    let ms = (seconds * 1000.0).round();
    (0.0..=f64::from(u32::MAX)).contains(&ms).then_some(ms as u32)
}

fn retry_policy(max_retries: i32, delay: f64, backoff: f64, jitter: f64) -> Result<RetryPolicy, Misuse> {
    let max_retries = u32::try_from(max_retries)
        .map_err(|_| Misuse::new(format!("`max_retries` is at least 0, not {max_retries}")))?;
    let delay_ms = milliseconds(delay).ok_or_else(|| {
        Misuse::new(format!("`delay` is a number of seconds from 0 to 49 days, not {delay}"))
    })?;
    if !(backoff.is_finite() && backoff >= 0.0) {
        return Err(Misuse::new(format!("`backoff` is a factor of at least 0, not {backoff}")));
    }
    if !(0.0..=1.0).contains(&jitter) {
        return Err(Misuse::new(format!("`jitter` is a share from 0 to 1, not {jitter}")));
    }
    Ok(RetryPolicy { max_retries, delay_ms, backoff, jitter })
}
