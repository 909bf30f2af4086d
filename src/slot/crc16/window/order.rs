//! The order in which the keys of a block are hashed, and the keys put off.

use super::super::constants::WINDOW;
use super::BLOCK;
use crate::slot::KeySpan;

/// A block's keys, those that half a window holds in front.
pub(in super::super) struct Order {
    keys: [Key; BLOCK],
    short: usize,
    count: usize,
}

/// The index of a key in its block. Invariant: below [`BLOCK`].
#[derive(Clone, Copy)]
pub(in super::super) struct Key(u8);

impl Key {
    /// Below [`BLOCK`], and the compiler knows.
    #[inline(always)]
    pub(super) fn index(self) -> usize {
        let index = usize::from(self.0);
        // SAFETY: by the invariant.
        unsafe { std::hint::assert_unchecked(index < BLOCK) };
        index
    }
}

impl Order {
    /// The first `count` keys.
    ///
    /// Without a branch, because no processor would guess a key's length: each
    /// is written to both ends of what is free, and counted at one of them.
    #[inline(always)]
    pub(super) fn by_length(spans: &[KeySpan; BLOCK], count: usize) -> Order {
        let mut keys = [Key(0); BLOCK];
        let (mut short, spans) = (0, &spans[..count]);
        for (key, span) in spans.iter().enumerate() {
            // SAFETY: `key` is below `count`, which is at most `BLOCK`, and so is
            // `short`, the number of some of the keys before it. The other index
            // is `count` - 1 less the number of the others before it.
            unsafe {
                let key = Key(key as u8);
                *keys.get_unchecked_mut(short) = key;
                *keys.get_unchecked_mut(count - 1 - (usize::from(key.0) - short)) = key;
            }
            let is_short = span.end.wrapping_sub(span.start) <= WINDOW as u32 / 2;
            short += usize::from(is_short);
        }
        Order { keys, short, count }
    }

    /// Groups of `N` short keys, and then groups of keys of all lengths.
    #[inline(always)]
    pub(super) fn groups<const N: usize>(&self) -> (&[[Key; N]], &[[Key; N]]) {
        let groups = self.keys[..self.count].as_chunks().0;
        groups.split_at(self.short / N)
    }
}

/// Keys to be looked at again: fewer than a block of them, and a block's.
pub(in super::super) struct PutOff {
    keys: [u32; 2 * BLOCK],
    count: usize,
}

impl PutOff {
    pub(super) fn new() -> PutOff {
        PutOff {
            keys: [0; 2 * BLOCK],
            count: 0,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A block of keys, when there are so many: they are taken off the list.
    #[inline]
    pub(super) fn take_block(&mut self) -> Option<&[u32; BLOCK]> {
        self.count = self.count.checked_sub(BLOCK)?;
        self.keys[self.count..].first_chunk()
    }

    /// What is left when there is no whole block.
    pub(super) fn rest(&self) -> &[u32] {
        &self.keys[..self.count]
    }

    /// The next block of keys, to be written and then [`advance`](PutOff::advance)d
    /// over.
    ///
    /// # Panics
    /// When there is a block already.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(in super::super) fn spare(&mut self) -> &mut [u32; BLOCK] {
        let spare = self.keys[self.count..].first_chunk_mut();
        spare.expect("less than a block")
    }

    /// Takes `count` of the spare keys, at most a block.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(in super::super) fn advance(&mut self, count: usize) {
        self.count += count.min(BLOCK);
    }

    /// To append to, the count in a variable of its own and so in a register.
    #[inline(always)]
    pub(super) fn cursor(&mut self) -> PutOffCursor<'_> {
        PutOffCursor {
            at: self.count,
            keys: &mut self.keys,
            count: &mut self.count,
        }
    }
}

/// The end of the list of keys put off.
pub(super) struct PutOffCursor<'a> {
    keys: &'a mut [u32; 2 * BLOCK],
    at: usize,
    count: &'a mut usize,
}

impl PutOffCursor<'_> {
    /// Appends a key, if it is to be: it is written anyway, and counted or not.
    #[inline(always)]
    pub(super) fn put(&mut self, key: u32, is_put_off: bool) {
        self.keys[self.at % (2 * BLOCK)] = key;
        self.at += usize::from(is_put_off);
    }

    /// Keeps what was appended.
    #[inline(always)]
    pub(super) fn finish(self) {
        *self.count = self.at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_come_first_and_none_is_lost() {
        for (count, period) in [(64, 1), (64, 2), (64, 3), (64, 100), (8, 2), (16, 5)] {
            let span = |key| KeySpan {
                start: 7,
                end: 7 + if key % period == 0 { 32 } else { 33 },
            };
            let spans: [KeySpan; BLOCK] = std::array::from_fn(|key| span(key as u32));
            let order = Order::by_length(&spans, count);
            let (short, long) = order.groups::<1>();
            let is_short = |[key]: &[Key; 1]| (key.index() as u32).is_multiple_of(period);
            assert!(short.iter().all(is_short), "{count} {period}");
            assert!(!long.iter().any(is_short), "{count} {period}");
            let mut keys: Vec<usize> = [short, long]
                .concat()
                .iter()
                .map(|[key]| key.index())
                .collect();
            keys.sort_unstable();
            assert!(keys.into_iter().eq(0..count), "{count} {period}");
        }
    }

    #[test]
    fn keys_are_put_off_until_they_fill_a_block() {
        let mut put_off = PutOff::new();
        for start in (0..256).step_by(BLOCK) {
            let mut cursor = put_off.cursor();
            (start..start + 64).for_each(|key| cursor.put(key, key % 3 == 0));
            cursor.finish();
            if start < 128 {
                assert!(put_off.take_block().is_none());
            }
        }
        assert_eq!(put_off.count(), 86);
        let block = put_off.take_block().expect("a block");
        assert!(block.iter().copied().eq((66..258).step_by(3)));
        assert!(put_off.take_block().is_none());
        assert!(put_off.rest().iter().copied().eq((0..66).step_by(3)));
    }
}
