//! Many short keys: the part of the batch that all vector tiers share.
//!
//! A key of up to [`WINDOW`] bytes stands at the end of a window of that size;
//! what is in front of it is taken as zeros, which don't change a checksum that
//! begins with zero. So keys of all lengths take the same steps, and no branch
//! depends on a length.
//!
//! | file | what it knows |
//! |---|---|
//! | `batch` | blocks of keys, and tags that are looked at again |
//! | `windowed` | which keys windows hold, and where their windows are |
//! | `order` | short keys apart from long ones, and the list of keys put off |
//! | `tags` | from braces in a window to a tag |
//! | `separators` | where a list's keys end |
#![cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little")
))]

mod batch;
mod order;
mod separators;
mod tags;
mod windowed_keys;

pub(super) use batch::slots_of;
use order::PutOffCursor;
pub(super) use order::{Order, PutOff};
pub(super) use separators::{FEW, MANY, separators};
pub(super) use tags::narrow;
#[cfg(target_arch = "x86_64")]
pub(super) use tags::tag_in_window;
pub(super) use windowed_keys::{HALF, Window};
#[cfg(target_arch = "x86_64")]
pub(super) use windowed_keys::{WindowedKeys, with_windowed_keys};

use super::Tier;
use super::constants::WINDOW;
use crate::slot::{KeySpan, Slot};

/// How many keys are in flight between two steps of a batch.
pub(super) const BLOCK: usize = 64;

/// The most keys that a tier reduces together.
pub(super) const LANES: usize = 8;

/// The window's size, as spans count.
const SIZE: u32 = WINDOW as u32;

/// A tier that hashes a block of keys window by window.
pub(super) trait Windows: Tier {
    /// Where more keys of a block than this have a `{`, the next block's tags are
    /// looked for first.
    const FEW_TAGS: usize;

    /// Whether keys that half a window holds are put apart from the others.
    const HALVES: Halves;

    /// The slots of the keys of a block, whatever tags they have; a bit for each
    /// key that no window holds, whose slot means nothing. Where `LOOK` says so
    /// the keys that may have a `{` are put off.
    fn hash<const LOOK: bool>(
        self,
        block: Block<'_>,
        slots: &mut [Slot; BLOCK],
        put_off: &mut PutOff,
    ) -> u64;

    /// Writes the tags of those keys of a block that a window holds, and that
    /// have one, over the `parts`, which are the block's spans; says how many.
    fn narrow(self, block: Block<'_>, parts: &mut [KeySpan; BLOCK]) -> usize;
}

/// When the keys that half a window holds are hashed apart from the others, which
/// spares half the multiplications, and costs a sorting.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    target_arch = "aarch64",
    expect(dead_code, reason = "one tier, one of them")
)]
pub(super) enum Halves {
    /// Always one after the other.
    Never,
    /// When their tags are looked for, which is then done in half a window too.
    OfTags,
    /// Always apart.
    Always,
}

/// A block of keys.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) buffer: &'a [u8],
    pub(super) spans: &'a [KeySpan; BLOCK],
    /// The number of keys that count, a multiple of [`LANES`].
    pub(super) count: usize,
    /// Where short keys are put apart.
    pub(super) order: Option<&'a Order>,
    /// The number of the first key, as keys are put off.
    pub(super) start: u32,
}

/// [`Windows::hash`], given what takes N windows, or halves of windows, and gives
/// N checksums and whether each may have a `{`.
#[inline(always)]
pub(super) fn hash<const N: usize, const LOOK: bool>(
    block: Block<'_>,
    slots: &mut [Slot; BLOCK],
    put_off: &mut PutOff,
    half_sums: impl Fn([Window<'_, HALF>; N]) -> ([u16; N], [bool; N]),
    sums: impl Fn([Window<'_, WINDOW>; N]) -> ([u16; N], [bool; N]),
) -> u64 {
    let (_, alone) = windowed_keys::with_windowed_keys(block.buffer, block.spans, |windowed| {
        let mut results = Results {
            slots,
            put_off: put_off.cursor(),
            start: block.start,
        };
        // One key at a time: a read of all N of the order would wait until they,
        // written one at a time, have left the processor.
        if let Some(order) = block.order {
            let (short, long) = order.groups::<N>();
            for keys in short {
                let halves = std::array::from_fn(|n| windowed.half(keys[n].index()));
                results.keep::<N, LOOK>(|n| keys[n].index(), half_sums(halves));
            }
            for keys in long {
                let windows = std::array::from_fn(|n| windowed.window(keys[n].index()));
                results.keep::<N, LOOK>(|n| keys[n].index(), sums(windows));
            }
        } else {
            for first in (0..block.count).step_by(N) {
                let windows = std::array::from_fn(|n| windowed.window(first + n));
                results.keep::<N, LOOK>(|n| first + n, sums(windows));
            }
        }
        results.put_off.finish();
    });
    alone
}

/// Where the results of a block's keys go.
struct Results<'a> {
    slots: &'a mut [Slot; BLOCK],
    put_off: PutOffCursor<'a>,
    start: u32,
}

impl Results<'_> {
    #[inline(always)]
    fn keep<const N: usize, const LOOK: bool>(
        &mut self,
        key: impl Fn(usize) -> usize,
        (sums, open): ([u16; N], [bool; N]),
    ) {
        for n in 0..N {
            self.slots[key(n)] = Slot::from_crc(sums[n]);
            if LOOK {
                self.put_off.put(self.start + key(n) as u32, open[n]);
            }
        }
    }
}
