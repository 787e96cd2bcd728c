//! Ctrl-C: once asks the run to end, twice ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fanfold::orchestrator::Orchestrator;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// The exit code of a process that was told to end.
const CANCELED: i32 = 130;

/// Cancels the run at the first signal; the second ends the process at once.
pub(super) fn cancel_on_signal(orchestrator: Orchestrator) -> io::Result<()> {
    let is_second = Arc::new(AtomicBool::new(false));
    let signals = [SIGINT, SIGTERM, SIGHUP];
    for signal in signals {
        // In this order: the first signal finds the flag unset, and sets it.
        flag::register_conditional_shutdown(signal, CANCELED, Arc::clone(&is_second))?;
        flag::register(signal, Arc::clone(&is_second))?;
    }
    let mut signals = Signals::new(signals)?;
    let listen = move || {
        if signals.forever().next().is_some() {
            orchestrator.cancel();
        }
    };
    std::thread::Builder::new().name("fanfold-signals".to_owned()).spawn(listen).map(|_| ())
}
