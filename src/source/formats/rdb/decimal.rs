//! Integers in decimal.

/// How many characters an integer takes in decimal.
pub(super) fn decimal_length(value: i64) -> u64 {
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
    u64::from(digits) + u64::from(value < 0)
}
