//! Shares and errors, rounded the same on every machine.

/// Six decimals are enough for a share, and the same on every machine.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// An error so rounded that what was [`rounded`] is still within it.
pub(super) fn rounded_up(error: f64) -> f64 {
    ((error * 1e6).ceil() + 1.0) / 1e6
}
