//! Reads an annotated function into the model, and reports everything in it that a solid cannot have.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, FnArg, ItemFn, Lit, LitStr, Meta, Result, parse2};

use crate::model::{Parameter, Role, Solid, SolidOptions};
use crate::{parameter, returned};

/// Reads the function; the error holds every mistake, not only the first.
pub(crate) fn read(options: TokenStream, mut function: ItemFn) -> Result<Solid> {
    let mut mistakes = Mistakes::default();
    let mut options = mistakes.note(parse2::<SolidOptions>(options)).unwrap_or_default();
    if let Some(name) = &options.name {
        mistakes.note(check_name(name));
    }
    mistakes.note(check_qualifiers(&function));
    let mut parameters = Vec::new();
    for argument in &mut function.sig.inputs {
        parameters.extend(mistakes.note(parameter::read(argument)));
    }
    let returned = mistakes.note(returned::read(&function.sig.output, options.result.take()));
    let outputs = returned.iter().filter_map(|returned| returned.output.as_ref());
    mistakes.note(check_roles(&parameters, outputs.map(|output| output.name.as_str()).collect()));
    mistakes.end()?;
    let Some(returned) = returned else { return Err(Error::new(function.span(), "no return type")) };
    let description = doc(&function.attrs);
    Ok(Solid { function, options, description, parameters, returned })
}

/// Takes off what the compiler would not understand, so that the function stands even if the solid does not.
pub(crate) fn strip(function: &mut ItemFn) {
    for argument in &mut function.sig.inputs {
        if let FnArg::Typed(argument) = argument {
            argument.attrs.retain(|attribute| !parameter::is_own(attribute));
        }
    }
}

/// The text of doc comments.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

/// Names of the contract are `[A-Za-z_][A-Za-z0-9_]*`.
pub(crate) fn check_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts_well && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    Err(Error::new(name.span(), "a name is a letter or `_`, then letters, digits and `_`"))
}

fn check_qualifiers(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let mut mistakes = Mistakes::default();
    let mut refuse = |span, message| mistakes.add(Error::new(span, message));
    if let Some(token) = &signature.asyncness {
        refuse(token.span(), "a solid is not async: the host runs many at once by itself; remove `async`");
    }
    if !signature.generics.params.is_empty() {
        refuse(
            signature.generics.span(),
            "a solid has no generic parameters: its schemas need types that are known; name them",
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
        refuse(clause.span(), "a solid has no `where` clause: all its types are known");
    }
    if let Some(variadic) = &signature.variadic {
        refuse(variadic.span(), "a solid has a fixed list of parameters");
    }
    if let Some(abi) = &signature.abi {
        refuse(abi.span(), "a solid is an ordinary Rust function; remove the ABI");
    }
    if !signature.ident.to_string().is_ascii() {
        refuse(signature.ident.span(), "a solid's name has ASCII letters, digits and `_` only");
    }
    mistakes.end()
}

/// At most one configuration and one context; every output's name once, every input's name once.
fn check_roles<'a>(parameters: &'a [Parameter], mut outputs: Vec<&'a str>) -> Result<()> {
    let mut mistakes = Mistakes::default();
    let (mut config, mut inputs) = (None, Vec::new());
    for Parameter { ident, role, .. } in parameters {
        let mistake = match role {
            Role::Config => config
                .replace(ident)
                .map(|first| format!("a solid has one configuration, and `{first}` is it already")),
            Role::Context => None,
            Role::Input(input) => repeated(&mut inputs, &input.name).then(|| {
                format!("the input `{}` is there already; give one of them another `name`", input.name)
            }),
            Role::Output(output) => repeated(&mut outputs, &output.name).then(|| {
                let name = &output.name;
                let returned = if name == "result" { " (what a solid returns is `result`)" } else { "" };
                format!("the output `{name}` is there already{returned}; give one of them another name")
            }),
        };
        if let Some(message) = mistake {
            mistakes.add(Error::new(ident.span(), message));
        }
    }
    mistakes.end()
}

fn repeated<'a>(names: &mut Vec<&'a str>, name: &'a str) -> bool {
    let repeated = names.contains(&name);
    names.push(name);
    repeated
}

/// Gathers mistakes, so that an author sees all of them at once.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    pub(crate) fn end(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
