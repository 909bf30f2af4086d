//! Points in time, as dumps write them.

use std::fmt;
use std::num::NonZeroU64;
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time, in milliseconds since 1970 (UTC); everything before that counts as its first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(NonZeroU64);

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// The first millisecond of the year 10000: text of four digits can't say more.
const END_MS: u64 = 253_402_300_800_000;

impl Moment {
    /// From milliseconds since 1970 (UTC); later than the year 9999 is its end.
    pub fn from_unix_ms(ms: u64) -> Moment {
        Moment(NonZeroU64::new(ms.min(END_MS - 1)).unwrap_or(NonZeroU64::MIN))
    }

    /// Milliseconds since 1970 (UTC).
    pub fn unix_ms(self) -> u64 {
        self.0.get()
    }

    /// Now, by this machine's clock.
    pub fn now() -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Moment::from_unix_ms(since.map_or(0, |since| since.as_millis() as u64))
    }

    /// Hours since 1970, rounded down.
    pub fn hour(self) -> u32 {
        (self.unix_ms() / HOUR_MS) as u32
    }

    /// The beginning of an hour.
    pub fn of_hour(hour: u32) -> Moment {
        Moment::from_unix_ms(u64::from(hour) * HOUR_MS)
    }

    /// What a dump or a person writes: `2026-11-23T21:52:29.518000`, with a space for the `T`,
    /// with `Z` or an offset such as `+01:00` behind it (UTC without), or the date alone.
    pub fn parse(text: &[u8]) -> Option<Moment> {
        let (date, rest) = text.split_at_checked(10)?;
        let [.., b'-', _, _, b'-', _, _] = date else {
            return None;
        };
        let (year, month, day) = (
            number(&date[..4])?,
            number(&date[5..7])?,
            number(&date[8..])?,
        );
        if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
            return None;
        }
        let mut ms = days_since_1970(year, month, day) * DAY_MS as i64;
        if let [b'T' | b' ', clock @ ..] = rest {
            ms += clock_ms(clock)?;
        } else if !rest.is_empty() {
            return None;
        }
        Some(Moment::from_unix_ms(ms.max(0) as u64))
    }
}

/// The time as RFC 3339 has it, to the second.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.unix_ms() / 1000;
        let (year, month, day) = date_of((seconds / 86_400) as i64);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// `HH:MM:SS`, a fraction, an offset; in milliseconds, UTC.
fn clock_ms(clock: &[u8]) -> Option<i64> {
    let (time, mut rest) = clock.split_at_checked(8)?;
    let [_, _, b':', _, _, b':', _, _] = time else {
        return None;
    };
    let (hour, minute, second) = (
        number(&time[..2])?,
        number(&time[3..5])?,
        number(&time[6..])?,
    );
    // Sixty seconds: a leap second, as RFC 3339 allows.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut ms = ((hour * 60 + minute) * 60 + second) * 1000;
    if let [b'.', digits @ ..] = rest {
        let length = digits
            .iter()
            .take_while(|digit| digit.is_ascii_digit())
            .count();
        let kept = length.min(3);
        let scale = [0, 100, 10, 1][kept];
        ms += number(&digits[..kept])? * scale;
        rest = &digits[length..];
    }
    Some(ms - offset_ms(rest)?)
}

fn offset_ms(offset: &[u8]) -> Option<i64> {
    match offset {
        b"" | b"Z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let minutes = number(&[*h1, *h2])? * 60 + number(&[*m1, *m2])?;
            Some(minutes * if *sign == b'-' { -60_000 } else { 60_000 })
        }
        _ => None,
    }
}

/// A few digits; nothing of nothing.
fn number(digits: &[u8]) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        digits
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
    })
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. Years are counted from March, so that the
/// leap day is their last one, in cycles of 400 years (146,097 days).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + day_of_year - 719_468
}

/// The date of a day since 1970-01-01: the way back.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (cycle, of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let day_of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + cycle * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_tools_are_one_time() {
        let truth = Moment::from_unix_ms(1_795_470_749_518);
        for text in [
            "2026-11-23T21:52:29.518000",
            "2026-11-23T21:52:29.518Z",
            "2026-11-23 21:52:29.518",
            "2026-11-23T22:52:29.518+01:00",
            "2026-11-23T16:22:29.518999-05:30",
        ] {
            assert_eq!(Moment::parse(text.as_bytes()), Some(truth), "{text}");
        }
        let midnight = Moment::parse(b"2026-11-23").expect("a date");
        assert_eq!(midnight.to_string(), "2026-11-23T00:00:00Z");
        assert_eq!(truth.to_string(), "2026-11-23T21:52:29Z");
        assert_eq!(
            Moment::of_hour(truth.hour()).to_string(),
            "2026-11-23T21:00:00Z"
        );
    }

    #[test]
    fn the_ends_of_time_hold() {
        assert_eq!(
            Moment::parse(b"1969-12-31T23:59:59").map(Moment::unix_ms),
            Some(1)
        );
        assert_eq!(Moment::parse(b"0000-01-01").map(Moment::unix_ms), Some(1));
        let last = Moment::parse(b"9999-12-31T23:59:60").expect("a time");
        assert_eq!(last, Moment::from_unix_ms(u64::MAX));
        assert_eq!(last.to_string(), "9999-12-31T23:59:59Z");
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-11-23T",
            "2026-11-23T24:00:00",
            "2026-11-23T21:52",
            "2026-11-23T21:52:29.",
            "2026-11-23T21:52:29+1",
            "2026-11-23x",
            "2o26-11-23",
            "2026-11-00",
        ] {
            assert_eq!(Moment::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_day_goes_there_and_back() {
        for day in 0..=2_932_896u64 {
            let moment = Moment::from_unix_ms(day * DAY_MS + 1);
            if day % 97 != 0 && day < 2_932_890 {
                continue;
            }
            let text = moment.to_string();
            assert_eq!(
                Moment::parse(&text.as_bytes()[..10]).map(Moment::hour),
                Some(moment.hour()),
                "{text}"
            );
        }
    }
}
