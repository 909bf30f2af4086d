//! When keys expire, by the hour.

use super::GroupCount;
use super::hours::Hours;
use crate::source::Timestamp;
use std::collections::BTreeMap;

/// How many different hours are counted: nearly two years without a gap.
pub(super) const MAX_HOURS: usize = 16_384;

/// The last day that has a count of its own, in the year 2149, once there are too many different hours: those of a
/// later year are counted together then, at its beginning.
const LAST_DAY: u32 = u16::MAX as u32;

/// How many different days and years there may be, up to the year 9999.
pub(super) const MAX_TIMES: usize = LAST_DAY as usize + 8_000;

const HOURS_A_DAY: u32 = 24;

/// How many keys expire in each hour; in each day, once there are too many different hours.
///
/// Whether hours are given up depends only on which hours there are, never on their order or on
/// how the input was cut: a part has too many only if the whole has.
#[derive(Clone, Debug)]
pub(super) enum Expiries {
    /// By hours since 1970.
    Hours(Hours),
    /// By days since 1970.
    Days(BTreeMap<u32, GroupCount>),
}

impl Default for Expiries {
    fn default() -> Expiries {
        Expiries::Hours(Hours::default())
    }
}

impl Expiries {
    /// Counts a key.
    #[inline]
    pub(super) fn add(&mut self, at: Timestamp, size_bytes: u64) {
        self.add_hour(at.hour(), GroupCount::of_key(size_bytes));
    }

    /// Says that a key that was counted has no size.
    pub(super) fn has_unsized(&mut self, at: Timestamp) {
        let hour = at.hour();
        match self {
            Expiries::Hours(hours) => hours.has_unsized(hour),
            Expiries::Days(days) => {
                let day = days.entry(counted_day(hour / HOURS_A_DAY)).or_default();
                day.unsized_keys += 1;
            }
        }
    }

    /// Says that none of the keys that were counted has a size.
    pub(super) fn all_are_unsized(&mut self) {
        let all_are = |count: &mut GroupCount| count.unsized_keys = count.keys;
        match self {
            Expiries::Hours(hours) => hours.counts_mut().for_each(all_are),
            Expiries::Days(days) => days.values_mut().for_each(all_are),
        }
    }

    /// Counts several keys of an hour.
    pub(super) fn add_hour(&mut self, hour: u32, count: GroupCount) {
        if let Expiries::Hours(hours) = self {
            hours.add(hour.min(last_hour()), count);
            if hours.len() > MAX_HOURS {
                self.give_hours_up();
            }
        } else {
            self.add_day(hour.min(last_hour()) / HOURS_A_DAY, count);
        }
    }

    /// Counts several keys of a day, which has no hours any more.
    pub(super) fn add_day(&mut self, day: u32, count: GroupCount) {
        self.give_hours_up();
        if let Expiries::Days(days) = self {
            let known = days.entry(counted_day(day)).or_default();
            known.join(count);
        }
    }

    /// Counts by days from now on.
    pub(super) fn give_hours_up(&mut self) {
        let Expiries::Hours(hours) = self else { return };
        let mut days: BTreeMap<u32, GroupCount> = BTreeMap::new();
        for (hour, count) in hours.all() {
            let known = days.entry(counted_day(hour / HOURS_A_DAY)).or_default();
            known.join(count);
        }
        *self = Expiries::Days(days);
    }

    pub(super) fn merge(&mut self, other: Expiries) {
        match other {
            Expiries::Hours(hours) => {
                for (hour, count) in hours.all() {
                    self.add_hour(hour, count);
                }
            }
            Expiries::Days(days) => {
                self.give_hours_up();
                for (day, count) in days {
                    self.add_day(day, count);
                }
            }
        }
    }

    /// Whether hours are still told apart.
    pub(super) fn are_hours(&self) -> bool {
        matches!(self, Expiries::Hours(_))
    }

    /// The counts by hour or by day, ascending.
    pub(super) fn sorted(&self) -> Vec<(u32, GroupCount)> {
        match self {
            Expiries::Hours(hours) => {
                let mut hours: Vec<_> = hours.all().collect();
                hours.sort_unstable_by_key(|(hour, _)| *hour);
                hours
            }
            Expiries::Days(days) => days.iter().map(|(day, count)| (*day, *count)).collect(),
        }
    }

    /// The beginnings of the hours or days with their counts, ascending.
    pub(super) fn by_time(&self) -> Vec<(Timestamp, GroupCount)> {
        let hours = if self.are_hours() { 1 } else { HOURS_A_DAY };
        let counts = self.sorted().into_iter();
        counts
            .map(|(at, count)| (Timestamp::of_hour(at * hours), count))
            .collect()
    }
}

