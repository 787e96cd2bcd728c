//! Tests of solids, natively: a [`Step`] runs one solid as the host would, and the [`Outcome`] tells what it did.
//!
//! ```
//! use fanfold_sdk::{prelude::*, testing::Step};
//!
//! /// Divides a number.
//! #[solid]
//! fn divide(x: i64, by: i64) -> Result<i64> {
//!     Ok(x.checked_div(by).ok_or("division by zero")?)
//! }
//!
//! let outcome = Step::of::<divide>().input("x", 6).input("by", 2).run();
//! assert_eq!(outcome.result::<i64>(), 3);
//!
//! let outcome = Step::of::<divide>().input("x", 6).input("by", 0).run();
//! assert_eq!(outcome.failure().unwrap().description, "division by zero");
//! ```
//!
//! The harness holds a step to what the host holds it to: inputs are those of the definition, and so are outputs; a
//! plain output is emitted once, a mapping key once on its output; required outputs are there in the end. A test that
//! asks for what cannot be (an input that the solid does not have, the result of a step that failed) panics.

mod outcome;
mod recorder;
mod step;

pub use outcome::{Check, Emitted, Failure, LogLine, Materialization, Outcome, Progress, Reason};
#[doc(hidden)]
pub use recorder::{Pages, RecordedReader, RecordedWriter, Recorder};
pub use step::Step;
