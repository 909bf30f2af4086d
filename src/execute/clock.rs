//! Reads this machine's clock, and says how long ago moments were, as people do.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in milliseconds of Unix time; none where the clock is set before 1970.
pub fn now_ms() -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(now.as_millis()).ok()
}

/// A time in its largest unit, cut: `40 s`, `2 min`, `3 h`.
pub(super) fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

/// How long ago a moment was; both in milliseconds of Unix time. What is to come was just now.
pub(super) fn age_at(moment_ms: u64, now_ms: u64) -> String {
    age(now_ms.saturating_sub(moment_ms) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_in_its_largest_unit() {
        assert_eq!(age(119), "119 s");
        assert_eq!(age(120), "2 min");
        assert_eq!(age(7_200), "2 h");
        assert_eq!(age_at(1_000, 4_999), "3 s");
        // A clock that was put back.
        assert_eq!(age_at(9_000, 4_999), "0 s");
    }
}
