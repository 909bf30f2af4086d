//! Ctrl-C while slots move: the first finishes the slot in hand, the second stops at once.

//!
//! The signals are blocked in every thread and waited for by one of their own.
//! A handler would interrupt whatever call is under way: a `recv` with a time
//! limit isn't restarted after one, so that Ctrl-C would look like a broken
//! link (signal(7), "Interruption of system calls").

use super::exit::Exit;
use crate::error::{Error, Result};
use nix::sys::signal::{SigSet, Signal};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals belong to the whole process, so there is one watch.
static WATCH: OnceLock<Interrupt> = OnceLock::new();

/// What a second signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// It ends the program with [`Exit::Stopped`]; the journal knows what was under way.
    Ends,
    /// Nothing: there is something to clean up that nobody else would.
    Waits,
}

/// Whether somebody asked to stop.
#[derive(Clone, Debug)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on signals are noted. Who watches first says what a second one does; threads that
    /// are older must not be waiting for a server.
    ///
    /// # Errors
    /// When the system doesn't let us handle signals.
    pub(super) fn watch(second: Second) -> Result<Interrupt> {
        if let Some(watch) = WATCH.get() {
            return Ok(watch.clone());
        }
        let asked = Arc::new(AtomicBool::new(false));
        let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
        let io = |cause: std::io::Error| Error::io("signals", cause);
        // Threads that are started from here on inherit the block.
        signals.thread_block().map_err(|cause| io(cause.into()))?;
        let noted = asked.clone();
        std::thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(move || note(signals, &noted, second))
            .map_err(io)?;
        Ok(WATCH.get_or_init(|| Interrupt(asked)).clone())
    }

    /// Whether a signal has come.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits for signals, for as long as the program runs.
fn note(signals: SigSet, asked: &AtomicBool, second: Second) {
    while signals.wait().is_ok() {
        let is_second = asked.swap(true, Ordering::Relaxed);
        if is_second && second == Second::Ends {
            std::process::exit(Exit::Stopped as i32);
        }
    }
}
