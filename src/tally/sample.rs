//! Samples of keys, from which causes are told when exact counts don't fit.
//!
//! Two samples, both of a bounded number of keys, both independent of the
//! order in which keys arrive and of how the input was cut:
//!
//! - *by keys*: every key has the same chance. Each key's place in the input
//!   is hashed, and the keys with the smallest hashes are kept (bottom-k).
//! - *by bytes*: priority sampling (Duffield, Lund and Thorup, "Priority
//!   sampling for estimation of arbitrary subset sums", J. ACM 54(6), 2007).
//!   A key of `w` bytes gets the priority `w / u`, `u` uniform in (0, 1] from
//!   the hash of its place; the largest are kept, and each stands for
//!   `max(w, threshold)` bytes, where the threshold is the largest priority
//!   that was not kept.
//!
//! The hash takes the slot too: dumps of different nodes, whose rows often
//! begin at the same offsets, are sampled independently without knowing of
//! each other, on whichever machine.
//!
//! A sample that holds every key is no estimate: its figures are exact.

use super::batch::BatchSlice;
use super::name::Name;
use super::selection::{Selection, TOGETHER};
use super::{Prefixes, Weight};
use crate::slot::{KeySpan, Slot, hash_tag};
use crate::source::Number;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many keys the sample by keys holds.
pub(super) const BY_KEYS: usize = 32_768;

/// How many keys the sample by bytes holds, one more than are used: the last gives the threshold.
pub(super) const BY_BYTES: usize = 16_385;

/// The longest name of a tag or prefix that is kept; longer ones are cut.
pub(super) const NAME_BYTES: usize = 256;

/// A sampled key: what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sampled {
    /// The smaller, the sooner it is kept.
    pub(super) order: u64,
    pub(super) slot: Slot,
    pub(super) size_bytes: Number,
    pub(super) tag: Option<Name>,
    pub(super) prefix: Option<Name>,
}

/// The keys with the smallest orders.
///
/// A buffer that is half as large again as the sample: when it is full, the
/// smallest are selected, which is cheaper by far than keeping a heap in order
/// with every key. Between two selections it holds some that won't be kept.
#[derive(Clone, Debug)]
pub(super) struct Bottom {
    buffer: Vec<Sampled>,
    capacity: usize,
    /// Keys of a larger order are not kept.
    limit: u64,
    /// Whether no key was left out so far.
    is_complete: bool,
    /// The smallest limit of all samples that are put together in the end.
    common: Common,
}

/// A limit that the samples of several threads share: what one of them has found to be too much needn't
/// be kept by any other. A clone goes its own way.
#[derive(Debug)]
struct Common(Arc<AtomicU64>);

