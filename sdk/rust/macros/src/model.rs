//! An annotated function, understood.

use proc_macro2::TokenStream;
use syn::{Expr, Ident, ItemFn, Lit, LitBool, LitFloat, LitInt, LitStr, Type};

/// A solid to generate.
pub(crate) struct Solid {
    /// The function without the attributes that only the macro understands.
    pub function: ItemFn,
    pub options: SolidOptions,
    pub description: String,
    pub parameters: Vec<Parameter>,
    pub returned: Returned,
}

/// What `#[solid(...)]` says.
#[derive(Default)]
pub(crate) struct SolidOptions {
    pub name: Option<LitStr>,
    pub tags: Vec<(String, LitStr)>,
    pub retry_policy: Option<RetryPolicy>,
    pub result: Option<OutputOptions>,
}

/// What `retry_policy(...)` says.
#[derive(Default)]
pub(crate) struct RetryPolicy {
    pub max_retries: Option<LitInt>,
    pub delay_ms: Option<LitInt>,
    pub backoff: Option<TokenStream>,
    pub jitter: Option<TokenStream>,
}

/// One parameter of the function.
pub(crate) struct Parameter {
    pub ident: Ident,
    pub ty: Type,
    pub role: Role,
}

/// What a parameter stands for.
pub(crate) enum Role {
    Config,
    Context,
    Input(Input),
    Output(Output),
}

/// A named input.
pub(crate) struct Input {
    pub name: String,
    pub description: String,
    pub default: Option<Expr>,
    /// Whether the parameter is an `Option`, which makes `null` the default.
    pub nullable: bool,
    /// The type of the items, where the parameter is a `Collected`.
    pub collected: Option<Type>,
}

/// A named output.
pub(crate) struct Output {
    pub name: String,
    pub description: String,
    pub value: Type,
    pub is_dynamic: bool,
    pub is_required: bool,
    pub options: OutputOptions,
}

/// What `#[output(...)]` or `result(...)` says.
#[derive(Default)]
pub(crate) struct OutputOptions {
    pub name: Option<LitStr>,
    pub description: Option<LitStr>,
    pub is_required: Option<LitBool>,
    pub io_manager_key: Option<LitStr>,
    pub metadata: Vec<(String, Lit)>,
    pub asset_key: Vec<LitStr>,
    pub asset_partitions: Vec<LitStr>,
}

/// What `#[input(...)]` says.
#[derive(Default)]
pub(crate) struct InputOptions {
    pub name: Option<LitStr>,
    pub description: Option<LitStr>,
    pub default: Option<Expr>,
}

/// A number as `f64`, whichever way it was written.
pub(crate) enum Number {
    Integer(LitInt),
    Float(LitFloat),
}

/// What the function returns.
pub(crate) struct Returned {
    /// Whether it may fail.
    pub is_result: bool,
    /// Whether the value may be left out.
    pub is_option: bool,
    /// Whether the value comes with metadata.
    pub is_annotated: bool,
    /// The output `result`; none for a function that returns nothing.
    pub output: Option<Output>,
}
