//! The size of hash tables that grew: how many buckets they have, also while they are moved to a larger table.

/// How a table came to its entries, one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    pub(super) entries: u64,
    /// Up to how many entries were put in at once, into a table of the right size.
    pub(super) made: u64,
    /// How many buckets an insertion moves: looking before inserting moves one too.
    pub(super) steps: u64,
}

impl Growth {
    /// The buckets of a dictionary: a power of two that holds the entries, 4 at least.
    ///
    /// At each doubling the old table stays until its buckets were moved, one or two with each
    /// insertion. Of a full table 63 of 100 buckets aren't empty; empty ones cost no step.
    pub(super) fn buckets(self) -> u64 {
        let size = power_of_two(self.entries.max(4));
        let half = size / 2;
        let is_moving = half >= 4
            && self.made < half
            && (self.entries - half).saturating_mul(self.steps * 100) < half.saturating_mul(63);
        size + if is_moving { half } else { 0 }
    }

    /// The buckets of Valkey's table, which have room for seven entries and chain others.
    pub(super) fn valkey_buckets(self) -> u64 {
        let size = power_of_two(self.entries.div_ceil(7).max(1));
        let half = size / 2;
        let chained = expected_chained(self.entries, size);
        let moved = self
            .entries
            .saturating_sub(7 * half)
            .saturating_mul(self.steps);
        if half == 0 || moved >= half {
            return size + chained;
        }
        // The old table is full, and what isn't moved yet has its chains.
        size + half + (half - moved).saturating_mul(expected_chained(7 * half, half)) / half
    }
}

fn power_of_two(least: u64) -> u64 {
    least
        .checked_next_power_of_two()
        .unwrap_or(1 << 63)
        .min(1 << 50)
}

/// How many buckets have more than seven entries when they fall at random: the tail of a Poisson
/// distribution.
fn expected_chained(entries: u64, buckets: u64) -> u64 {
    let mean = entries as f64 / buckets as f64;
    let mut term = (-mean).exp();
    let mut few = term;
    for count in 1..=7 {
        term *= mean / f64::from(count);
        few += term;
    }
    (buckets as f64 * (1.0 - few)).max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_moved_for_a_while_after_it_doubled() {
        let buckets = |entries, steps| {
            Growth {
                entries,
                made: 0,
                steps,
            }
            .buckets()
        };
        assert_eq!(buckets(1, 1), 4);
        assert_eq!(buckets(4, 1), 4);
        assert_eq!(buckets(5, 1), 8 + 4);
        assert_eq!(buckets(512, 1), 512);
        assert_eq!(buckets(682, 1), 1024 + 512);
        assert_eq!(buckets(900, 1), 1024);
        assert_eq!(buckets(700, 2), 1024);
        let made = Growth {
            entries: 600,
            made: 512,
            steps: 1,
        };
        assert_eq!(made.buckets(), 1024);
        let hostile = Growth {
            entries: u64::MAX,
            made: 0,
            steps: 4,
        };
        assert!(hostile.buckets() > 0 && hostile.valkey_buckets() > 0);
    }

    /// Measured on Valkey 9.1 (sets, by MEMORY USAGE).
    #[test]
    fn valkeys_buckets_are_near_what_was_measured() {
        for (entries, measured) in [
            (52, 11),
            (349, 74),
            (412, 84),
            (461, 217),
            (500, 203),
            (657, 149),
        ] {
            let growth = Growth {
                entries,
                made: 0,
                steps: 1,
            };
            let off = growth.valkey_buckets().abs_diff(measured);
            assert!(
                off * 10 <= measured,
                "{entries}: {} for {measured}",
                growth.valkey_buckets()
            );
        }
    }
}
