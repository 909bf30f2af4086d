//! What a link was asked and hasn't answered yet.

use super::verb::{Bounds, Reply};

/// What was asked and isn't answered yet.
pub(super) struct UnderWay {
    /// The first command.
    pub name: String,
    /// What hasn't been sent.
    pub(super) unsent: Vec<u8>,
    /// How much each reply may be.
    pub(super) bounds: Vec<Bounds>,
    /// Those that are whole.
    pub(super) replies: Vec<Reply>,
}

impl UnderWay {
    /// Commands that are about to be sent, and how much the reply to each may be.
    pub fn new(name: &str, commands: Vec<u8>, bounds: Vec<Bounds>) -> UnderWay {
        UnderWay {
            name: name.to_owned(),
            unsent: commands,
            replies: Vec::with_capacity(bounds.len()),
            bounds,
        }
    }
}
