//! Floor 1: slots, and the slot of a key.
//!
//! A slot is `CRC16(tag) mod 16384`, where the tag is the part of the key
//! between its first `{` and the first `}` after it, or the whole key when
//! there is no such part or it is empty (the Redis Cluster specification,
//! "Keys hash tags"). Keys are bytes, never text.

mod crc16;
mod ends;
mod hash_tag;
mod list;
mod places;
mod range;
mod set;
mod tag_for;

pub use crc16::{KERNEL_VARIABLE, Kernel, kernel};
pub use hash_tag::hash_tag;
pub use list::{ListCount, ListFormat, count_list, slots_of_list};
pub(crate) use places::Places;
pub use range::{SlotRange, SlotRangeError};
pub use set::SlotSet;
pub use tag_for::tag_for;

use std::fmt;

/// How many slots a cluster has.
pub const SLOT_COUNT: usize = 16_384;

/// One of the 16,384 slots of a cluster. A number outside can't be held.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The lowest slot, 0.
    pub const MIN: Slot = Slot(0);
    /// The highest slot, 16383.
    pub const MAX: Slot = Slot(SLOT_COUNT as u16 - 1);

    /// The slot of this number, or nothing when there is no such slot.
    ///
    /// ```
    /// # use slotkit::slot::Slot;
    /// assert!(Slot::new(16383).is_some());
    /// assert!(Slot::new(16384).is_none());
    /// ```
    pub const fn new(number: u16) -> Option<Slot> {
        if (number as usize) < SLOT_COUNT {
            Some(Slot(number))
        } else {
            None
        }
    }

    /// The slot that a key is in, its hash tag respected.
    ///
    /// ```
    /// # use slotkit::slot::Slot;
    /// assert_eq!(Slot::for_key(b"hello").number(), 866);
    /// assert_eq!(Slot::for_key(b"{user1000}.following"), Slot::for_key(b"{user1000}.followers"));
    /// ```
    #[inline]
    pub fn for_key(key: &[u8]) -> Slot {
        crc16::selected_kernel().slot_of(key)
    }

    /// The slot's number, 0 to 16383.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The slot's number as an index into a table of [`SLOT_COUNT`].
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All 16,384 slots, ascending.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator {
        (0..SLOT_COUNT as u16).map(Slot)
    }

    /// The slot of a key whose tag has this checksum: the low 14 bits.
    #[inline]
    const fn from_crc(crc: u16) -> Slot {
        Slot(crc & (SLOT_COUNT as u16 - 1))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({})", self.0)
    }
}

impl serde::Serialize for Slot {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Slot {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Slot, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Slot::new(number).ok_or_else(|| {
            serde::de::Error::custom(format!("expected a slot (0 to 16383), found {number}"))
        })
    }
}

/// CRC16/XMODEM of some bytes: polynomial 0x1021, initial value 0, not
/// reflected, no final xor (`123456789` gives 0x31C3). Slots are its low 14
/// bits; hash tags are *not* looked for here.
pub fn checksum(bytes: &[u8]) -> u16 {
    crc16::selected_kernel().checksum(bytes)
}

/// Where one key lies in a buffer that holds many.
///
/// Offsets are 32 bits, so that a batch stays small; a buffer of keys is at
/// most 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)] // Kernels load eight at a time.
pub struct KeySpan {
    /// The offset of the key's first byte.
    pub start: u32,
    /// The offset behind the key's last byte.
    pub end: u32,
}

impl KeySpan {
    /// The key's bytes.
    ///
    /// # Panics
    /// When the span doesn't lie in the buffer.
    #[inline]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }
}

/// The slots of many keys: `slots[i]` becomes the slot of `spans[i]`.
///
/// ```
/// # use slotkit::slot::{slots_of, KeySpan, Slot};
/// let keys = b"hello{user1000}.x";
/// let spans = [KeySpan { start: 0, end: 5 }, KeySpan { start: 5, end: 17 }];
/// let mut slots = [Slot::MIN; 2];
/// slots_of(keys, &spans, &mut slots);
/// assert_eq!(slots.map(|slot| slot.number()), [866, 3443]);
/// ```
///
/// # Panics
/// When there are not as many slots as spans, or a span doesn't lie in the buffer.
pub fn slots_of(buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot]) {
    crc16::selected_kernel().slots_of(buffer, spans, slots);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples() {
        for (key, slot) in [
            (&b"hello"[..], 866),
            (b"number", 7743),
            (b"", 0),
            (b"123456789", 0x31C3),
            (b"foo{}{bar}", 8363),
            (b"foo{{bar}}zap", 4015),
            (b"{}x", 10595),
        ] {
            assert_eq!(Slot::for_key(key).number(), slot, "{}", key.escape_ascii());
        }
        assert_eq!(Slot::for_key(b"foo{{bar}}zap"), Slot::for_key(b"{bar"));
        assert_eq!(Slot::for_key(b"foo{bar}{zap}"), Slot::for_key(b"bar"));
    }

    #[test]
    fn a_batch_agrees_with_one_key_at_a_time() {
        let buffer = b"{a}bcdefghij";
        let spans: Vec<KeySpan> = (0..12)
            .flat_map(|start| (start..=12).map(move |end| KeySpan { start, end }))
            .collect();
        let mut slots = vec![Slot::MIN; spans.len()];
        slots_of(buffer, &spans, &mut slots);
        for (span, slot) in spans.iter().zip(&slots) {
            assert_eq!(*slot, Slot::for_key(span.of(buffer)));
        }
    }
}
