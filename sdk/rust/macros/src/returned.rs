//! Reads the return type: `Result`, `Option` and `Annotated` around the value of the output `result`.

use syn::spanned::Spanned;
use syn::{Error, Result, ReturnType, Type};

use crate::model::{Output, OutputOptions, Returned};
use crate::parameter::{last_segment, type_argument};
use crate::signature::check_name;

/// Reads what the function returns; `options` are those of `#[solid(result(...))]`.
pub(crate) fn read(returned: &ReturnType, options: Option<OutputOptions>) -> Result<Returned> {
    let mut value = match returned {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some((**ty).clone()),
    };
    let is_result = unwrap(&mut value, "Result");
    let is_option = unwrap(&mut value, "Option");
    let is_annotated = unwrap(&mut value, "Annotated");
    let value = value.filter(|ty| !matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty()));
    let output = match value {
        Some(Type::Reference(reference)) => {
            return Err(Error::new(reference.span(), "a solid returns a value of its own, not a reference"));
        }
        Some(Type::ImplTrait(ty)) => {
            return Err(Error::new(ty.span(), "a solid's schemas need types that are known; name the type"));
        }
        Some(value) => Some(output(value, is_option, options.unwrap_or_default())?),
        None if options.is_some() => {
            return Err(Error::new(
                returned.span(),
                "`result(...)` describes a returned value, and there is none",
            ));
        }
        None => None,
    };
    Ok(Returned { is_result, is_option: is_option && output.is_some(), is_annotated, output })
}

fn output(value: Type, is_option: bool, options: OutputOptions) -> Result<Output> {
    if let Some(name) = &options.name {
        check_name(name)?;
    }
    let name = options.name.as_ref().map_or_else(|| "result".to_owned(), syn::LitStr::value);
    let description = options.description.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let is_required = match &options.is_required {
        Some(required) if required.value == is_option => {
            let message = "a returned `Option<T>` makes an optional output, and anything else a required one";
            return Err(Error::new(required.span(), message));
        }
        _ => !is_option,
    };
    Ok(Output { name, description, value, is_dynamic: false, is_required, options })
}

/// Replaces `Wrapper<T>` by `T`; `Result` alone stands for `Result<()>`.
fn unwrap(value: &mut Option<Type>, wrapper: &str) -> bool {
    let found = value.as_ref().is_some_and(|ty| last_segment(ty).as_deref() == Some(wrapper));
    if found {
        *value = value.as_ref().and_then(type_argument);
    }
    found
}
