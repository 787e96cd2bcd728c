//! A solid as the plugin exports it.

use super::Call;
use crate::definition::SolidDefinition;
use crate::{Error, Result};

/// Implemented by `#[solid]` on a type that has the function's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a solid",
    label = "not a solid",
    note = "write `#[solid]` above the function of this name"
)]
pub trait Solid {
    /// The solid's name.
    const NAME: &'static str;
    /// What the solid is.
    fn definition() -> SolidDefinition;
    /// Reads the inputs, runs the function, and emits what it returns.
    fn run(call: &mut Call) -> Result<(), Error>;
}

/// One solid of a plugin.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The solid's name.
    pub name: &'static str,
    /// What the solid is.
    pub definition: fn() -> SolidDefinition,
    /// Runs one step of it.
    pub run: fn(&mut Call) -> Result<(), Error>,
}

impl Entry {
    /// The entry of the solid `S`.
    pub const fn of<S: Solid>() -> Self {
        Self { name: S::NAME, definition: S::definition, run: S::run }
    }
}
