//! What the author of a fanfold solid imports.
//!
//! A *solid* is a function with inputs and outputs; a *plugin* is a WebAssembly component that exports some.
//! `#[solid]` on an ordinary function is all there is to write:
//!
//! ```
//! use fanfold_sdk::prelude::*;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Range {
//!     /// How many numbers to emit.
//!     count: u32,
//! }
//!
//! /// Emits the numbers below `count`.
//! #[solid]
//! fn numbers_below(config: Range, mut numbers: DynamicOutput<u32>) -> Result<()> {
//!     for number in 0..config.count {
//!         numbers.emit(number, number)?; // a clone may start right now
//!     }
//!     Ok(())
//! }
//!
//! /// Squares a number.
//! #[solid]
//! fn square(number: i64) -> i64 {
//!     number * number
//! }
//!
//! plugin!(numbers_below, square);
//!
//! // Solids are tested natively; see `testing`.
//! use fanfold_sdk::testing::Step;
//!
//! assert_eq!(square(3), 9);
//! let outcome = Step::of::<numbers_below>().config(json!({ "count": 3 })).run();
//! assert_eq!(outcome.dynamic::<u32>("numbers"), [("0".into(), 0), ("1".into(), 1), ("2".into(), 2)]);
//! ```
//!
//! # Parameters
//! The macro tells a parameter's role from its name and from the last part of its type as it is written (so a
//! type alias hides it):
//!
//! | parameter | role |
//! | --- | --- |
//! | `config: T`, or any with `#[config]` | the configuration; where none was given, `T` is read from `null`, then `{}` |
//! | `cx: Context` | mapping keys, log, progress, blobs, attempt |
//! | `out: Output<T>` | a plain output of the parameter's name, emitted by the solid |
//! | `out: OptionalOutput<T>` | the same, and may be left out: what depends on it is skipped |
//! | `out: DynamicOutput<T>` | a dynamic output of the parameter's name |
//! | `xs: Collected<T>` | an input that gathers many values, read page by page |
//! | `x: T` | an input; a gathered one is read whole, for instance into a `Vec` |
//! | `x: Option<T>` | an input whose default is `null` |
//!
//! `T` derives `Deserialize` (inputs, config) or `Serialize` (outputs), and `JsonSchema`; or it is [`Bytes`] or
//! [`Blob`]. The doc comment of a parameter is its description. Attributes on parameters say more:
//! `#[default = 3]`, `#[input(default = 3, name = "in", description = "...")]`, and on outputs
//! `#[output(is_required = false, io_manager_key = "s3", asset_key = ["a", "b"], asset_partitions = ["p"],
//! metadata(owner = "me", "max rows" = 3), name = "out", description = "...")]`.
//!
//! # What a solid returns
//! `T` or `Result<T>` (any `Result` whose error `?` can turn into [`Error`], `anyhow::Result` too) is the output
//! `result`; `()` makes no output; `Option<T>` makes `result` optional, and `None` leaves it out. For a `result`
//! that may be JSON `null`, take an `Output<Option<T>>`. [`Annotated<T>`] adds facts to the value.
//!
//! With `anyhow`, write `use anyhow::Context as _;`, since the prelude's `Context` is the step's.
//!
//! # The solid itself
//! `#[solid(name = "other", tags(priority = "3"), retry_policy(max_retries = 2, delay_ms = 500, backoff = 2.0,
//! jitter = 0.1), result(/* as in #[output(...)] */))]`.
//!
//! # The crate
//! A plugin is a library with `crate-type = ["cdylib", "rlib"]`: the one becomes the component that `fanfold build`
//! makes, the other is what `cargo test` runs natively. It depends on this crate, and on `serde` and `schemars` 1 for
//! their derives.
//!
//! Beside the function, the macro makes a type of the same name, which [`plugin!`] and
//! [`testing::Step::of`] know the solid by; the function itself stays an ordinary function.

mod blob;
mod collected;
mod context;
mod emitted_keys;
mod error;
mod mapping_key;
mod metadata;
mod output;
mod page;
mod schema;
mod value;

pub mod definition;
pub mod prelude;
#[doc(hidden)]
pub mod runtime;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use blob::{Blob, BlobReader, BlobRef, BlobWriter};
pub use collected::{Collected, Missing};
pub use context::{Context, Level};
pub use error::{Error, Result, ResultExt, RetryRequest};
pub use fanfold_sdk_macros::solid;
pub use mapping_key::{InvalidMappingKey, MappingKey};
pub use metadata::{Metadata, MetadataEntry, MetadataValue, Table};
pub use output::{Annotated, DynamicOutput, EmitError, OptionalOutput, Output};
pub use value::{Bytes, FromValue, IntoValue, ReadError, Value};
pub use {schemars, serde, serde_json};

/// Exports solids as a plugin: `plugin!(emit, echo, text::split);`, once in a crate.
#[macro_export]
macro_rules! plugin {
    ($($solid:ty),+ $(,)?) => {
        const _: () = {
            struct Exported;
            impl Exported {
                const SOLIDS: &'static [$crate::runtime::Entry] = &[$($crate::runtime::Entry::of::<$solid>()),+];
            }
            #[cfg(target_arch = "wasm32")]
            impl $crate::runtime::wasm::Plugin for Exported {
                const SOLIDS: &'static [$crate::runtime::Entry] = Self::SOLIDS;
            }
            #[cfg(target_arch = "wasm32")]
            $crate::runtime::wasm::bindings::export_plugin!(
                Exported with_types_in $crate::runtime::wasm::bindings
            );
            // Natively nothing is exported; naming the solids still tells which of them is none.
            let _ = Exported::SOLIDS;
        };
    };
}
