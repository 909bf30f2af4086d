//! Describes a key in doubt: a copy of it may be on the target without anybody having said so.

/// Why a key is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It was sent, and nobody has heard what came of that.
    Sent,
    /// It was sent, and the source said OK so late that it may have been replaced by then.
    Late,
    /// The source had it still after a `MIGRATE` that didn't move it.
    Kept,
}

/// A key that is in doubt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyInDoubt {
    /// Its database.
    pub db: u32,
    /// Its name.
    pub key: Vec<u8>,
    /// Why.
    pub cause: Cause,
    /// Whether a person was told of it.
    pub is_named: bool,
    /// When its life ends at the source, milliseconds of Unix time, as it was sent; none where it
    /// has no end, or that isn't known.
    pub ends_ms: Option<u64>,
    /// When it was about to be sent, milliseconds of Unix time; none where that isn't known.
    pub sent_ms: Option<u64>,
}

impl KeyInDoubt {
    /// A key of which no more than that is known.
    pub fn new(db: u32, key: Vec<u8>, cause: Cause) -> KeyInDoubt {
        KeyInDoubt {
            db,
            key,
            cause,
            is_named: false,
            ends_ms: None,
            sent_ms: None,
        }
    }

    /// Whether the next run would hear the same of it. When it was sent is for people: a batch that
    /// is noted ahead is sent a moment later.
    pub fn says_the_same(&self, other: &KeyInDoubt) -> bool {
        let KeyInDoubt {
            db,
            key,
            cause,
            is_named,
            ends_ms,
            sent_ms: _,
        } = self;
        (*db, key) == (other.db, &other.key)
            && (*cause, *is_named, *ends_ms) == (other.cause, other.is_named, other.ends_ms)
    }
}
