//! Parses sizes such as `32mb`.

/// Reads bytes with the units of redis.conf: `kb` is 1,024, `k` is 1,000.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let unit_at = lower
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(unit_at);
    let factor: Option<u64> = match unit {
        "" | "b" => Some(1),
        "k" => Some(1000),
        "kb" | "kib" => Some(1 << 10),
        "m" => Some(1_000_000),
        "mb" | "mib" => Some(1 << 20),
        "g" => Some(1_000_000_000),
        "gb" | "gib" => Some(1 << 30),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    number
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .ok_or_else(|| "expected bytes such as 4096, 64kb, 10mb or 1gb".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_units_of_redis_conf() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64kb", 65_536),
            ("1K", 1000),
            ("1GB", 1 << 30),
            ("2mib", 2 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "kb", "-1", "1.5mb", "1tb", "99999999999999999gb"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
