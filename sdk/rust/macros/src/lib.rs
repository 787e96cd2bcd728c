//! The macro behind `fanfold_sdk::solid`; its documentation for authors is the crate documentation of `fanfold_sdk`.
//!
//! It reads the annotated function into a `model::Solid`, in which every mistake has been reported at the
//! author's own tokens, and then writes the definition and the glue. It decides by what is written, not by types:
//! those are resolved only later.

mod expand;
mod model;
mod option;
mod parameter;
mod returned;
mod signature;

use proc_macro::TokenStream;

/// Makes a solid out of an ordinary function: see the crate documentation of `fanfold_sdk`.
#[proc_macro_attribute]
pub fn solid(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::solid(options.into(), &item.into()).into()
}
