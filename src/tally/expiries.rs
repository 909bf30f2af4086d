//! When keys expire, by the hour.

use super::GroupCount;
use super::hours::Hours;
use crate::source::Moment;
use std::collections::BTreeMap;

/// How many different hours are counted: nearly two years without a gap.
pub(super) const MAX_HOURS: usize = 16_384;

/// The last day that has a count of its own, in the year 2149; all later ones are counted there.
pub(super) const LAST_DAY: u32 = u16::MAX as u32;

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
    pub(super) fn add(&mut self, at: Moment, size_bytes: u64) {
        let count = GroupCount {
            keys: 1,
            bytes: size_bytes,
        };
        self.add_hour(at.hour(), count);
    }

    /// Counts several keys of an hour.
    pub(super) fn add_hour(&mut self, hour: u32, count: GroupCount) {
        if let Expiries::Hours(hours) = self {
            let hour = hour.min(LAST_DAY * HOURS_A_DAY + HOURS_A_DAY - 1);
            hours.add(hour, count);
            if hours.len() > MAX_HOURS {
                self.give_hours_up();
            }
        } else {
            self.add_day(hour / HOURS_A_DAY, count);
        }
    }

    /// Counts several keys of a day, which has no hours any more.
    pub(super) fn add_day(&mut self, day: u32, count: GroupCount) {
        self.give_hours_up();
        if let Expiries::Days(days) = self {
            let known = days.entry(day.min(LAST_DAY)).or_default();
            known.add(count.keys, count.bytes);
        }
    }

    /// Counts by days from now on.
    pub(super) fn give_hours_up(&mut self) {
        let Expiries::Hours(hours) = self else { return };
        let mut days: BTreeMap<u32, GroupCount> = BTreeMap::new();
        for (hour, count) in hours.all() {
            let known = days.entry(hour / HOURS_A_DAY).or_default();
            known.add(count.keys, count.bytes);
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
    pub(super) fn by_time(&self) -> Vec<(Moment, GroupCount)> {
        let hours = if self.are_hours() { 1 } else { HOURS_A_DAY };
        let counts = self.sorted().into_iter();
        counts
            .map(|(at, count)| (Moment::of_hour(at * hours), count))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(keys: u64) -> GroupCount {
        GroupCount {
            keys,
            bytes: keys * 10,
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
    fn the_end_of_time_is_one_day() {
        let mut expiries = Expiries::default();
        expiries.add(Moment::from_unix_ms(u64::MAX), 5);
        expiries.add_hour(u32::MAX, one(1));
        assert_eq!(expiries.sorted().len(), 1);
        expiries.give_hours_up();
        expiries.add_hour(u32::MAX, one(1));
        assert_eq!(
            expiries.sorted(),
            [(LAST_DAY, GroupCount { keys: 3, bytes: 25 })]
        );
    }
}
