//! Timestamps, as dumps write them.

use super::number;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use std::fmt;
use std::num::NonZeroU64;
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time, in milliseconds since 1970 (UTC); everything before that counts as its first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

const HOUR_MS: u64 = 3_600_000;

/// The first millisecond of the year 10000: text of four digits can't say more.
const END_MS: u64 = 253_402_300_800_000;

impl Timestamp {
    /// From milliseconds since 1970 (UTC); later than the year 9999 is its end.
    pub fn from_unix_ms(ms: u64) -> Timestamp {
        Timestamp(NonZeroU64::new(ms.min(END_MS - 1)).unwrap_or(NonZeroU64::MIN))
    }

    /// Milliseconds since 1970 (UTC).
    pub fn unix_ms(self) -> u64 {
        self.0.get()
    }

    /// Now, by this machine's clock.
    pub fn now() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp::from_unix_ms(since.map_or(0, |since| since.as_millis() as u64))
    }

    /// Hours since 1970, rounded down.
    pub fn hour(self) -> u32 {
        (self.unix_ms() / HOUR_MS) as u32
    }

    /// The beginning of an hour.
    pub fn of_hour(hour: u32) -> Timestamp {
        Timestamp::from_unix_ms(u64::from(hour) * HOUR_MS)
    }

    /// The form that rdb-tools writes, `2026-11-23T21:52:29.518000`, read at once: what
    /// [`Timestamp::parse`] says of it, and nothing of other forms or of times that aren't.
    #[inline]
    pub(super) fn plain(text: &[u8]) -> Option<Timestamp> {
        let text: &[u8; 26] = text.try_into().ok()?;
        const FORM: &[u8; 26] = b"0000-00-00T00:00:00.000000";
        // What is left of a digit is its value, and of everything else nothing.
        let mut digits = [0; 26];
        let mut is_good = true;
        for at in 0..26 {
            digits[at] = text[at] ^ FORM[at];
            is_good &= digits[at] <= if FORM[at] == b'0' { 9 } else { 0 };
        }
        let pair = |at: usize| u64::from(digits[at]) * 10 + u64::from(digits[at + 1]);
        let (year, month, day) = (pair(0) * 100 + pair(2), pair(5), pair(8));
        let (hour, minute, second) = (pair(11), pair(14), pair(17));
        // Later days, and seconds that leap, are for those who know the calendar.
        let is_sure = is_good
            && (1970..=9998).contains(&year)
            && month.wrapping_sub(1) < 12
            && day.wrapping_sub(1) < 28
            && hour < 24
            && minute < 60
            && second < 60;
        is_sure.then(|| {
            let hours = days_until(year, month) * 24 + (day - 1) * 24 + hour;
            let ms = pair(20) * 10 + u64::from(digits[22]);
            Timestamp::from_unix_ms((hours * 3600 + minute * 60 + second) * 1000 + ms)
        })
    }

    /// A time as tools write it, as spreadsheets cut it to minutes, or in seconds or milliseconds since 1970, if their
    /// digits tell which. Shorter numbers may as well be lives that are left, longer ones microseconds.
    pub(super) fn of_dump(text: &[u8]) -> Option<Timestamp> {
        const MINUTES: usize = "2026-11-23 21:52".len();
        match text.len() {
            // A date has as many bytes.
            10 => number::size(text)
                .map(|seconds| Timestamp::from_unix_ms(seconds * 1000))
                .or_else(|| Timestamp::parse(text)),
            13..=15 => number::size(text).map(Timestamp::from_unix_ms),
            MINUTES => Timestamp::parse(&[text, b":00"].concat()),
            _ => match text {
                // DuckDB leaves the minutes of an offset out that has none.
                [.., b':', _, _, b'+' | b'-', _, _] => Timestamp::parse(&[text, b":00"].concat()),
                _ => Timestamp::parse(text),
            },
        }
    }

    /// Whether it is in the last hour, of the year 9999: then it may be any later one too.
    pub fn is_end(self) -> bool {
        self.hour() == Timestamp::from_unix_ms(u64::MAX).hour()
    }

    /// Whether it is in the first hour, of 1970: then it may be any earlier one too.
    pub fn is_beginning(self) -> bool {
        self.hour() == 0
    }

    /// What a dump or a person writes: `2026-11-23T21:52:29.518000`, with a space for the `T`,
    /// with `Z` or an offset such as `+01:00` behind it (UTC without), or the date alone.
    pub fn parse(text: &[u8]) -> Option<Timestamp> {
        // ISO 8601 has more forms; in a row of a dump they are more likely a part of the key.
        let is_ours = match text {
            [_, _, _, _, b'-', _, _, b'-', _, _] => true,
            [
                _,
                _,
                _,
                _,
                b'-',
                _,
                _,
                b'-',
                _,
                _,
                b'T' | b' ',
                _,
                _,
                b':',
                _,
                _,
                b':',
                _,
                _,
                rest @ ..,
            ] => has_plain_tail(rest),
            _ => false,
        };
        let pieces = is_ours.then(|| Pieces::parse(text).ok()).flatten()?;
        let local = pieces.date().to_datetime(pieces.time().unwrap_or_default());
        let ahead_ms = pieces
            .to_numeric_offset()
            .map_or(0, |offset| i128::from(offset.seconds()) * 1000);
        let ms = local.duration_since(EPOCH).as_millis() - ahead_ms;
        Some(Timestamp::from_unix_ms(
            u64::try_from(ms.max(0)).unwrap_or(u64::MAX),
        ))
    }
}

