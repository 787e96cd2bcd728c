//! Pipelines through the real binary with the real example plugins.
//!
//! A case is `tests/cases/NAME.star`; beside it may lie `NAME.yaml`, its run config. Its first lines may be
//! `# args: ...`, further arguments. What comes out is compared with `NAME.expected`: exit code, standard error where the
//! pipeline is refused, else the run's JSON and all recorded outputs. `BLESS=1` writes that file anew.

mod assets;
mod cases;
mod crash;
mod events;
mod files;
mod grants;
mod harness;
mod hooks;
mod hostile;
mod hostile_plugins;
mod io_managers;
mod io_remote;
mod object_server;
mod plan;
mod plugins;
mod retry;
mod upkeep;
