//! Defines moments and waits of a mover, in milliseconds.

/// When something was asked, and when it was answered: milliseconds of Unix time. It was so at some
/// moment between the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// When it was asked.
    pub asked_ms: u64,
    /// When it was answered.
    pub answered_ms: u64,
}

impl Span {
    /// How far apart the two are.
    pub fn length_ms(self) -> u64 {
        self.answered_ms.saturating_sub(self.asked_ms)
    }
}

/// A wait for keys that end by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wait {
    /// How many.
    pub keys: u64,
    /// How long, until the last of them has ended.
    pub ms: u64,
}

impl Wait {
    /// One more, that ends after so long.
    pub(in super::super) fn add(&mut self, left_ms: u64) {
        self.keys += 1;
        self.ms = self.ms.max(left_ms);
    }
}
