//! Parses numbers as dumps write them: plain digits, nothing else.

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

/// The same where a table of numbers that has empty fields wrote a whole number as `56.0`.
pub(super) fn whole(text: &[u8]) -> Option<u64> {
    size(text.strip_suffix(b".0").unwrap_or(text))
}

/// A word of digits without their values.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The same for 1 to 8 digits, the last bytes of a little-endian word; nothing for others.
#[inline]
pub(super) fn short(word: u64, digits: usize) -> Option<u64> {
    const PAIRS: u64 = 0x0000_00FF_0000_00FF;
    if digits.wrapping_sub(1) > 7 {
        return None;
    }
    let digits = (word ^ ZEROS) & u64::MAX << (64 - 8 * digits);
    if !are_values(digits) {
        return None;
    }
    // Two digits make a number up to 99, two of those one up to 9999, and two of those the last.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let front = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let back = (pairs >> 16 & PAIRS).wrapping_mul(1 + (10_000 << 32));
    Some(front.wrapping_add(back) >> 32)
}

/// Whether the last bytes of a little-endian word are two numbers of so many digits with one byte between
/// them, which isn't looked at; of more bytes than a word's nothing is known.
#[inline]
pub(super) fn are_short(word: u64, (first, second): (u32, u32)) -> bool {
    // No field of a piece is so long that the sum is more than fits.
    let unused = 7_u32.wrapping_sub(first + second);
    if (first == 0) | (second == 0) | (unused > 5) {
        return false;
    }
    let between = 0xFF << (8 * (7 - second));
    are_values((word ^ ZEROS) & !between & u64::MAX << (8 * unused))
}

/// Whether each byte is at most 9.
#[inline]
fn are_values(bytes: u64) -> bool {
    const SIXES: u64 = 0x0606_0606_0606_0606;
    const HIGH: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    (bytes.wrapping_add(SIXES) | bytes) & HIGH == 0
}

/// The number of a database. Servers have 16 unless told otherwise; more than 65,536 is damage.
#[inline]
pub(super) fn database(digits: &[u8]) -> Option<u16> {
    u16::try_from(size(digits)?).ok()
}

/// A size as redis-rdb-cli writes it (`util/Strings.java`): `10 B`, and above 999 bytes with one decimal and a unit
/// of 1,000, `92.4kB`, or of 1,024, `1.5KiB`. Older versions wrote `10B`; where a locale has one, a comma stands for
/// the point. Digits alone are bytes (`export_unit=false`).
pub(super) fn human_size(text: &[u8]) -> Option<u64> {
    let unit_at = text
        .iter()
        .position(u8::is_ascii_alphabetic)
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number = number.strip_suffix(b" ").unwrap_or(number);
    let factor: u64 = match unit {
        b"" if unit_at == number.len() => return size(number),
        b"B" => return size(number),
        b"kB" => 1000,
        b"MB" => 1000_u64.pow(2),
        b"GB" => 1000_u64.pow(3),
        b"TB" => 1000_u64.pow(4),
        b"PB" => 1000_u64.pow(5),
        b"KiB" => 1 << 10,
        b"MiB" => 1 << 20,
        b"GiB" => 1 << 30,
        b"TiB" => 1 << 40,
        b"PiB" => 1 << 50,
        _ => return None,
    };
    let point = number.iter().position(|byte| matches!(byte, b'.' | b','));
    let (whole, decimals) = match point {
        Some(point) => (&number[..point], &number[point + 1..]),
        None => (number, &b"0"[..]),
    };
    if decimals.len() > 3 {
        return None;
    }
    let scale = 10_u64.pow(decimals.len() as u32);
    let part = u128::from(size(decimals)?) * u128::from(factor) / u128::from(scale);
    let bytes = u128::from(size(whole)?) * u128::from(factor) + part;
    u64::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes <= MAX_SIZE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_with_units() {
        for (text, bytes) in [
            ("10 B", 10),
            ("56B", 56),
            ("56", 56),
            ("92.4kB", 92_400),
            ("1000.0kB", 1_000_000),
            ("43.3MB", 43_300_000),
            ("43,3MB", 43_300_000),
            ("1.5KiB", 1536),
            ("2 GB", 2_000_000_000),
            ("1.1PB", 1_100_000_000_000_000),
        ] {
            assert_eq!(human_size(text.as_bytes()), Some(bytes), "{text}");
        }
        for text in [
            "",
            "B",
            " B",
            "10 ",
            "1.5B",
            "1.2345kB",
            "1..5kB",
            "1KB",
            "1mB",
            "99999999TB",
            "1.kB",
            "1.5  kB",
        ] {
            assert_eq!(human_size(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn short_numbers_are_read_at_once(
            bytes in proptest::array::uniform8(proptest::sample::select(b"0123456789/:\0,0123456789\xff".to_vec())),
            digits in 0usize..12,
        ) {
            let text = &bytes[8usize.saturating_sub(digits)..];
            let truth = size(text).filter(|_| digits <= 8);
            prop_assert_eq!(short(u64::from_le_bytes(bytes), digits), truth);
        }
    }

    proptest! {
        #[test]
        fn two_short_numbers_are_told_at_once(
            bytes in proptest::array::uniform8(proptest::sample::select(b"0123456789/:\0,0123456789\xff".to_vec())),
            first in 0u32..12,
            second in 0u32..12,
        ) {
            let truth = (first + second < 8) && {
                let text = &bytes[7 - (first + second) as usize..];
                let (before, behind) = text.split_at(first as usize);
                size(before).is_some() && size(&behind[1..]).is_some()
            };
            prop_assert_eq!(are_short(u64::from_le_bytes(bytes), (first, second)), truth);
        }
    }

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
