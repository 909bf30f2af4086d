//! Numbers as dumps write them: plain digits, nothing else.

/// The largest size that is believed, 1 PiB: a larger one is a damaged field, and sums of
/// believed ones fit 64 bits for any dump there can be.
pub(super) const MAX_SIZE_BYTES: u64 = 1 << 50;

/// What [`size`] expects, for error messages.
pub(super) const SIZE_EXPECTED: &str = "a number of bytes (0 to 2^50)";

/// A number of bytes or elements: digits only, at most [`MAX_SIZE_BYTES`].
#[inline]
pub(super) fn size(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let mut value = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    (value <= MAX_SIZE_BYTES).then_some(value)
}

/// The number of a database. Servers have 16 unless told otherwise; more than 65,536 is damage.
#[inline]
pub(super) fn database(digits: &[u8]) -> Option<u16> {
    u16::try_from(size(digits)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_only() {
        assert_eq!(size(b"0"), Some(0));
        assert_eq!(size(b"1125899906842624"), Some(MAX_SIZE_BYTES));
        for text in [
            "",
            "-1",
            "+1",
            "1.5",
            " 1",
            "1125899906842625",
            "99999999999999999999",
        ] {
            assert_eq!(size(text.as_bytes()), None, "{text}");
        }
        assert_eq!(database(b"65536"), None);
    }
}
