//! Writes the code: the function as it was, and a type of its name that is the solid.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Expr, ItemFn, Lit, LitStr, parse2};

use crate::model::{Input, Output, Parameter, RetryPolicy, Returned, Role, Solid};
use crate::signature;

/// Expands `#[solid(options)] item`. On mistakes the function is kept beside them, so that no others follow.
pub(crate) fn solid(options: TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(function) = parse2::<ItemFn>(item.clone()) else {
        let mistake =
            Error::new_spanned(item, "`#[solid]` goes on a function with a body").to_compile_error();
        return quote!(#mistake #item);
    };
    let mut stripped = function.clone();
    signature::strip(&mut stripped);
    match signature::read(options, function) {
        Ok(solid) => implementation(&solid),
        Err(mistakes) => {
            let mistakes = mistakes.to_compile_error();
            quote!(#mistakes #stripped)
        }
    }
}

fn implementation(solid: &Solid) -> TokenStream {
    let function = &solid.function;
    let (ident, visibility) = (&function.sig.ident, &function.vis);
    let name = match &solid.options.name {
        Some(name) => name.value(),
        None => ident.unraw().to_string(),
    };
    let definition = definition(solid);
    let run = run(solid);
    let about = format!("The solid made of the function [`{ident}`]({ident}()).");
    quote! {
        #[allow(clippy::needless_pass_by_value, reason = "a solid owns what it is given")]
        #function

        #[doc = #about]
        #[allow(non_camel_case_types, reason = "it is named like the function")]
        #visibility struct #ident {}

        #[automatically_derived]
        impl ::fanfold_sdk::runtime::Solid for #ident {
            const NAME: &'static str = #name;
            fn definition() -> ::fanfold_sdk::definition::SolidDefinition { #definition }
            fn run(call: &mut ::fanfold_sdk::runtime::Call) -> ::fanfold_sdk::Result { #run }
        }
    }
}

fn definition(solid: &Solid) -> TokenStream {
    let description = &solid.description;
    let (mut config, mut inputs, mut outputs) =
        (quote!(::core::option::Option::None), Vec::new(), Vec::new());
    for Parameter { ty, role, .. } in &solid.parameters {
        match role {
            Role::Config => {
                config =
                    option(Some(quote_spanned!(ty.span()=> ::fanfold_sdk::runtime::config_schema::<#ty>())));
            }
            Role::Context => {}
            Role::Input(input) => inputs.push(input_definition(ty, input)),
            Role::Output(output) => outputs.push(output_definition(output)),
        }
    }
    outputs.extend(solid.returned.output.as_ref().map(output_definition));
    let tags = solid.options.tags.iter().map(|(key, value)| quote!((#key, #value)));
    let retry_policy = option(solid.options.retry_policy.as_ref().map(retry_policy));
    quote! {
        ::fanfold_sdk::definition::SolidDefinition {
            name: <Self as ::fanfold_sdk::runtime::Solid>::NAME,
            description: #description,
            config_schema: #config,
            inputs: ::std::vec![#(#inputs),*],
            outputs: ::std::vec![#(#outputs),*],
            tags: &[#(#tags),*],
            retry_policy: #retry_policy,
        }
    }
}

fn retry_policy(policy: &RetryPolicy) -> TokenStream {
    let max_retries = &policy.max_retries;
    let delay_ms = policy.delay_ms.as_ref().map_or_else(|| quote!(0), |delay| quote!(#delay));
    let backoff = policy.backoff.clone().unwrap_or_else(|| quote!(1.0));
    let jitter = policy.jitter.clone().unwrap_or_else(|| quote!(0.0));
    quote! {
        ::fanfold_sdk::definition::RetryPolicy {
            max_retries: #max_retries,
            delay_ms: #delay_ms,
            backoff: #backoff,
            jitter: #jitter,
        }
    }
}

fn input_definition(ty: &syn::Type, input: &Input) -> TokenStream {
    let Input { name, description, default, nullable, collected } = input;
    let schema = if let Some(item) = collected {
        quote_spanned!(item.span()=> <#item as ::fanfold_sdk::FromValue>::collection_schema())
    } else {
        quote_spanned!(ty.span()=> <#ty as ::fanfold_sdk::FromValue>::schema())
    };
    let default = match default {
        Some(default) => Some(default_value(ty, input, default)),
        None => nullable.then(|| quote!(::std::string::String::from("null"))),
    };
    let default = option(default);
    quote! {
        ::fanfold_sdk::definition::InputDefinition {
            name: #name,
            description: #description,
            schema: #schema,
            default_value: #default,
        }
    }
}

/// The default as JSON, checked by the compiler to be of the input's type.
fn default_value(ty: &syn::Type, input: &Input, default: &Expr) -> TokenStream {
    let (name, span) = (&input.name, default.span());
    let is_text = matches!(default, Expr::Lit(literal) if matches!(literal.lit, Lit::Str(_)));
    let typed = match &input.collected {
        // A collection is not built before the step runs; a list of its items stands for it.
        Some(item) => {
            quote_spanned!(span=> let value: ::std::vec::Vec<#item> = ::std::vec::Vec::from(#default);)
        }
        None if is_text => {
            quote_spanned!(span=> let value: #ty = <#ty as ::core::convert::From<&str>>::from(#default);)
        }
        None => quote_spanned!(span=> let value: #ty = #default;),
    };
    quote!({ #typed ::fanfold_sdk::runtime::default_value(#name, &value) })
}

fn output_definition(output: &Output) -> TokenStream {
    let Output { name, description, value, is_dynamic, is_required, options } = output;
    let schema = quote_spanned!(value.span()=> <#value as ::fanfold_sdk::IntoValue>::schema());
    let io_manager_key = option(options.io_manager_key.as_ref().map(|key| quote!(#key)));
    let metadata = options.metadata.iter().map(|(label, literal)| fact(label, literal));
    let (asset_key, asset_partitions) = (&options.asset_key, &options.asset_partitions);
    quote! {
        ::fanfold_sdk::definition::OutputDefinition {
            name: #name,
            description: #description,
            schema: #schema,
            is_required: #is_required,
            is_dynamic: #is_dynamic,
            io_manager_key: #io_manager_key,
            metadata: ::fanfold_sdk::Metadata::new() #(#metadata)*,
            asset_key: &[#(#asset_key),*],
            asset_partitions: &[#(#asset_partitions),*],
        }
    }
}

/// One metadata entry, of the type that the literal has.
fn fact(label: &str, literal: &Lit) -> TokenStream {
    let label = LitStr::new(label, literal.span());
    match literal {
        Lit::Int(_) => quote!(.integer(#label, #literal)),
        Lit::Float(_) => quote!(.number(#label, #literal)),
        Lit::Bool(_) => quote!(.boolean(#label, #literal)),
        _ => quote!(.text(#label, #literal)),
    }
}

/// Reads the arguments, calls the function, and emits what it returns.
fn run(solid: &Solid) -> TokenStream {
    let function = &solid.function.sig.ident;
    let mut reads = Vec::new();
    let mut arguments = Vec::new();
    for (index, parameter) in solid.parameters.iter().enumerate() {
        let argument = quote::format_ident!("argument_{index}");
        let read = read(parameter);
        reads.push(quote!(let #argument = #read;));
        arguments.push(argument);
    }
    let finish = finish(&solid.returned);
    quote! {
        #(#reads)*
        let returned = #function(#(#arguments),*);
        #finish
    }
}

fn read(Parameter { ty, role, .. }: &Parameter) -> TokenStream {
    match role {
        Role::Config => quote_spanned!(ty.span()=> call.config::<#ty>()?),
        Role::Context => quote!(call.context()),
        Role::Input(Input { name, collected: Some(item), .. }) => {
            quote_spanned!(item.span()=> call.collected::<#item>(#name)?)
        }
        Role::Input(Input { name, .. }) => quote_spanned!(ty.span()=> call.input::<#ty>(#name)?),
        Role::Output(Output { name, value, is_dynamic: true, .. }) => {
            quote_spanned!(value.span()=> call.dynamic_output::<#value>(#name))
        }
        Role::Output(Output { name, value, .. }) => {
            quote_spanned!(value.span()=> call.output::<#value>(#name))
        }
    }
}

fn finish(returned: &Returned) -> TokenStream {
    let fallible = returned.is_result.then(|| quote!(let returned = returned?;));
    let Some(Output { name, value, .. }) = &returned.output else {
        return quote!(#fallible let () = returned; ::core::result::Result::Ok(()));
    };
    let optional = returned.is_option.then(|| {
        quote! {
            let ::core::option::Option::Some(returned) = returned else {
                return ::core::result::Result::Ok(());
            };
        }
    });
    let (value_of, metadata) = if returned.is_annotated {
        (quote!(&returned.value), quote!(returned.metadata))
    } else {
        (quote!(&returned), quote!(::fanfold_sdk::Metadata::new()))
    };
    let emit = quote_spanned!(value.span()=> call.emit::<#value>(#name, #value_of, #metadata));
    quote!(#fallible #optional #emit)
}

fn option(tokens: Option<TokenStream>) -> TokenStream {
    tokens.map_or_else(
        || quote!(::core::option::Option::None),
        |tokens| quote!(::core::option::Option::Some(#tokens)),
    )
}
