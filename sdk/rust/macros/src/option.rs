//! The options in the parentheses of `#[solid]`, `#[input]` and `#[output]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Lit, LitStr, Result, Token, bracketed, parenthesized};

use crate::model::{InputOptions, Number, OutputOptions, RetryPolicy, SolidOptions};

impl Parse for SolidOptions {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut options = Self::default();
        each(input, &["name", "tags", "retry_policy", "result"], |key, input| {
            match key {
                "name" => options.name = Some(value(input)?),
                "tags" => options.tags = labelled(input)?,
                "retry_policy" => options.retry_policy = Some(group(input)?),
                _ => options.result = Some(group(input)?),
            }
            Ok(())
        })?;
        Ok(options)
    }
}

impl Parse for RetryPolicy {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut policy = Self::default();
        let span = input.span();
        each(input, &["max_retries", "delay_ms", "backoff", "jitter"], |key, input| {
            match key {
                "max_retries" => policy.max_retries = Some(value(input)?),
                "delay_ms" => policy.delay_ms = Some(value(input)?),
                "backoff" => policy.backoff = Some(value::<Number>(input)?.tokens()),
                _ => policy.jitter = Some(value::<Number>(input)?.tokens()),
            }
            Ok(())
        })?;
        if policy.max_retries.is_none() {
            return Err(Error::new(span, "a retry policy needs `max_retries = ...`"));
        }
        Ok(policy)
    }
}

impl Parse for InputOptions {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut options = Self::default();
        each(input, &["default", "name", "description"], |key, input| {
            match key {
                "default" => options.default = Some(value(input)?),
                "name" => options.name = Some(value(input)?),
                _ => options.description = Some(value(input)?),
            }
            Ok(())
        })?;
        Ok(options)
    }
}

impl Parse for OutputOptions {
    fn parse(input: ParseStream) -> Result<Self> {
        const KNOWN: &[&str] = &[
            "is_required",
            "io_manager_key",
            "metadata",
            "asset_key",
            "asset_partitions",
            "name",
            "description",
        ];
        let mut options = Self::default();
        let mut partitions_at = None;
        each(input, KNOWN, |key, input| {
            match key {
                "is_required" => options.is_required = Some(value(input)?),
                "io_manager_key" => options.io_manager_key = Some(value(input)?),
                "metadata" => options.metadata = labelled(input)?,
                "asset_key" => options.asset_key = texts(input)?,
                "asset_partitions" => {
                    partitions_at = Some(input.span());
                    options.asset_partitions = texts(input)?;
                }
                "name" => options.name = Some(value(input)?),
                _ => options.description = Some(value(input)?),
            }
            Ok(())
        })?;
        match partitions_at {
            Some(span) if options.asset_key.is_empty() => {
                Err(Error::new(span, "`asset_partitions` needs the `asset_key` that they are partitions of"))
            }
            _ => Ok(options),
        }
    }
}

impl Parse for Number {
    fn parse(input: ParseStream) -> Result<Self> {
        match input.parse()? {
            Lit::Int(integer) => Ok(Self::Integer(integer)),
            Lit::Float(float) => Ok(Self::Float(float)),
            other => Err(Error::new(other.span(), "expected a number")),
        }
    }
}

impl Number {
    fn tokens(&self) -> TokenStream {
        match self {
            Self::Float(float) => quote!(#float),
            Self::Integer(integer) => quote!((#integer as f64)),
        }
    }
}

/// Reads options separated by commas; `take` gets each known one once, at what follows its name.
fn each(
    input: ParseStream,
    known: &[&str],
    mut take: impl FnMut(&str, ParseStream) -> Result<()>,
) -> Result<()> {
    let mut seen: Vec<String> = Vec::new();
    while !input.is_empty() {
        let ident = input.call(Ident::parse_any).map_err(|error| expected_one_of(error.span(), known))?;
        let key = ident.to_string();
        if !known.contains(&key.as_str()) {
            let message = format!("unknown option `{key}`; the options here are {}", listed(known));
            return Err(Error::new(ident.span(), message));
        }
        if seen.contains(&key) {
            return Err(Error::new(ident.span(), format!("the option `{key}` is given twice")));
        }
        take(&key, input)?;
        seen.push(key);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

fn expected_one_of(span: Span, known: &[&str]) -> Error {
    Error::new(span, format!("expected an option; the options here are {}", listed(known)))
}

fn listed(known: &[&str]) -> String {
    known.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", ")
}

/// `= value`.
fn value<T: Parse>(input: ParseStream) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `( ... )`.
fn group<T: Parse>(input: ParseStream) -> Result<T> {
    let inside;
    parenthesized!(inside in input);
    inside.parse()
}

/// `( label = literal, "another label" = literal )`.
fn labelled<T: Parse>(input: ParseStream) -> Result<Vec<(String, T)>> {
    let inside;
    parenthesized!(inside in input);
    let mut entries: Vec<(String, T)> = Vec::new();
    while !inside.is_empty() {
        let span = inside.span();
        let label = if inside.peek(LitStr) {
            inside.parse::<LitStr>()?.value()
        } else {
            inside.call(Ident::parse_any)?.to_string()
        };
        if entries.iter().any(|(other, _)| *other == label) {
            return Err(Error::new(span, format!("`{label}` is given twice")));
        }
        entries.push((label, value(&inside)?));
        if !inside.is_empty() {
            inside.parse::<Token![,]>()?;
        }
    }
    Ok(entries)
}

/// `= "text"` or `= ["text", "text"]`.
fn texts(input: ParseStream) -> Result<Vec<LitStr>> {
    input.parse::<Token![=]>()?;
    if input.peek(LitStr) {
        return Ok(vec![input.parse()?]);
    }
    let inside;
    bracketed!(inside in input);
    Ok(Punctuated::<LitStr, Token![,]>::parse_terminated(&inside)?.into_iter().collect())
}
