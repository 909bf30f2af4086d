//! Slot markers: the writer's own counts, held against the keys that follow.

use crate::slot::Slot;

/// How many differences are told one by one.
const TOLD: u64 = 3;

/// What a marker says of the keys behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    slot: Slot,
    keys: u64,
    expiring: u64,
}

impl Mark {
    /// A marker; none when there is no such slot.
    pub(super) fn new(slot: u64, keys: u64, expiring: u64) -> Option<Mark> {
        let slot = Slot::new(u16::try_from(slot).ok()?)?;
        Some(Mark {
            slot,
            keys,
            expiring,
        })
    }

    /// The field of Valkey 8: `slot,keys,expiring`.
    pub(super) fn from_field(value: &[u8]) -> Option<Mark> {
        let mut numbers = std::str::from_utf8(value).ok()?.split(',');
        let mut next = || numbers.next()?.trim().parse().ok();
        let (slot, keys, expiring) = (next()?, next()?, next()?);
        Mark::new(slot, keys, expiring)
    }
}

/// Counts keys behind a marker.
#[derive(Debug, Default)]
pub(super) struct Marks {
    open: Option<Mark>,
    keys: u64,
    expiring: u64,
    /// Keys whose CRC16 gives another slot.
    strangers: u64,
    differences: u64,
}

impl Marks {
    pub(super) fn open(&mut self, mark: Mark) {
        (self.keys, self.expiring, self.strangers) = (0, 0, 0);
        self.open = Some(mark);
    }

    #[inline]
    pub(super) fn are_open(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn count(&mut self, key: &[u8], expires: bool) {
        self.keys += 1;
        self.expiring += u64::from(expires);
        let is_here = self
            .open
            .is_some_and(|mark| Slot::for_key(key) == mark.slot);
        self.strangers += u64::from(!is_here);
    }

    /// Counts a key whose name wasn't read.
    pub(super) fn count_unread(&mut self, expires: bool) {
        self.keys += 1;
        self.expiring += u64::from(expires);
    }

    /// Ends the slot; returns what differs from its marker, unless enough was told.
    pub(super) fn close(&mut self) -> Option<String> {
        let mark = self.open.take()?;
        let is_as_said = mark.keys == self.keys && mark.expiring == self.expiring;
        if is_as_said && self.strangers == 0 {
            return None;
        }
        self.differences += 1;
        if self.differences > TOLD {
            return None;
        }
        let slot = mark.slot;
        Some(if is_as_said {
            format!(
                "{} of the {} keys under slot {slot}'s marker belong to other slots",
                self.strangers, self.keys
            )
        } else {
            format!(
                "slot {slot}'s marker says {} keys, {} of them expiring; it has {} and {}",
                mark.keys, mark.expiring, self.keys, self.expiring
            )
        })
    }

    /// Those differences that weren't told one by one.
    pub(super) fn more_differences(&self) -> Option<String> {
        let more = self
            .differences
            .checked_sub(TOLD)
            .filter(|more| *more > 0)?;
        Some(format!(
            "the markers of {more} more slots differ from their keys"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_and_then_counted() {
        let mut marks = Marks::default();
        marks.open(Mark::from_field(b"866,1,0").expect("a marker"));
        marks.count(b"hello", false);
        assert_eq!(marks.close(), None);
        for _ in 0..5 {
            marks.open(Mark::new(866, 2, 1).expect("a marker"));
            marks.count(b"hello", false);
            let said = marks.close();
            assert_eq!(said.is_some(), marks.differences <= TOLD);
        }
        assert!(
            marks
                .more_differences()
                .expect("two")
                .contains("2 more slots")
        );
        marks.open(Mark::new(865, 1, 0).expect("a marker"));
        marks.count(b"hello", false);
        marks.differences = 0;
        assert!(marks.close().expect("a stranger").contains("other slots"));
        assert_eq!(Mark::new(16_384, 0, 0), None);
        assert_eq!(Mark::from_field(b"1,2"), None);
    }
}
