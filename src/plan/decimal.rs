//! Decimal numbers as integers: a plan must not depend on how a float was rounded.

/// How many parts one whole has.
pub(super) const ONE: u64 = 1_000_000;

/// A decimal of at most six places as millionths: `1.5` is 1,500,000.
///
/// Plain digits with one dot at most; no sign, no exponent, below one billion.
pub(super) fn millionths(text: &str) -> Option<u64> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let sized = whole.len() <= 9 && places.len() <= 6 && !(whole.is_empty() && places.is_empty());
    if !sized || !digits(whole) || !digits(places) {
        return None;
    }
    let number = |part: &str| part.parse::<u64>().unwrap_or(0);
    let scale = 10_u64.pow(6 - places.len() as u32);
    Some(number(whole) * ONE + number(places) * scale)
}

/// Millionths as the float that JSON shows; six places are exact in both directions.
pub(super) fn to_float(millionths: u64) -> f64 {
    millionths as f64 / ONE as f64
}

/// The millionths nearest to a float; none when it isn't a number of that size.
pub(super) fn from_float(value: f64) -> Option<u64> {
    (0.0..1e9)
        .contains(&value)
        .then(|| (value * ONE as f64).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_decimals_only() {
        for (text, value) in [
            ("1", ONE),
            ("0.7", 700_000),
            (".5", 500_000),
            ("2.", 2 * ONE),
        ] {
            assert_eq!(millionths(text), Some(value), "{text}");
        }
        for text in [
            "",
            ".",
            "-1",
            "+1",
            "1e3",
            "0.1234567",
            "1234567890",
            "nan",
            "1.2.3",
        ] {
            assert_eq!(millionths(text), None, "{text}");
        }
    }

    #[test]
    fn floats_go_back_and_forth() {
        for value in [0, 1, 333_333, 700_000, 2 * ONE, 123_456_789_012_345] {
            assert_eq!(from_float(to_float(value)), Some(value));
        }
        assert_eq!(from_float(f64::NAN), None);
        assert_eq!(from_float(-1.0), None);
    }
}
