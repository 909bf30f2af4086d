//! Ctrl-C while slots move: the first finishes the slot in hand, the second stops at once.

use super::exit::Exit;
use crate::error::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked to stop.
#[derive(Clone, Debug)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on signals are noted; a second one ends the program with [`Exit::Stopped`].
    ///
    /// # Errors
    /// When the system doesn't let us handle signals.
    pub(super) fn watch() -> Result<Interrupt> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the shutdown looks at the flag before it is set.
            flag::register_conditional_shutdown(signal, Exit::Stopped as i32, asked.clone())
                .and_then(|_| flag::register(signal, asked.clone()))
                .map_err(|cause| Error::io("signals", cause))?;
        }
        Ok(Interrupt(asked))
    }

    /// Whether a signal has come.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
