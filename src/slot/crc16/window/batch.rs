//! Hashes blocks of keys, whole or by their tags.

use super::windowed_keys::empty_span;
use super::{BLOCK, Block, Halves, LANES, Order, PutOff, Windows};
use crate::slot::{KeySpan, Slot};

/// [`Tier::slots_of`](super::super::Tier::slots_of) for a tier with windows.
///
/// Most keys have no tag, and those that do are where no processor would guess
/// them. So all are hashed whole, without a branch; those with a brace are put
/// off until they fill a block, and are then narrowed to their tags and hashed
/// again. Where tags are frequent they come first.
pub(in super::super) fn slots_of<T: Windows>(
    tier: T,
    buffer: &[u8],
    spans: &[KeySpan],
    slots: &mut [Slot],
    tags_first: &mut bool,
) {
    let mut batch = Batch {
        tier,
        buffer,
        spans,
        slots,
        put_off: PutOff::new(),
    };
    for start in (0..spans.len()).step_by(BLOCK) {
        let seen = batch.hash_from(start, *tags_first);
        *tags_first = seen > T::FEW_TAGS;
        batch.catch_up();
    }
    batch.finish();
}

struct Batch<'a, T> {
    tier: T,
    buffer: &'a [u8],
    spans: &'a [KeySpan],
    slots: &'a mut [Slot],
    put_off: PutOff,
}

impl<T: Windows> Batch<'_, T> {
    /// The slots of a block of keys from `start` on, or of those that are left;
    /// how many of them have a `{`, or, where tags come first, have a tag.
    fn hash_from(&mut self, start: usize, tags_first: bool) -> usize {
        let spans = &self.spans[start..];
        let slots = &mut self.slots[start..];
        let keys = Keys {
            tier: self.tier,
            buffer: self.buffer,
            start: start as u32,
            count: BLOCK,
        };
        if let (Some(spans), Some(slots)) = (spans.first_chunk(), slots.first_chunk_mut()) {
            return keys.hash(spans, slots, tags_first, &mut self.put_off);
        }
        let count = spans.len();
        let mut filled = [empty_span(self.buffer); BLOCK];
        filled[..count].copy_from_slice(spans);
        let mut block = [Slot::MIN; BLOCK];
        let keys = Keys { count, ..keys };
        let seen = keys.hash(&filled, &mut block, tags_first, &mut self.put_off);
        slots.copy_from_slice(&block[..count]);
        seen
    }

    /// Hashes the keys put off again, when they fill a block.
    fn catch_up(&mut self) {
        if let Some(keys) = self.put_off.take_block() {
            let keys = *keys;
            self.hash_again(&keys);
        }
    }

    fn finish(mut self) {
        let mut keys = [0; BLOCK];
        let rest = self.put_off.rest();
        let count = rest.len().min(BLOCK);
        keys[..count].copy_from_slice(&rest[..count]);
        if count > 0 {
            self.hash_again(&keys[..count]);
        }
    }

    /// The slots of these keys, at most a block, their tags looked for.
    fn hash_again(&mut self, keys: &[u32]) {
        let mut spans = [empty_span(self.buffer); BLOCK];
        for (span, key) in spans.iter_mut().zip(keys) {
            *span = self.spans[*key as usize];
        }
        let mut slots = [Slot::MIN; BLOCK];
        let block = Keys {
            tier: self.tier,
            buffer: self.buffer,
            start: 0,
            count: keys.len(),
        };
        block.hash(&spans, &mut slots, true, &mut self.put_off);
        for (slot, key) in slots.iter().zip(keys) {
            self.slots[*key as usize] = *slot;
        }
    }
}

/// `count` keys of a block.
struct Keys<'a, T> {
    tier: T,
    buffer: &'a [u8],
    /// The number of the first, as keys are put off.
    start: u32,
    count: usize,
}

impl<T: Windows> Keys<'_, T> {
    /// The slots of the keys' tags, or of the keys, those with a `{` put off;
    /// how many there are of either.
    fn hash(
        &self,
        spans: &[KeySpan; BLOCK],
        slots: &mut [Slot; BLOCK],
        tags_first: bool,
        put_off: &mut PutOff,
    ) -> usize {
        let count = self.count.next_multiple_of(LANES).min(BLOCK);
        let order = match T::HALVES {
            Halves::Never => None,
            Halves::OfTags => tags_first.then(|| Order::by_length(spans, count)),
            Halves::Always => Some(Order::by_length(spans, count)),
        };
        let block = Block {
            buffer: self.buffer,
            spans,
            count,
            order: order.as_ref(),
            start: self.start,
        };
        if tags_first {
            let mut parts = *spans;
            let tags = self.tier.narrow(block, &mut parts);
            let block = Block {
                spans: &parts,
                ..block
            };
            // The `{` that are left are in tags, which have none of their own:
            // there is no `}` in them.
            self.hash_whole::<false>(block, slots, put_off);
            return tags;
        }
        let before = put_off.count();
        self.hash_whole::<true>(block, slots, put_off);
        put_off.count() - before
    }

    /// The slots of the keys whatever tags they have, but for those that no
    /// window holds, which get that of their tags.
    fn hash_whole<const LOOK: bool>(
        &self,
        block: Block<'_>,
        slots: &mut [Slot; BLOCK],
        put_off: &mut PutOff,
    ) {
        let mut alone = self.tier.hash::<LOOK>(block, slots, put_off);
        while alone != 0 {
            let index = alone.trailing_zeros() as usize;
            let key = block.spans[index].of(self.buffer);
            slots[index] = Slot::from_crc(self.tier.key_sum(key));
            alone &= alone - 1;
        }
    }
}
