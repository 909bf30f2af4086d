//! Ctrl-C while slots move: the first finishes the slot in hand, the second stops at once.

use super::exit::Exit;
use crate::error::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
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
    /// From now on signals are noted. Who watches first says what a second one does.
    ///
    /// # Errors
    /// When the system doesn't let us handle signals.
    pub(super) fn watch(second: Second) -> Result<Interrupt> {
        if let Some(watch) = WATCH.get() {
            return Ok(watch.clone());
        }
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let watched = match second {
                // Before the flag is set, so that the first signal doesn't end the program.
                Second::Ends => {
                    flag::register_conditional_shutdown(signal, Exit::Stopped as i32, asked.clone())
                        .map(drop)
                }
                Second::Waits => Ok(()),
            };
            watched
                .and_then(|()| flag::register(signal, asked.clone()))
                .map_err(|cause| Error::io("signals", cause))?;
        }
        Ok(WATCH.get_or_init(|| Interrupt(asked)).clone())
    }

    /// Whether a signal has come.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
