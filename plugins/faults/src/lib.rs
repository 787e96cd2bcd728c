//! Solids that go wrong: until something outside has changed, or just as their configuration says.

mod outside;
mod script;

pub use outside::gate;
pub use script::perform;

fanfold_sdk::plugin!(gate, perform);
