//! The pure core of fanfold: what a pipeline is, what a plan checks, and what a run means.
//!
//! Data flows one way through the modules:
//!
//! | module | holds |
//! | --- | --- |
//! | [`name`] | names and mapping keys: the alphabet, once |
//! | [`definition`] | what a solid says of itself |
//! | [`pipeline`] | the authored wiring, in its exchange form |
//! | [`step`] | steps, their keys and states |
//! | [`event`] | what can happen in a run |
//! | [`emission`] | which outputs a running step may still emit |
//! | [`retry`] | whether and when a failed step runs again |
//!
//! Invariants:
//! - No I/O, clock, thread or randomness: `clippy.toml` refuses them. Equal inputs give equal results, so that a
//!   run is exactly its event log.
//! - A run changes by its events alone.
//!
//! Deliberately absent: values (a run knows them by reference), configuration files, plugins, executors.

pub mod definition;
pub mod emission;
pub mod event;
pub mod name;
pub mod pipeline;
pub mod retry;
pub mod step;