impl Default for Common {
    fn default() -> Common {
        Common(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Clone for Common {
    fn clone(&self) -> Common {
        Common::default()
    }
}

impl Bottom {
    fn new(capacity: usize) -> Bottom {
        Bottom {
            buffer: Vec::new(),
            capacity,
            limit: u64::MAX,
            is_complete: true,
            common: Common::default(),
        }
    }

    /// An empty sample that is to be merged with this one.
    fn beside(&self) -> Bottom {
        Bottom {
            common: Common(Arc::clone(&self.common.0)),
            ..Bottom::new(self.capacity)
        }
    }

    /// Leaves out what another thread found to be too much.
    #[inline]
    fn learn(&mut self) {
        let limit = self.common.0.load(Ordering::Relaxed);
        if limit < self.limit {
            self.limit = limit;
            self.is_complete = false;
        }
    }

    /// Whether a key of this order may be kept. It always may as long as no key was left out.
    #[inline]
    fn takes(&self, order: u64) -> bool {
        debug_assert!(self.limit == u64::MAX || !self.is_complete);
        order <= self.limit
    }

    /// Whether a key of the sample by bytes is far from being taken: told by a product instead of a
    /// quotient, which takes a processor longest. Near the limit it isn't sure.
    #[inline]
    fn surely_refuses(&self, hash: u64, size_bytes: u64) -> bool {
        const ROUNDING: f64 = 1.0 - 1.0 / (1u64 << 48) as f64;
        // Signed numbers are converted at once, and no key has so many bytes.
        let size_bytes = size_bytes.min(i64::MAX as u64) as i64;
        (size_bytes as f64) < uniform(hash) * (priority(self.limit) * ROUNDING)
    }

    /// Keeps a key that is [taken](Bottom::takes).
    #[cold]
    fn add(&mut self, key: &[u8], slot: Slot, size_bytes: Number, order: u64, prefixes: Prefixes) {
        self.keep(Sampled {
            order,
            slot,
            size_bytes,
            tag: hash_tag(key).map(shortened),
            prefix: prefixes.longest(key).map(shortened),
        });
    }

    fn keep(&mut self, sampled: Sampled) {
        self.buffer.push(sampled);
        if self.buffer.len() >= self.capacity + self.capacity / 2 {
            self.select();
        }
    }

    /// Leaves out what is too much.
    fn select(&mut self) {
        // The orders alone are quicker to sort out than all that is kept.
        let mut orders: Vec<u64> = self.buffer.iter().map(|sampled| sampled.order).collect();
        let (_, limit, _) = orders.select_nth_unstable(self.capacity - 1);
        self.limit = *limit;
        self.common.0.fetch_min(*limit, Ordering::Relaxed);
        self.is_complete = false;
        self.buffer.retain(|sampled| sampled.order <= *limit);
        if self.buffer.len() > self.capacity {
            // Several have the last order.
            self.buffer.select_nth_unstable(self.capacity - 1);
            self.buffer.truncate(self.capacity);
        }
    }

    fn merge(&mut self, other: Bottom) {
        self.is_complete &= other.is_complete;
        for sampled in other.buffer {
            if self.takes(sampled.order) {
                self.keep(sampled);
            }
        }
    }

    /// The kept keys, in no order.
    pub(super) fn kept(&self) -> Vec<&Sampled> {
        let mut kept: Vec<&Sampled> = self.buffer.iter().collect();
        if kept.len() > self.capacity {
            kept.select_nth_unstable(self.capacity - 1);
            kept.truncate(self.capacity);
        }
        kept
    }

    /// The kept keys, first kept first: the same for the same keys in any order.
    pub(super) fn sorted(&self) -> Vec<&Sampled> {
        let mut sampled = self.kept();
        sampled.sort_unstable();
        sampled
    }

    /// How many keys fit.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes the kept keys of a saved sample; false when a sample can't hold these.
    pub(super) fn restore(&mut self, kept: Vec<Sampled>, is_complete: bool) -> bool {
        let is_possible = if is_complete {
            kept.len() <= self.capacity
        } else {
            // Keys are left out only when there is no room.
            kept.len() == self.capacity
        };
        for sampled in kept {
            self.keep(sampled);
        }
        self.is_complete = is_complete;
        is_possible
    }

    /// Whether every key is in the sample.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete && self.buffer.len() <= self.capacity
    }
}

/// Both samples.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    /// What a prefix is.
    pub(super) prefixes: Prefixes,
    pub(super) by_keys: Bottom,
    pub(super) by_bytes: Bottom,
}

impl Samples {
    pub(super) fn new(prefixes: Prefixes) -> Samples {
        Samples {
            prefixes,
            by_keys: Bottom::new(BY_KEYS),
            by_bytes: Bottom::new(BY_BYTES),
        }
    }

    /// Empty samples of another thread, which are to be merged with these.
    pub(super) fn beside(&self) -> Samples {
        Samples {
            prefixes: self.prefixes,
            by_keys: self.by_keys.beside(),
            by_bytes: self.by_bytes.beside(),
        }
    }

    /// Offers keys to both samples; the place of each must be its own among the keys of its slot and input.
    pub(super) fn add_slice(&mut self, slice: &BatchSlice<'_>, places: impl Iterator<Item = u64>) {
        self.by_keys.learn();
        self.by_bytes.learn();
        let mut hashes = [0; TOGETHER];
        let mut candidates = Selection::default();
        let keys = slice.slots.iter().zip(slice.sizes).zip(places);
        for (((slot, size), place), hash) in keys.zip(&mut hashes) {
            *hash = hash_of(*slot, place);
            let is_refused = self.by_bytes.surely_refuses(*hash, size.or_zero());
            candidates.next_is(self.by_keys.takes(*hash) | !is_refused);
        }
        for at in candidates.all() {
            let key = slice.spans[at].of(slice.bytes);
            self.offer(key, slice.slots[at], slice.sizes[at], hashes[at]);
        }
    }

    fn offer(&mut self, key: &[u8], slot: Slot, size_bytes: Number, hash: u64) {
        if self.by_keys.takes(hash) {
            self.by_keys.add(key, slot, size_bytes, hash, self.prefixes);
        }
        if size_bytes.or_zero() > 0 {
            let order = byte_order(hash, size_bytes.or_zero());
            if self.by_bytes.takes(order) {
                self.by_bytes
                    .add(key, slot, size_bytes, order, self.prefixes);
            }
        }
    }

    /// Offers keys without a size; the place of each is where it lies in `text`, `offset` added.
    #[inline]
    pub(super) fn add_list(&mut self, text: &[u8], spans: &[KeySpan], slots: &[Slot], offset: u64) {
        self.by_keys.learn();
        for (span, slot) in spans.iter().zip(slots) {
            let hash = hash_of(*slot, offset + u64::from(span.start));
            if self.by_keys.takes(hash) {
                self.by_keys
                    .add(span.of(text), *slot, Number::UNKNOWN, hash, self.prefixes);
            }
        }
    }

    pub(super) fn merge(&mut self, other: Samples) {
        self.by_keys.merge(other.by_keys);
        self.by_bytes.merge(other.by_bytes);
    }

