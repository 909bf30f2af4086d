//! Runs of slots, as operators and servers write them: `5`, `0-5461`.

use super::Slot;
use std::fmt;
use std::str::FromStr;

/// An inclusive run of slots; the first is never above the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotRange {
    first: Slot,
    last: Slot,
}

impl SlotRange {
    /// From the first slot to the last, both included; nothing when they are the wrong way round.
    pub fn new(first: Slot, last: Slot) -> Option<SlotRange> {
        (first <= last).then_some(SlotRange { first, last })
    }

    /// The lowest slot of the range.
    pub fn first(self) -> Slot {
        self.first
    }

    /// The highest slot, which is in the range.
    pub fn last(self) -> Slot {
        self.last
    }

    /// The slots of the run, ascending.
    pub fn slots(self) -> impl Iterator<Item = Slot> {
        (self.first.number()..=self.last.number()).filter_map(Slot::new)
    }

    /// How many slots the run has, at least one.
    pub fn count(self) -> usize {
        self.last.index() - self.first.index() + 1
    }
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// Why a text isn't a run of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRangeError(String);

impl fmt::Display for SlotRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a slot (0 to {}) or a range such as 0-5461, found `{}`",
            Slot::MAX,
            crate::escape::quoted(&self.0)
        )
    }
}

impl std::error::Error for SlotRangeError {}

impl FromStr for SlotRange {
    type Err = SlotRangeError;

    fn from_str(text: &str) -> Result<SlotRange, SlotRangeError> {
        let slot = |digits: &str| {
            // `parse` would take a plus sign, which no server writes.
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain
                .then(|| digits.parse().ok().and_then(Slot::new))
                .flatten()
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        slot(first)
            .zip(slot(last))
            .and_then(|(first, last)| SlotRange::new(first, last))
            .ok_or_else(|| SlotRangeError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["0", "16383", "0-16383", "5-6"] {
            let range: SlotRange = text.parse().expect(text);
            assert_eq!(range.to_string(), text);
            assert_eq!(range.slots().count(), range.count());
        }
        assert_eq!(
            "7-7".parse::<SlotRange>().map(|range| range.to_string()),
            Ok("7".to_owned())
        );
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "-",
            "16384",
            "5-4",
            "1-",
            "-1",
            "+1",
            "1-2-3",
            " 1",
            "1,2",
            "99999999999",
        ] {
            assert!(text.parse::<SlotRange>().is_err(), "{text}");
        }
    }
}
