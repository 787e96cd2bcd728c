//! The time that a guest reads, and how it waits.
//!
//! Unless the real time is granted, the clock is virtual: it starts at a fixed moment, moves by a microsecond with each reading (so that a loop which
//! waits for time to pass ends) and by the whole pause with each sleep. Equal work reads equal times. A sleep still
//! takes its real time; cancel and the wall limit end it early.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::io::poll as async_poll;
use wasmtime_wasi::p2::bindings::sync::io::poll;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::runtime::in_tokio;

use super::instance::StepState;
use super::interrupt::{TICK, Watch};

/// What the wall clock shows when a step starts, in seconds since 1970: 2000-01-01T00:00:00Z.
const EPOCH_SECONDS: u64 = 946_684_800;
/// How far one reading moves the clock, in nanoseconds.
const READING: u64 = 1_000;

/// Nanoseconds since the step started, as the guest sees it.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    Virtual(Arc<AtomicU64>),
    /// Since this moment.
    Real(Instant),
}

impl Clock {
    pub(super) fn new(is_real: bool) -> Self {
        if is_real { Self::Real(Instant::now()) } else { Self::Virtual(Arc::default()) }
    }

    fn read(&self) -> u64 {
        match self {
            Self::Virtual(time) => time.fetch_add(READING, Ordering::Relaxed) + READING,
            Self::Real(_) => self.peek(),
        }
    }

    fn peek(&self) -> u64 {
        match self {
            Self::Virtual(time) => time.load(Ordering::Relaxed),
            Self::Real(start) => u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
        }
    }

    fn advance_to(&self, nanoseconds: u64) {
        if let Self::Virtual(time) = self {
            time.fetch_max(nanoseconds, Ordering::Relaxed);
        }
    }

    /// The time of day, since 1970.
    fn wall(&self) -> Duration {
        match self {
            Self::Virtual(_) => Duration::from_secs(EPOCH_SECONDS) + Duration::from_nanos(self.read()),
            Self::Real(_) => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        }
    }
}

/// What the clock and poll functions see of a step.
pub(super) struct TimeView<'a> {
    clock: &'a Clock,
    watch: &'a Watch,
    table: &'a mut ResourceTable,
}

struct HasTime;

impl HasData for HasTime {
    type Data<'a> = TimeView<'a>;
}

/// Replaces WASI's clocks and polling in a linker that already has WASI.
pub(super) fn add_to_linker(linker: &mut Linker<StepState>) -> wasmtime::Result<()> {
    fn view(state: &mut StepState) -> TimeView<'_> {
        TimeView { clock: &state.clock, watch: &state.watch, table: &mut state.table }
    }
    linker.allow_shadowing(true);
    wall_clock::add_to_linker::<_, HasTime>(linker, view)?;
    monotonic_clock::add_to_linker::<_, HasTime>(linker, view)?;
    poll::add_to_linker::<_, HasTime>(linker, view)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl wall_clock::Host for TimeView<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let time = self.clock.wall();
        Ok(wall_clock::Datetime { seconds: time.as_secs(), nanoseconds: time.subsec_nanos() })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: READING as u32 })
    }
}

impl monotonic_clock::Host for TimeView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.read())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(READING)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_duration(when.saturating_sub(self.clock.peek()))
    }

    fn subscribe_duration(&mut self, pause: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let alarm = Alarm {
            clock: self.clock.clone(),
            virtual_time: self.clock.peek().saturating_add(pause),
            real_time: Instant::now().checked_add(Duration::from_nanos(pause)),
        };
        let alarm = self.table.push(alarm)?;
        subscribe(self.table, alarm)
    }
}

/// Rings at a real moment and sets the guest's clock to the virtual one.
struct Alarm {
    clock: Clock,
    virtual_time: u64,
    /// None: further away than the host can count.
    real_time: Option<Instant>,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Alarm {
    async fn ready(&mut self) {
        match self.real_time {
            Some(real_time) if real_time <= Instant::now() => {}
            Some(real_time) => tokio::time::sleep_until(real_time).await,
            None => std::future::pending().await,
        }
        self.clock.advance_to(self.virtual_time);
    }
}

impl poll::Host for TimeView<'_> {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let Self { watch, table, .. } = self;
        wait(watch, async_poll::Host::poll(*table, pollables))
    }
}

impl poll::HostPollable for TimeView<'_> {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        in_tokio(async { async_poll::HostPollable::ready(self.table, pollable).await })
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let Self { watch, table, .. } = self;
        wait(watch, async_poll::HostPollable::block(*table, pollable))
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        async_poll::HostPollable::drop(self.table, pollable)
    }
}

/// Blocks until `event` is there or the step has to stop.
fn wait<T>(watch: &Watch, event: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    in_tokio(async {
        let mut event = std::pin::pin!(event);
        loop {
            if let Ok(result) = tokio::time::timeout(TICK, event.as_mut()).await {
                return result;
            }
            watch.check_waiting().map_err(wasmtime::Error::new)?;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_by_readings_and_sleeps_alone() {
        let clock = Clock::new(false);
        assert_eq!([clock.read(), clock.read()], [READING, 2 * READING]);
        clock.advance_to(1_000_000_000);
        clock.advance_to(5);
        assert_eq!(clock.read(), 1_000_000_000 + READING);
    }
}