/// The last hour of the year 9999: all later times are in it.
fn last_hour() -> u32 {
    Timestamp::from_unix_ms(u64::MAX).hour()
}

/// The day that a day is counted as: of those after [`LAST_DAY`], the first of their year.
fn counted_day(day: u32) -> u32 {
    if day <= LAST_DAY {
        return day;
    }
    let day = day.min(last_hour() / HOURS_A_DAY);
    first_of_year(day).max(LAST_DAY + 1)
}

/// The first day of the year that a day is in, by the calendar that repeats itself every 400 years.
fn first_of_year(day: u32) -> u32 {
    let before = |year: u32| {
        let years = year - 1970;
        let leaps = |year: u32| year / 4 - year / 100 + year / 400;
        years * 365 + leaps(year - 1) - leaps(1969)
    };
    let guess = 1970 + day / 366;
    let mut year = guess;
    while before(year + 1) <= day {
        year += 1;
    }
    before(year)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(keys: u64) -> GroupCount {
        GroupCount {
            keys,
            bytes: keys * 10,
            unsized_keys: 0,
        }
    }

    #[test]
    fn too_many_hours_become_days_in_any_order() {
        let all: Vec<u32> = (0..MAX_HOURS as u32 + 500)
            .map(|hour| hour * 7 % 99_991)
            .collect();
        let count = |hours: &[u32]| {
            let mut expiries = Expiries::default();
            hours
                .iter()
                .for_each(|hour| expiries.add_hour(*hour, one(1)));
            expiries
        };
        let whole = count(&all);
        assert!(!whole.are_hours());
        assert!(count(&all[..MAX_HOURS]).are_hours());
        for at in [0, 1, 300, 9000, MAX_HOURS, all.len()] {
            let (first, second) = all.split_at(at);
            let (first, second) = (count(first), count(second));
            let mut there = first.clone();
            there.merge(second.clone());
            let mut back = second;
            back.merge(first);
            assert_eq!(there.sorted(), whole.sorted());
            assert_eq!(back.sorted(), whole.sorted());
        }
        let keys: u64 = whole.sorted().iter().map(|(_, count)| count.keys).sum();
        assert_eq!(keys, all.len() as u64);
    }

    #[test]
    fn years_begin_where_the_calendar_says() {
        for (year, next) in [
            (1970, "1971-01-01"),
            (2149, "2150-01-01"),
            (2400, "2401-01-01"),
            (9998, "9999-01-01"),
        ] {
            let day = |text: &str| {
                Timestamp::parse(text.as_bytes()).expect("a date").hour() / HOURS_A_DAY
            };
            let begin = day(&format!("{year}-01-01"));
            assert_eq!(first_of_year(begin), begin, "{year}");
            assert_eq!(first_of_year(day(next) - 1), begin, "{year}");
            assert_eq!(first_of_year(day(next)), day(next), "{year}");
        }
    }

    #[test]
    fn far_times_keep_their_hour_and_among_many_hours_their_year() {
        let mut expiries = Expiries::default();
        let at = |text: &str| Timestamp::parse(text.as_bytes()).expect("a time");
        expiries.add(at("2200-05-01T10:00:00"), 5);
        expiries.add(at("2300-01-01"), 5);
        let times = |expiries: &Expiries| -> Vec<String> {
            let times = expiries.by_time().into_iter();
            times.map(|(at, _)| at.to_string()).collect()
        };
        assert_eq!(
            times(&expiries),
            ["2200-05-01T10:00:00Z", "2300-01-01T00:00:00Z"]
        );
        expiries.give_hours_up();
        assert_eq!(
            times(&expiries),
            ["2200-01-01T00:00:00Z", "2300-01-01T00:00:00Z"]
        );
    }

    #[test]
    fn the_end_of_time_is_one_hour() {
        let mut expiries = Expiries::default();
        expiries.add(Timestamp::from_unix_ms(u64::MAX), 5);
        expiries.add_hour(u32::MAX, one(1));
        assert_eq!(expiries.sorted().len(), 1);
        assert!(expiries.by_time()[0].0.is_end());
        expiries.give_hours_up();
        expiries.add_hour(u32::MAX, one(1));
        let all = expiries.sorted();
        assert_eq!(
            (all.len(), all[0].1),
            (
                1,
                GroupCount {
                    keys: 3,
                    bytes: 25,
                    unsized_keys: 0
                }
            )
        );
    }
}
