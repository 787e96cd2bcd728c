//! The pure core of fanfold: what a pipeline is, what a plan checks, and what a run means.
//!
//! Data flows one way through the modules:
//!
//! | module | holds |
//! | --- | --- |
//! | [`name`] | names and mapping keys: the alphabet, once |
//! | [`definition`] | what a solid says of itself |
//! | [`pipeline`] | the authored wiring, in its exchange form |
//! | [`compose`] | how front ends make a pipeline: handles, map, collect |
//! | [`plan`] | a validated pipeline, compiled to what a run needs |
//! | [`step`] | steps, their keys and states |
//! | [`event`] | what can happen in a run |
//! | [`run`] | the fold of events: the state of a run, and what may start |
//! | [`selection`] | what a retry of a run executes, and what it takes from it |
//! | [`retry`] | whether and when a failed step runs again |
//! | [`slots`] | how many steps may run at once |
//!
//! Invariants:
//! - No I/O, clock, thread or randomness: `clippy.toml` refuses them. Equal inputs give equal results, so that a
//!   run is exactly its event log.
//! - [`run::Run::apply`] is the only way to change a run.
//!
//! Deliberately absent: values (a run knows them by reference), configuration files, plugins, executors.

pub mod compose;
pub mod definition;
pub mod event;
pub mod name;
pub mod pipeline;
pub mod plan;
pub mod retry;
pub mod run;
pub mod selection;
pub mod slots;
pub mod step;
