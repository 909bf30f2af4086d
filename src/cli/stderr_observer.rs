//! Prints the notices of a job on stderr.

use super::{interrupt, terminal};
use crate::execute::job::{Notice, Observer};

/// Says it to the person.
#[derive(Clone, Copy, Debug)]
pub(super) struct StderrObserver;

impl Observer for StderrObserver {
    fn notice(&self, what: &Notice) {
        terminal::say(what.to_string());
    }

    fn wants_stop(&self) -> bool {
        interrupt::is_asked()
    }
}
