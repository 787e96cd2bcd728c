//! The world that a step sees through WASI: virtual, but for its grants.

use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use super::console::Console;
use super::failure::{FailureKind, StepFailure};
use super::grants::{Access, Grants};
use super::random::Seed;

/// Bytes of randomness that a guest gets in one call.
const MAX_RANDOM_BYTES: u64 = 1 << 20;

/// Builds a world without arguments, environment, standard input and network, with seeded randomness, and with
/// exactly the granted directories. Its clocks are replaced by [`clock`](super::clock).
pub(super) fn build(
    grants: &Grants,
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
        .max_random_size(MAX_RANDOM_BYTES)
        .secure_random(seed.stream("secure"))
        .insecure_random(seed.stream("insecure"))
        .insecure_random_seed(insecure_seed(seed));
    for grant in grants.directories() {
        let permissions = match grant.access {
            Access::ReadOnly => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        builder.preopened_dir(&grant.host, &grant.guest, permissions).map_err(|error| {
            let message = format!("cannot open the granted directory `{}`: {error}", grant.host.display());
            StepFailure::new(FailureKind::HostFailed, message)
        })?;
    }
    Ok(builder.build())
}

fn insecure_seed(seed: Seed) -> u128 {
    let mut bytes = [0; 16];
    rand_core::Rng::fill_bytes(&mut seed.stream("insecure-seed"), &mut bytes);
    u128::from_le_bytes(bytes)
}
