//! What a job tells, said on stderr.

use super::{interrupt, terminal};
use crate::execute::job::{Notice, Observer};

/// Says it to the person.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker;

impl Observer for Speaker {
    fn notice(&self, what: &Notice) {
        terminal::say(what.to_string());
    }

    fn wants_stop(&self) -> bool {
        interrupt::is_asked()
    }
}
