//! fanfold: fans work out over keys that only appear at run time, and folds it back together.

pub mod diagnostic;
pub mod plugin_build;
pub mod sandbox;
pub mod store;
