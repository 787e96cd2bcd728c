//! Solids that go wrong: until something outside has changed, or just as their configuration says.

mod alerts;
mod outside;
mod script;

pub use alerts::notify;
pub use outside::gate;
pub use script::perform;

fanfold_sdk::plugin!(gate, notify, perform);
