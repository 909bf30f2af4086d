//! Ctrl-C. While slots move the first finishes what is in hand, the second stops at once; at any
//! other time it ends the program, once its progress bar has left the screen and a file in the making
//! its folder.
//!
//! The signals are blocked in every thread and waited for by one of their own.
//! A handler would interrupt whatever call is under way: a `recv` with a time
//! limit isn't restarted after one, so that Ctrl-C would look like a broken
//! link (signal(7), "Interruption of system calls").

use super::exit::Exit;
use crate::error::{Error, Result};
use crate::output_file::clean_up;
use indicatif::ProgressBar;
use nix::sys::signal::{SigSet, Signal, raise};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Signals belong to the whole process, so there is one watch.
static WATCH: OnceLock<Interrupt> = OnceLock::new();
/// What a second signal does; unset while the first ends the program.
static SECOND: OnceLock<SecondSignal> = OnceLock::new();
/// Whether a slot may be open: then a second signal leaves something part-way.
static IS_OPEN: AtomicBool = AtomicBool::new(false);
/// The bar on the screen.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// What a second signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecondSignal {
    /// It ends the program, with [`Exit::Stopped`] where a slot may be open: the journal knows which.
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
    pub(super) fn watch(second: SecondSignal) -> Result<Interrupt> {
        let watch = Interrupt::begin()?;
        SECOND.get_or_init(|| second);
        Ok(watch)
    }

    /// From now on a signal that ends the program first takes the bar from the screen, and the file
    /// in the making from its folder. Failing to do so is no reason to stop.
    pub(super) fn tidy() {
        let _ = Interrupt::begin();
    }

    fn begin() -> Result<Interrupt> {
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
            .spawn(move || note(signals, &noted))
            .map_err(io)?;
        Ok(WATCH.get_or_init(|| Interrupt(asked)).clone())
    }

    /// From now on a slot may be open.
    pub(super) fn note_open() {
        IS_OPEN.store(true, Ordering::Relaxed);
    }

    /// Whether a signal has come.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether a signal has come that somebody watches for; where nobody does it ends the program.
pub(super) fn is_asked() -> bool {
    WATCH.get().is_some_and(Interrupt::is_asked)
}

/// The bar that is on the screen from now on, or none.
pub(super) fn shows(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Waits for signals, for as long as the program runs.
fn note(signals: SigSet, asked: &AtomicBool) {
    while let Ok(signal) = signals.wait() {
        let Some(second) = SECOND.get() else {
            end(signals, signal);
        };
        let is_second = asked.swap(true, Ordering::Relaxed);
        if is_second && *second == SecondSignal::Ends {
            clean_up();
            let exit = if IS_OPEN.load(Ordering::Relaxed) {
                Exit::Stopped
            } else {
                Exit::Unsafe
            };
            std::process::exit(exit as i32);
        }
    }
}

/// Ends the program by the signal itself: a shell that runs it in a loop stops only then.
fn end(signals: SigSet, signal: Signal) -> ! {
    if let Some(bar) = &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
        bar.finish_and_clear();
    }
    clean_up();
    let _ = signals.thread_unblock();
    let _ = raise(signal);
    // The program is still there where who started it has it ignore this signal (a shell does so
    // with Ctrl-C for what runs behind it): the next one finds a thread that doesn't block it.
    loop {
        std::thread::park();
    }
}