    /// A sample: whether it holds every key, and each key with what it stands for.
    pub(super) fn weighed(
        &self,
        weight: Weight,
    ) -> (bool, Box<dyn Iterator<Item = (&Sampled, u64)> + '_>) {
        match weight {
            Weight::Keys => {
                let kept = self.by_keys.kept().into_iter();
                let each_is_one = kept.map(|sampled| (sampled, 1));
                (self.by_keys.is_complete(), Box::new(each_is_one))
            }
            Weight::Bytes => {
                let (is_complete, sampled) = self.by_bytes();
                (is_complete, Box::new(sampled))
            }
        }
    }

    /// The sample by bytes: each key with the bytes that it stands for.
    pub(super) fn by_bytes(&self) -> (bool, impl Iterator<Item = (&Sampled, u64)>) {
        let is_complete = self.by_bytes.is_complete();
        let mut kept = self.by_bytes.kept();
        let mut threshold = 0;
        if !is_complete && let Some(worst) = (0..kept.len()).max_by_key(|at| kept[*at]) {
            threshold = priority(kept.swap_remove(worst).order) as u64;
        }
        let used = kept.into_iter();
        let weighed =
            used.map(move |sampled| (sampled, sampled.size_bytes.or_zero().max(threshold)));
        (is_complete, weighed)
    }
}

/// The hash of a key's place.
#[inline]
fn hash_of(slot: Slot, place: u64) -> u64 {
    // Offsets are below 2^50, so that no two pairs of slot and offset are the same number.
    mixed(place.wrapping_add(u64::from(slot.number()) << 50))
}

/// The order of a key in the sample by bytes: the larger its priority, the smaller.
#[inline]
fn byte_order(hash: u64, size_bytes: u64) -> u64 {
    // The bits of positive doubles sort as the doubles do.
    !(size_bytes as f64 / uniform(hash)).to_bits()
}

/// A number in (0, 1] of 53 bits, so that quotients by it are the same on every machine.
#[inline]
fn uniform(hash: u64) -> f64 {
    // Signed numbers are converted at once, and this one is below 2^53.
    ((hash >> 11) as i64 + 1) as f64 / (1u64 << 53) as f64
}

/// The priority that an order stands for.
fn priority(order: u64) -> f64 {
    f64::from_bits(!order)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): places in, uniform bits out.
#[inline]
pub(super) fn mixed(place: u64) -> u64 {
    let mut bits = place.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

fn shortened(name: &[u8]) -> Name {
    name[..name.len().min(NAME_BYTES)].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_surely_refused_is_refused(
            hash in any::<u64>(),
            size_bytes in 1u64..1 << 50,
            near in -3i64..4,
            far in any::<u64>(),
        ) {
            let order = byte_order(hash, size_bytes);
            let mut bottom = Bottom::new(1);
            prop_assert!(!bottom.surely_refuses(hash, size_bytes), "it has no limit yet");
            bottom.limit = order.saturating_add_signed(near);
            prop_assert!(near < 0 || !bottom.surely_refuses(hash, size_bytes));
            // A limit is the order of some key.
            bottom.limit = byte_order(far, size_bytes);
            prop_assert!(bottom.limit < order || !bottom.surely_refuses(hash, size_bytes));
        }
    }

    #[test]
    fn samples_side_by_side_are_one() {
        let orders = |begin: u64| (begin..begin + 4000).map(mixed);
        let keep = |bottom: &mut Bottom, order: u64| {
            bottom.learn();
            if bottom.takes(order) {
                bottom.add(
                    b"a:b",
                    Slot::MIN,
                    Some(1).into(),
                    order,
                    Prefixes::default(),
                );
            }
        };
        let mut alone = Bottom::new(100);
        orders(0)
            .chain(orders(4000))
            .for_each(|order| keep(&mut alone, order));
        let mut one = Bottom::new(100);
        let mut other = one.beside();
        orders(0).for_each(|order| keep(&mut one, order));
        let limit = one.limit;
        keep(&mut other, limit + 1);
        assert!(other.buffer.is_empty() && !other.is_complete());
        orders(4000).for_each(|order| keep(&mut other, order));
        let apart = one.clone().beside();
        assert_eq!(apart.common.0.load(Ordering::Relaxed), u64::MAX);
        let (mut merged, mut turned) = (one.clone(), other.clone());
        merged.merge(other);
        turned.merge(one);
        assert_eq!(merged.sorted(), alone.sorted());
        assert_eq!(turned.sorted(), alone.sorted());
    }

    #[test]
    fn most_are_surely_refused() {
        let mut bottom = Bottom::new(1);
        bottom.limit = byte_order(mixed(0), 1 << 40);
        let refused = (0..1000).filter(|place| bottom.surely_refuses(mixed(*place), 1000));
        assert!(refused.count() > 990);
    }
}
