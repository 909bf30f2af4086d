//! Shares of a slot: of its keys, bytes or operations, with their errors.

use super::SlotCount;

/// From which share of a slot on something is its cause.
pub(super) const CAUSE_SHARE: f64 = 0.5;

/// How many keys a hash tag or a prefix must have to be more than the name of one key.
pub(super) const FAMILY_KEYS: u64 = 2;

/// A share of a slot, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The share.
    pub value: f64,
    /// By how much it may be off, with 95 % confidence; 0 when it was counted.
    pub error: f64,
}

/// What is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Every key counts one.
    Keys,
    /// Every key counts its size.
    Bytes,
}

/// A counted share, when it is large enough to be a cause.
pub(super) fn counted(units: u64, of: u64) -> Option<Share> {
    let value = units as f64 / of as f64;
    (value >= CAUSE_SHARE).then_some(Share { value, error: 0.0 })
}

/// A share of a sample of so many keys, with its error: 1.96 standard errors,
/// and at least three keys' worth (the "rule of three" for what no sampled key
/// showed); none when the sample holds everything.
pub(super) fn estimated(value: f64, keys: u64, is_complete: bool) -> Share {
    if is_complete {
        return Share { value, error: 0.0 };
    }
    let keys = keys as f64;
    let error = 1.96 * (value * (1.0 - value) / keys).sqrt();
    Share {
        value,
        error: error.max(3.0 / keys),
    }
}

/// What is weighed of a count.
pub(super) fn units_of(count: SlotCount, weight: Weight) -> u64 {
    match weight {
        Weight::Keys => count.keys,
        Weight::Bytes => count.bytes,
    }
}
