//! The functions that a pipeline file has besides Starlark's own: `pipeline` and `graph`.

use fanfold_graph::compose::Composer;
use fanfold_graph::name::Identifier;
use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension};
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::none::{NoneOr, NoneType};

use super::argument;
use super::group::Group;
use super::misuse::Misuse;
use super::session::Session;

/// All functions of a pipeline file.
pub(super) fn globals() -> Globals {
    let extensions = [
        LibraryExtension::StructType,
        LibraryExtension::Print,
        LibraryExtension::Map,
        LibraryExtension::Filter,
    ];
    GlobalsBuilder::extended_by(&extensions).with(functions).build()
}

#[starlark_module]
fn functions(builder: &mut GlobalsBuilder) {
    /// Defines a pipeline: the solids that a function calls, and what it returns.
    fn pipeline<'v>(
        #[starlark(require = pos)] function: Value<'v>,
        #[starlark(default = NoneOr::None)] name: NoneOr<&str>,
        #[starlark(default = "")] description: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let session = Session::of(eval);
        let name = match name.into_option() {
            Some(name) => name.to_owned(),
            None => own_name(function)?,
        };
        let name = Identifier::new(&name).map_err(Misuse::from)?;
        session.begin(Composer::new(name, description).allow_unconnected_inputs())?;
        let returned = eval.eval_function(function, &[], &[])?;
        let result = argument::of(returned, session)?;
        if let Some(composer) = session.end() {
            session.add_pipeline(composer.finish(result).map_err(Misuse::from)?)?;
        }
        Ok(NoneType)
    }

    /// A function whose solids are in a group: `name.` stands before their names.
    fn graph<'v>(
        #[starlark(require = pos)] name: &str,
        #[starlark(require = pos)] function: Value<'v>,
    ) -> starlark::Result<Group<'v>> {
        Identifier::new(name).map_err(Misuse::from)?;
        Ok(Group::new(name.to_owned(), function))
    }
}

/// A function's own name.
fn own_name(function: Value<'_>) -> Result<String, Misuse> {
    let unnamed = || {
        Misuse::new("the pipeline needs a name")
            .hint("give it a function with a name, or `pipeline(..., name = \"...\")`")
    };
    if function.get_type() != "function" {
        return Err(Misuse::new(format!(
            "a pipeline is made from a function, not from a {}",
            function.get_type()
        ))
        .hint("give the function itself, without calling it"));
    }
    let shown = function.to_string();
    let name = shown.rsplit('.').next().unwrap_or_default().to_owned();
    Identifier::new(&name).map(|_| name).map_err(|_| unnamed())
}
