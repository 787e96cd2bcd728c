//! Reads one parameter: its role is told from its name, its type as written, and its attributes.

use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, GenericArgument, Ident, Meta, Pat, PathArguments, Result, Type};

use crate::model::{Input, InputOptions, Output, OutputOptions, Parameter, Role};
use crate::signature::{Mistakes, check_name, doc};

/// Whether an attribute of a parameter is for the macro alone.
pub(crate) fn is_own(attribute: &Attribute) -> bool {
    ["config", "default", "input", "output", "doc"].iter().any(|own| attribute.path().is_ident(own))
}

/// Reads the parameter and takes the macro's attributes off it.
pub(crate) fn read(argument: &mut FnArg) -> Result<Parameter> {
    let argument = match argument {
        FnArg::Typed(argument) => argument,
        FnArg::Receiver(receiver) => {
            let message =
                "a solid is a free function, so it has no `self`; take what it needs as inputs or `config`";
            return Err(Error::new(receiver.span(), message));
        }
    };
    let (own, others): (Vec<_>, Vec<_>) = argument.attrs.drain(..).partition(is_own);
    argument.attrs = others;
    let ident = name(&argument.pat)?;
    check_type(&argument.ty)?;
    let attributes = Attributes::read(&own)?;
    let ty = (*argument.ty).clone();
    let role = role(&ident, &ty, attributes)?;
    Ok(Parameter { ident, ty, role })
}

/// The parameter's name, which names the input or output.
fn name(pattern: &Pat) -> Result<Ident> {
    match pattern {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            Ok(pattern.ident.clone())
        }
        _ => Err(Error::new(
            pattern.span(),
            "a parameter of a solid is a plain name, since it names the input or output; take it apart in the body",
        )),
    }
}

fn check_type(ty: &Type) -> Result<()> {
    let message = match ty {
        Type::Reference(_) => {
            "a solid owns what it is given; take the value itself, such as `String` for `&str`"
        }
        Type::ImplTrait(_) => "a solid's schemas need types that are known; name the type in place of `impl`",
        _ => return Ok(()),
    };
    Err(Error::new(ty.span(), message))
}

/// What the attributes of a parameter say.
#[derive(Default)]
struct Attributes<'a> {
    config: Option<&'a Attribute>,
    input: Option<(&'a Attribute, InputOptions)>,
    output: Option<(&'a Attribute, OutputOptions)>,
    doc: String,
}

impl<'a> Attributes<'a> {
    fn read(attributes: &'a [Attribute]) -> Result<Self> {
        let mut read = Self { doc: doc(attributes), ..Self::default() };
        for attribute in attributes {
            let path = attribute.path();
            if path.is_ident("config") {
                attribute.meta.require_path_only()?;
                read.config = Some(attribute);
            } else if path.is_ident("output") {
                read.output = Some((attribute, attribute.parse_args()?));
            } else if path.is_ident("input") {
                read.input(attribute, attribute.parse_args()?)?;
            } else if path.is_ident("default") {
                let Meta::NameValue(meta) = &attribute.meta else {
                    return Err(Error::new(attribute.span(), "write the default as `#[default = value]`"));
                };
                let default = Some(meta.value.clone());
                read.input(attribute, InputOptions { default, ..InputOptions::default() })?;
            }
        }
        Ok(read)
    }

    /// Joins `#[default = ...]` and `#[input(...)]`.
    fn input(&mut self, attribute: &'a Attribute, options: InputOptions) -> Result<()> {
        let (_, joined) = self.input.get_or_insert_with(|| (attribute, InputOptions::default()));
        if joined.default.is_some() && options.default.is_some() {
            return Err(Error::new(attribute.span(), "the default is given twice"));
        }
        joined.default = joined.default.take().or(options.default);
        joined.name = joined.name.take().or(options.name);
        joined.description = joined.description.take().or(options.description);
        Ok(())
    }

    /// Fails if there is an attribute that does not belong on such a parameter.
    fn allow(&self, what: &str, input: bool, output: bool) -> Result<()> {
        let mut mistakes = Mistakes::default();
        let mut refuse = |attribute: &Attribute, message| mistakes.add(Error::new(attribute.span(), message));
        if let (Some((attribute, _)), false) = (&self.input, input) {
            refuse(attribute, format!("{what} takes no `#[default]` or `#[input]`"));
        }
        if let (Some((attribute, _)), false) = (&self.output, output) {
            refuse(attribute, format!("{what} takes no `#[output]`"));
        }
        if let (Some(attribute), true) = (self.config, input || output || what == "the context") {
            refuse(attribute, format!("{what} cannot be the configuration"));
        }
        mistakes.end()
    }
}

fn role(ident: &Ident, ty: &Type, attributes: Attributes<'_>) -> Result<Role> {
    match last_segment(ty).as_deref() {
        Some("Context") => attributes.allow("the context", false, false).map(|()| Role::Context),
        Some(kind @ ("Output" | "OptionalOutput" | "DynamicOutput")) => {
            attributes.allow("an output", false, true)?;
            let Some(value) = type_argument(ty) else {
                return Err(Error::new(ty.span(), format!("say what the output holds: `{kind}<T>`")));
            };
            let options = attributes.output.map(|(_, options)| options).unwrap_or_default();
            output(ident, kind, value, attributes.doc, options).map(Role::Output)
        }
        Some("Collected") => {
            attributes.allow("a collected input", true, false)?;
            let Some(item) = type_argument(ty) else {
                return Err(Error::new(ty.span(), "say what is collected: `Collected<T>`"));
            };
            input(ident, attributes, Some(item), false).map(Role::Input)
        }
        _ if attributes.config.is_some() || ident == "config" => {
            attributes.allow("the configuration", false, false).map(|()| Role::Config)
        }
        segment => {
            attributes.allow("an input", true, false)?;
            input(ident, attributes, None, segment == Some("Option")).map(Role::Input)
        }
    }
}

fn input(
    ident: &Ident,
    attributes: Attributes<'_>,
    collected: Option<Type>,
    nullable: bool,
) -> Result<Input> {
    let options = attributes.input.map(|(_, options)| options).unwrap_or_default();
    let name = named(ident, options.name.as_ref())?;
    let description = options.description.map_or(attributes.doc, |text| text.value());
    Ok(Input { name, description, default: options.default, nullable, collected })
}

fn output(ident: &Ident, kind: &str, value: Type, doc: String, options: OutputOptions) -> Result<Output> {
    let name = named(ident, options.name.as_ref())?;
    let description = options.description.as_ref().map_or(doc, syn::LitStr::value);
    let optional = kind == "OptionalOutput";
    let is_required = match &options.is_required {
        Some(required) if optional && required.value => {
            return Err(Error::new(
                required.span(),
                "an `OptionalOutput` is never required; take an `Output`",
            ));
        }
        Some(required) => required.value,
        None => !optional,
    };
    Ok(Output { name, description, value, is_dynamic: kind == "DynamicOutput", is_required, options })
}

fn named(ident: &Ident, name: Option<&syn::LitStr>) -> Result<String> {
    use syn::ext::IdentExt;
    let name = name.cloned().unwrap_or_else(|| syn::LitStr::new(&ident.unraw().to_string(), ident.span()));
    check_name(&name).map(|()| name.value())
}

/// The last part of a type's path: `Output` of `fanfold_sdk::Output<T>`.
pub(crate) fn last_segment(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// The first type argument: `T` of `Output<T>`.
pub(crate) fn type_argument(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    })
}