/// The days from 1970 to the first of a month.
#[inline]
fn days_until(year: u64, month: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    // Leap days until the end of a year; of the year before as long as February isn't over.
    let leap = |year: u64| year / 4 - year / 100 + year / 400;
    let leaps = leap(year - u64::from(month <= 2)) - leap(1969);
    (year - 1970) * 365 + leaps + BEFORE[month as usize - 1]
}

/// A fraction behind a point, then `Z`, an offset with a colon, or nothing.
fn has_plain_tail(tail: &[u8]) -> bool {
    let rest = match tail {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
            &fraction[digits.count()..]
        }
        _ => tail,
    };
    matches!(rest, b"" | b"Z" | [b'+' | b'-', _, _, b':', _, _])
}

/// The time as RFC 3339 has it, to the second.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = SignedDuration::from_secs((self.unix_ms() / 1000) as i64);
        // No moment is later than the last civil time of the year 9999.
        let time = EPOCH.saturating_add(seconds);
        write!(f, "{time}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_of_the_tools_are_one_time() {
        let truth = Timestamp::from_unix_ms(1_795_470_749_518);
        for text in [
            "2026-11-23T21:52:29.518000",
            "2026-11-23T21:52:29.518Z",
            "2026-11-23 21:52:29.518",
            "2026-11-23T22:52:29.518+01:00",
            "2026-11-23T16:22:29.518999-05:30",
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), Some(truth), "{text}");
        }
        let midnight = Timestamp::parse(b"2026-11-23").expect("a date");
        assert_eq!(midnight.to_string(), "2026-11-23T00:00:00Z");
        assert_eq!(truth.to_string(), "2026-11-23T21:52:29Z");
        assert_eq!(
            Timestamp::of_hour(truth.hour()).to_string(),
            "2026-11-23T21:00:00Z"
        );
    }

    proptest! {
        #[test]
        fn the_plain_form_is_read_as_any_form(
            date in (1960u32..2400, 0u32..14, 0u32..33),
            time in (0u32..26, 0u32..62, 0u32..62, 0u32..1_000_000),
            damage in proptest::option::of((0usize..26, any::<u8>())),
        ) {
            let ((year, month, day), (hour, minute, second, micros)) = (date, time);
            let mut text =
                format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}").into_bytes();
            if let Some((place, byte)) = damage {
                text[place] = byte;
            }
            if let Some(plain) = Timestamp::plain(&text) {
                prop_assert_eq!(Some(plain), Timestamp::parse(&text));
            } else {
                // Only what is rare is left to the other way.
                let is_usual = damage.is_none()
                    && (1970..=9998).contains(&year) && (1..=12).contains(&month) && (1..=28).contains(&day)
                    && hour < 24 && minute < 60 && second < 60;
                prop_assert!(!is_usual);
            }
            prop_assert_eq!(Timestamp::plain(&text[..25]), None);
        }
    }

    #[test]
    fn the_ends_of_time_hold() {
        assert_eq!(
            Timestamp::parse(b"1969-12-31T23:59:59").map(Timestamp::unix_ms),
            Some(1)
        );
        assert_eq!(
            Timestamp::parse(b"0000-01-01").map(Timestamp::unix_ms),
            Some(1)
        );
        let last = Timestamp::parse(b"9999-12-31T23:59:59.999").expect("a time");
        assert_eq!(last, Timestamp::from_unix_ms(u64::MAX));
        assert_eq!(Timestamp::parse(b"9999-12-31T23:59:59-23:00"), Some(last));
        assert_eq!(last.to_string(), "9999-12-31T23:59:59Z");
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-11-23T",
            "2026-11-23T24:00:00",
            "2026-11-23T21:52",
            "2026-11-23T21:52:29+01",
            "2026-11-23T21:52:29[UTC]",
            "2026-11-23T21:52:29.",
            "2026-11-23T21:52:29+1",
            "2026-11-23x",
            "2o26-11-23",
            "2026-11-00",
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_day_goes_there_and_back() {
        for day in 0..=2_932_896u64 {
            let timestamp = Timestamp::from_unix_ms(day * 24 * HOUR_MS + 1);
            if day % 97 != 0 && day < 2_932_890 {
                continue;
            }
            let text = timestamp.to_string();
            assert_eq!(
                Timestamp::parse(&text.as_bytes()[..10]).map(Timestamp::hour),
                Some(timestamp.hour()),
                "{text}"
            );
        }
    }
}
