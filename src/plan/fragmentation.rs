//! How many runs of slots a plan may leave, and what fewer of them may cost.

use super::decimal;
use std::fmt;
use std::str::FromStr;

/// What a plan does about runs: the maximal ranges of consecutive slots of one
/// primary, which `CLUSTER SLOTS` lists and every client reads again after each change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragmentation {
    /// How much more than the least a plan may move so that it leaves fewer runs.
    pub cost: ExtraCost,
    /// At most so many runs in the whole cluster, whatever that costs.
    pub max_runs: Option<u64>,
    /// Make the runs that there are fewer, whatever that costs: no load is further from its share for it.
    pub defragment: bool,
}

impl Fragmentation {
    /// Whether runs alone are a reason to move anything.
    pub(super) fn is_aim(self) -> bool {
        self.defragment || self.max_runs.is_some()
    }
}

/// A part of what a plan moves at least, in percent; 1 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExtraCost {
    millionths_of_percent: u64,
}

impl ExtraCost {
    /// Nothing but the least.
    pub const NONE: ExtraCost = ExtraCost {
        millionths_of_percent: 0,
    };

    /// The largest: a hundred times the least.
    const MAX: u64 = 10_000 * decimal::ONE;

    /// What may be moved in all where so much is the least.
    pub(super) fn over(self, least: i64) -> i64 {
        let whole = u128::from(100 * decimal::ONE);
        let extra = least.max(0) as u128 * u128::from(self.millionths_of_percent) / whole;
        least.saturating_add(i64::try_from(extra).unwrap_or(i64::MAX))
    }
}

impl Default for ExtraCost {
    fn default() -> ExtraCost {
        ExtraCost {
            millionths_of_percent: decimal::ONE,
        }
    }
}

impl FromStr for ExtraCost {
    type Err = String;

    /// Percent, with or without the sign: `1`, `0.5`, `20%`.
    fn from_str(text: &str) -> Result<ExtraCost, String> {
        let number = text.strip_suffix('%').unwrap_or(text);
        decimal::millionths(number)
            .filter(|value| *value <= ExtraCost::MAX)
            .map(|millionths_of_percent| ExtraCost {
                millionths_of_percent,
            })
            .ok_or_else(|| {
                format!(
                    "expected a percentage from 0 to 10000, found `{}`",
                    crate::escape::quoted(text)
                )
            })
    }
}

impl fmt::Display for ExtraCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", decimal::to_float(self.millionths_of_percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_a_percentage_of_the_least() {
        let over = |text: &str, least| text.parse::<ExtraCost>().map(|cost| cost.over(least));
        assert_eq!(over("1", 1000), Ok(1010));
        assert_eq!(over("0.5%", 1000), Ok(1005));
        assert_eq!(over("0", 1000), Ok(1000));
        assert_eq!(over("10000", 1 << 60), Ok(i64::MAX));
        for text in ["-1", "10001", "x", "", "%"] {
            assert!(text.parse::<ExtraCost>().is_err(), "{text}");
        }
        assert_eq!(ExtraCost::default().to_string(), "1");
    }
}
