//! How soon keys expire.

use super::super::rounding::rounded;
use super::{Bytes, Known};
use crate::source::Timestamp;
use crate::tally::{GroupCount, Tally};
use serde::Serialize;

/// How far ahead is told apart: names and hours.
const HORIZONS: [(&str, u64); 6] = [
    ("1h", 1),
    ("1d", 24),
    ("7d", 7 * 24),
    ("30d", 30 * 24),
    ("90d", 90 * 24),
    ("365d", 365 * 24),
];

const HOUR_MS: u64 = 3_600_000;

/// When keys expire, where the input tells.
#[derive(Debug, Serialize)]
pub struct Expiry {
    /// From when is counted: the beginning of the hour asked for; of the day where `resolution` is `day`.
    pub as_of: String,
    /// How finely times are told apart: `hour`, or `day` with very many different hours (then `year` from June 2149 on).
    pub resolution: &'static str,
    /// How many keys have a known time.
    pub known: u64,
    /// How many keys expire at a time that the input doesn't tell.
    pub unknown: u64,
    /// The hour or day of the first.
    pub first: String,
    /// The hour or day by whose end half of them are gone.
    pub median: String,
    /// The hour or day of the last.
    pub last: String,
    /// Whether the first is of 1970, and stands for any earlier time too.
    pub first_or_earlier: bool,
    /// Whether the last is the end of the year 9999, and stands for any later time too.
    pub last_or_later: bool,
    /// How many expire when; every key with a known time is in one of these.
    pub horizon: Vec<Horizon>,
}

/// Keys that expire within some time.
#[derive(Debug, Serialize)]
pub struct Horizon {
    /// `past` for before `as_of`; `1h`, `1d`, `7d`, `30d`, `90d`, `365d` for up to so much later, but not
    /// in the class before; `later`.
    pub within: &'static str,
    /// How many keys expire in this class.
    pub keys: u64,
    /// How many bytes they free.
    #[serde(flatten)]
    pub size: Bytes,
    /// Their share of the keys with a known time.
    pub share: f64,
}

/// How soon keys expire; nothing when no time is known.
pub(super) fn expiry(tally: &Tally, known: Known, as_of: Timestamp) -> Option<Expiry> {
    let (times, are_hours) = tally.expiries();
    let (first, last) = (times.first()?.0, times.last()?.0);
    let as_of = if are_hours {
        Timestamp::of_hour(as_of.hour())
    } else {
        Timestamp::of_hour(as_of.hour() / 24 * 24)
    };
    let mut classes = [GroupCount::default(); HORIZONS.len() + 2];
    for (at, count) in &times {
        let class = class(*at, as_of);
        classes[class] = classes[class].plus(*count);
    }
    let all = classes
        .iter()
        .fold(0, |sum: u64, class| sum.saturating_add(class.keys));
    let names = std::iter::once("past")
        .chain(HORIZONS.iter().map(|(name, _)| *name))
        .chain(["later"]);
    Some(Expiry {
        as_of: as_of.to_string(),
        resolution: if are_hours { "hour" } else { "day" },
        known: all,
        unknown: tally.total().expiring.saturating_sub(all),
        first: first.to_string(),
        median: median(&times, all).to_string(),
        last: last.to_string(),
        first_or_earlier: first.is_beginning(),
        last_or_later: last.is_end(),
        horizon: names
            .zip(classes)
            .map(|(within, class)| Horizon {
                within,
                keys: class.keys,
                size: known.of_group(class),
                share: rounded(class.keys as f64 / all.max(1) as f64),
            })
            .collect(),
    })
}

/// Past, one of the horizons, or later.
fn class(at: Timestamp, as_of: Timestamp) -> usize {
    let Some(ahead) = at.unix_ms().checked_sub(as_of.unix_ms()) else {
        return 0;
    };
    let within = |(_, hours): &(&str, u64)| ahead < hours * HOUR_MS;
    1 + HORIZONS.iter().position(within).unwrap_or(HORIZONS.len())
}

fn median(times: &[(Timestamp, GroupCount)], all: u64) -> Timestamp {
    let mut sum: u64 = 0;
    let half = times.iter().find(|(_, count)| {
        sum = sum.saturating_add(count.keys);
        sum >= all.div_ceil(2)
    });
    // The sum of all is at least half of it.
    half.map_or(Timestamp::from_unix_ms(0), |(at, _)| *at)
}
