//! Says why a slot's move can't go on by itself.

use crate::error::Error;

/// Why a slot's move can't go on by itself. The slot stays as it is: every state can be entered
/// again.
#[derive(Debug)]
pub enum Halt {
    /// A node may have another role by now, or hasn't loaded yet: look where the slot stands, and
    /// go on from there.
    Unclear(Error),
    /// A surprise that nobody but a person can make something of.
    Stop(Error),
    /// The same, of a slot that is as it was before its move began: nobody has it open any more,
    /// and no key of it has moved.
    Closed(Error),
}

impl Halt {
    /// What was seen.
    pub fn error(&self) -> &Error {
        match self {
            Halt::Unclear(error) | Halt::Stop(error) | Halt::Closed(error) => error,
        }
    }

    /// What was seen.
    pub fn into_error(self) -> Error {
        match self {
            Halt::Unclear(error) | Halt::Stop(error) | Halt::Closed(error) => error,
        }
    }

    /// The same, for a look at the cluster to clear up.
    #[must_use]
    pub(in super::super) fn unclear(self) -> Halt {
        Halt::Unclear(self.into_error())
    }
}
