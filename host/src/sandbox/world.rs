//! The world that a step sees through WASI: virtual, but for its grants.

use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use super::console::Console;
use super::failure::{FailureKind, StepFailure};
use super::grants::{Access, Grants};
use super::random::Seed;
use super::scratch::Scratch;

/// Bytes of randomness that a guest gets in one call.
const MAX_RANDOM_BYTES: u64 = 1 << 20;

/// Builds a world without arguments, standard input and sockets, with seeded randomness unless real one is granted, and
/// with exactly the granted directories and variables. Its clocks are replaced by [`clock`](super::clock).
pub(super) fn build(
    grants: &Grants,
    scratch: Option<&Scratch>,
    seed: Seed,
    stdout: Console,
    stderr: Console,
) -> Result<WasiCtx, StepFailure> {
    let mut builder = WasiCtxBuilder::new();
    builder
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        // A step has a thread of its own, so file operations need none besides.
        .allow_blocking_current_thread(true)
        .stdout(stdout)
        .stderr(stderr)
        .max_random_size(MAX_RANDOM_BYTES);
    let granted = grants.list();
    if !granted.real_randomness {
        builder
            .secure_random(seed.stream("secure"))
            .insecure_random(seed.stream("insecure"))
            .insecure_random_seed(insecure_seed(seed));
    }
    for (name, value) in &granted.environment {
        builder.env(name, value);
    }
    for grant in &granted.directories {
        let permissions = match grant.access {
            Access::ReadOnly => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        builder.preopened_dir(&grant.host, &grant.guest, permissions).map_err(|error| {
            let message = format!("cannot open the granted directory `{}`: {error}", grant.host.display());
            StepFailure::new(FailureKind::HostFailed, message)
        })?;
    }
    if let Some((grant, scratch)) = granted.scratch.as_ref().zip(scratch) {
        let opened = builder.preopened_dir(scratch.content(), &grant.guest, FsPerms::ReadWrite);
        opened.map_err(|error| no_scratch(&error))?;
    }
    Ok(builder.build())
}

/// The failure of a step that cannot have its scratch directory.
pub(super) fn no_scratch(error: &impl std::fmt::Display) -> StepFailure {
    StepFailure::new(FailureKind::HostFailed, format!("cannot make a scratch directory: {error}"))
}

fn insecure_seed(seed: Seed) -> u128 {
    let mut bytes = [0; 16];
    rand_core::Rng::fill_bytes(&mut seed.stream("insecure-seed"), &mut bytes);
    u128::from_le_bytes(bytes)
}
