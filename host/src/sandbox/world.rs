//! The world that a step sees through WASI: virtual, but for its grants.
//!
//! Most steps never look at it, so it is made when one does.

use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use super::console::Console;
use super::failure::{FailureKind, StepFailure};
use super::grants::{Access, Grants};
use super::random::Seed;
use super::reporter::SharedReporter;
use super::scratch::Scratch;
use super::value::LogSource;

/// Bytes of randomness that a guest gets in one call.
const MAX_RANDOM_BYTES: u64 = 1 << 20;

/// One step's world.
pub(super) struct World {
    ground: Ground,
    seen: Option<Box<Seen>>,
    /// Goes last: what is open in it is closed before.
    scratch: Option<Scratch>,
}

/// What it is made of.
struct Ground {
    grants: Grants,
    seed: Seed,
    reporter: SharedReporter,
}

/// A world that the guest has looked at.
struct Seen {
    wasi: WasiCtx,
    consoles: [Console; 2],
}

impl World {
    /// A world without arguments, standard input and sockets, with seeded randomness unless real one is granted, and
    /// with exactly the granted directories and variables. Its clocks are replaced by [`clock`](super::clock).
    pub(super) fn new(grants: Grants, seed: Seed, reporter: SharedReporter) -> Result<Self, StepFailure> {
        let scratch = grants.list().scratch.as_ref().map(Scratch::make).transpose();
        let scratch = scratch.map_err(|error| no_scratch(&error))?;
        let has_directories = scratch.is_some() || !grants.list().directories.is_empty();
        let ground = Ground { grants, seed, reporter };
        // Directories have to be there before the step runs, or it does not.
        let opened = has_directories.then(|| ground.directories(scratch.as_ref())).transpose()?;
        Ok(Self { seen: opened.map(|directories| Box::new(ground.seen(directories))), ground, scratch })
    }

    /// What is granted of the real one.
    pub(super) fn grants(&self) -> &Grants {
        &self.ground.grants
    }

    /// What WASI's functions work on.
    pub(super) fn wasi(&mut self) -> &mut WasiCtx {
        &mut self.seen.get_or_insert_with(|| Box::new(self.ground.seen(WasiCtxBuilder::new()))).wasi
    }

    /// Looks at the size of what is in the scratch directory, if it is time to.
    pub(super) fn tick(&mut self) -> Result<(), StepFailure> {
        self.scratch.as_mut().map_or(Ok(()), Scratch::tick)
    }

    /// Fails if there is more in the scratch directory than may be.
    pub(super) fn check_scratch(&self) -> Result<(), StepFailure> {
        self.scratch.as_ref().map_or(Ok(()), Scratch::check)
    }

    /// Passes on what was printed last and did not end its line.
    pub(super) fn finish(&self) -> Result<(), StepFailure> {
        self.seen.iter().flat_map(|seen| &seen.consoles).try_for_each(Console::finish)
    }
}

impl Ground {
    fn directories(&self, scratch: Option<&Scratch>) -> Result<WasiCtxBuilder, StepFailure> {
        let mut builder = WasiCtxBuilder::new();
        let granted = self.grants.list();
        for grant in &granted.directories {
            let permissions = match grant.access {
                Access::ReadOnly => FsPerms::ReadOnly,
                Access::ReadWrite => FsPerms::ReadWrite,
            };
            builder.preopened_dir(&grant.host, &grant.guest, permissions).map_err(|error| {
                let message =
                    format!("cannot open the granted directory `{}`: {error}", grant.host.display());
                StepFailure::new(FailureKind::HostFailed, message)
            })?;
        }
        if let Some((grant, scratch)) = granted.scratch.as_ref().zip(scratch) {
            let opened = builder.preopened_dir(scratch.content(), &grant.guest, FsPerms::ReadWrite);
            opened.map_err(|error| no_scratch(&error))?;
        }
        Ok(builder)
    }

    fn seen(&self, mut builder: WasiCtxBuilder) -> Seen {
        let Self { grants, seed, reporter } = self;
        let consoles =
            [LogSource::Stdout, LogSource::Stderr].map(|source| Console::new(source, reporter.clone()));
        let [stdout, stderr] = consoles.clone();
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
        Seen { wasi: builder.build(), consoles }
    }
}

fn no_scratch(error: &impl std::fmt::Display) -> StepFailure {
    StepFailure::new(FailureKind::HostFailed, format!("cannot make a scratch directory: {error}"))
}

fn insecure_seed(seed: &Seed) -> u128 {
    let mut bytes = [0; 16];
    rand_core::Rng::fill_bytes(&mut seed.stream("insecure-seed"), &mut bytes);
    u128::from_le_bytes(bytes)
}
