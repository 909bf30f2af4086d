//! Many short keys: the part of the batch that all vector tiers share.
//!
//! A key of up to [`WINDOW`] bytes stands at the end of a window of that size;
//! what is in front of it is masked to zeros, which don't change a checksum
//! that begins with zero. So keys of all lengths take the same steps, and no
//! branch depends on a length.
#![cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little")
))]

use super::Tier;
use super::constants::{LAST_BYTES, WINDOW};
use crate::slot::list::Ends;
use crate::slot::{KeySpan, Slot};

/// How many keys are in flight between two steps of a batch: a bit each in a word.
pub(super) const BLOCK: usize = 64;

/// The most keys that a tier reduces together.
pub(super) const LANES: usize = 8;

/// The keys of one block.
pub(super) struct Block<'a> {
    buffer: &'a [u8],
    /// A block of spans, or fewer filled up with empty ones.
    spans: &'a [KeySpan; BLOCK],
    /// How many of them are hashed: a multiple of [`LANES`].
    count: usize,
    /// Whether tags are looked for first, as pays where many keys have one.
    tags_first: bool,
}

/// What a tier says of a block: a bit for each key.
pub(super) struct Seen {
    /// No window holds the key, and its sum means nothing.
    alone: u64,
    /// Tags weren't looked for, and the key has a `{`; or they were, and it has one.
    tags: u64,
}

/// A tier that hashes a block of keys window by window.
pub(super) trait Windows: Tier {
    /// Where more keys of a block than this have tags, the next block's tags are
    /// looked for first.
    const FEW_TAGS: u32;

    /// The checksums of a block's keys: see [`sums_and_tags`].
    fn window_sums(self, block: Block<'_>, sums: &mut [u16; BLOCK]) -> Seen;
}

/// [`Tier::slots_of`] for a tier with windows.
///
/// Most keys have no tag, and those that do are where no processor would guess
/// them. So all are hashed whole, without a branch; those with a brace are put
/// off until they fill a block, and are then narrowed to their tags and hashed
/// again. Where tags are frequent they come first.
pub(super) fn slots_of<T: Windows>(tier: T, buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot]) {
    let mut batch = Batch {
        tier,
        buffer,
        spans,
        slots,
    };
    let mut put_off = PutOff::default();
    let mut tags_first = false;
    let mut start = 0;
    while start < spans.len() {
        let count = (spans.len() - start).min(BLOCK);
        let seen = batch.hash_from(start, count, tags_first);
        if !tags_first {
            put_off.push(start as u32, seen.tags & !seen.alone);
        }
        tags_first = seen.tags.count_ones() > T::FEW_TAGS;
        if put_off.count >= BLOCK {
            put_off.count -= BLOCK;
            let (last, _) = put_off.keys[put_off.count..].as_chunks::<BLOCK>();
            batch.hash_again(&last[0], BLOCK);
        }
        start += count;
    }
    batch.hash_again(&put_off.keys.as_chunks().0[0], put_off.count);
}

/// Keys with a brace: fewer than a block of them, and a block's.
struct PutOff {
    keys: [u32; 2 * BLOCK],
    count: usize,
}

impl Default for PutOff {
    fn default() -> PutOff {
        PutOff {
            keys: [0; 2 * BLOCK],
            count: 0,
        }
    }
}

impl PutOff {
    /// Appends the keys of these bits, counted from `start`.
    #[inline]
    fn push(&mut self, start: u32, mut bits: u64) {
        while bits != 0 {
            self.keys[self.count] = start + bits.trailing_zeros();
            self.count += 1;
            bits &= bits - 1;
        }
    }
}

struct Batch<'a, T> {
    tier: T,
    buffer: &'a [u8],
    spans: &'a [KeySpan],
    slots: &'a mut [Slot],
}

impl<T: Windows> Batch<'_, T> {
    /// The slots of `count` keys from `start` on, at most a block of them.
    fn hash_from(&mut self, start: usize, count: usize, tags_first: bool) -> Seen {
        let slots = &mut self.slots[start..];
        let spans = &self.spans[start..];
        match (spans.first_chunk(), slots.first_chunk_mut()) {
            (Some(spans), Some(slots)) => {
                hash_block(self.tier, self.buffer, spans, BLOCK, tags_first, slots)
            }
            _ => {
                let mut filled = [KeySpan::default(); BLOCK];
                filled[..count].copy_from_slice(&spans[..count]);
                let mut block = [Slot::MIN; BLOCK];
                let tier = self.tier;
                let seen = hash_block(tier, self.buffer, &filled, count, tags_first, &mut block);
                slots[..count].copy_from_slice(&block[..count]);
                seen
            }
        }
    }

    /// The slots of the first `count` of these keys, their tags looked for.
    fn hash_again(&mut self, keys: &[u32; BLOCK], count: usize) {
        if count == 0 {
            return;
        }
        let keys = &keys[..count];
        let mut spans = [KeySpan::default(); BLOCK];
        for (span, key) in spans.iter_mut().zip(keys) {
            *span = self.spans[*key as usize];
        }
        let mut slots = [Slot::MIN; BLOCK];
        hash_block(self.tier, self.buffer, &spans, count, true, &mut slots);
        for (slot, key) in slots.iter().zip(keys) {
            self.slots[*key as usize] = *slot;
        }
    }
}

fn hash_block<T: Windows>(
    tier: T,
    buffer: &[u8],
    spans: &[KeySpan; BLOCK],
    count: usize,
    tags_first: bool,
    slots: &mut [Slot; BLOCK],
) -> Seen {
    let block = Block {
        buffer,
        spans,
        count: count.next_multiple_of(LANES),
        tags_first,
    };
    let mut sums = [0; BLOCK];
    let seen = tier.window_sums(block, &mut sums);
    let mut alone = seen.alone;
    while alone != 0 {
        let index = alone.trailing_zeros() as usize;
        sums[index] = tier.key_sum(spans[index].of(buffer));
        alone &= alone - 1;
    }
    for (slot, sum) in slots.iter_mut().zip(sums) {
        *slot = Slot::from_crc(sum);
    }
    seen
}

/// A window of a buffer, and a mask that selects the bytes that count, which are
/// its last.
pub(super) type Window<'a> = (&'a [u8; WINDOW], &'static [u8; WINDOW]);

/// The windows that a block's keys, or some of them, are hashed from.
pub(super) struct Work<'a> {
    /// Invariant: at least a window.
    buffer: &'a [u8],
    /// Where the windows begin. Invariant: a window in front of the buffer's
    /// end, or more.
    starts: [u32; BLOCK],
    /// How many bytes of each count. Invariant: at most a window.
    lengths: [u32; BLOCK],
}

// Everything in here is inlined, so that it is compiled for the tier that calls it.
impl<'a> Work<'a> {
    /// A window for each key; nothing when the buffer has less than a window.
    ///
    /// # Panics
    /// When a span doesn't lie in the buffer.
    #[inline(always)]
    fn new(buffer: &'a [u8], spans: &[KeySpan; BLOCK]) -> Option<Work<'a>> {
        let buffer_end = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let mut inside = true;
        for span in spans {
            inside &= (span.start <= span.end) & (span.end <= buffer_end);
        }
        assert!(
            inside,
            "a span doesn't lie in the buffer of {buffer_end} bytes"
        );
        if buffer.len() < WINDOW {
            return None;
        }
        let mut starts = [0; BLOCK];
        let mut lengths = [0; BLOCK];
        for (index, span) in spans.iter().enumerate() {
            starts[index] = span.end.max(SIZE) - SIZE;
            lengths[index] = (span.end - span.start).min(SIZE);
        }
        Some(Work {
            buffer,
            starts,
            lengths,
        })
    }

    /// A window and its mask.
    #[inline(always)]
    pub(super) fn window(&self, index: usize) -> Window<'a> {
        let (start, length) = (self.starts[index] as usize, self.lengths[index] as usize);
        // SAFETY: by the invariants, the window is within the buffer and the mask
        // within the table of two windows. `new` and `set` uphold them: a span's
        // end is within the buffer, and the buffer has at least a window.
        unsafe {
            (
                &*self.buffer.as_ptr().add(start).cast(),
                &*LAST_BYTES.as_ptr().add(length).cast(),
            )
        }
    }
}

const SIZE: u32 = WINDOW as u32;

/// A bit for each key that no window holds: too long, or too near to the
/// buffer's beginning.
#[inline(always)]
fn alone(spans: &[KeySpan; BLOCK]) -> u64 {
    // The empty spans that fill up a block are at 0 and need no window.
    let is_alone =
        |span: &KeySpan| ((span.end < SIZE) & (span.end != 0)) | (span.end - span.start > SIZE);
    let mut any = false;
    for span in spans {
        any |= is_alone(span);
    }
    if !any {
        return 0;
    }
    let bits = spans.iter().enumerate();
    bits.fold(0, |bits, (index, span)| {
        bits | u64::from(is_alone(span)) << index
    })
}

/// [`Windows::window_sums`], given `hash`, which takes N windows and gives N
/// checksums and a bit for each window with a `{`; and `tags_of`, which narrows
/// those spans to their tags that have one and a bit, and says which have one.
#[inline(always)]
pub(super) fn sums_and_tags<const N: usize>(
    block: Block<'_>,
    sums: &mut [u16; BLOCK],
    tags_of: impl Fn(&Work<'_>, &[KeySpan; BLOCK], u64) -> ([KeySpan; BLOCK], u64),
    hash: impl Fn([Window<'_>; N]) -> ([u16; N], u8),
) -> Seen {
    let spans = block.spans;
    let mut alone = alone(spans);
    let mut tags = 0;
    let Some(mut work) = Work::new(block.buffer, spans).filter(|_| alone != u64::MAX) else {
        return Seen {
            alone: u64::MAX,
            tags,
        };
    };
    if block.tags_first {
        let parts;
        (parts, tags) = tags_of(&work, spans, !alone);
        // A tag ends in front of its key's end: near the buffer's beginning it
        // may have no window though its key has one.
        alone |= self::alone(&parts);
        work = Work::new(block.buffer, &parts).expect("the buffer is as long as it was");
    }
    let groups = sums.as_chunks_mut::<N>().0.iter_mut().enumerate();
    for (group, sums) in groups.take(block.count.min(BLOCK) / N) {
        let (group_sums, open) = hash(std::array::from_fn(|n| work.window(group * N + n)));
        *sums = group_sums;
        if !block.tags_first {
            tags |= u64::from(open) << (group * N);
        }
    }
    Seen { alone, tags }
}

/// The spans, those of the keys of these bits narrowed to their tags, and a bit
/// for each tag; given where in a window a byte is, a bit each.
#[inline(always)]
pub(super) fn tags_of(
    work: &Work<'_>,
    spans: &[KeySpan; BLOCK],
    keys: u64,
    find: impl Fn(&[u8; WINDOW], u8) -> u64,
) -> ([KeySpan; BLOCK], u64) {
    let mut parts = *spans;
    let mut tags = 0;
    let mut rest = keys;
    while rest != 0 {
        let index = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        let (window, _) = work.window(index);
        let open = find(window, b'{') & last_bits(work.lengths[index] as usize);
        let close = find(window, b'}');
        if let Some(tag) = tag_in_window(spans[index].end, open, close) {
            parts[index] = tag;
            tags |= 1 << index;
        }
    }
    (parts, tags)
}

/// The last `length` of 64 bits, at most 64.
#[inline(always)]
fn last_bits(length: usize) -> u64 {
    // A shift by 64 would be none.
    let bits = u64::MAX.wrapping_shl((WINDOW - length) as u32);
    if length == 0 { 0 } else { bits }
}

/// The tag of the key that ends a window at `end`, given the window's braces, the
/// first `{` being the key's. Shorter than a window.
#[inline(always)]
pub(super) fn tag_in_window(end: u32, open: u64, close: u64) -> Option<KeySpan> {
    let first = open.trailing_zeros();
    // All bits from the lowest one of `open` on, none when there is none. `{`
    // and `}` can't be in the same place, so that bit itself does no harm.
    let close = close & (open & open.wrapping_neg()).wrapping_neg();
    let last = close.trailing_zeros();
    // A window may begin in front of the buffer; a tag that is the key's doesn't.
    let window_start = end.wrapping_sub(WINDOW as u32);
    (close != 0 && last > first + 1).then_some(KeySpan {
        start: window_start.wrapping_add(first + 1),
        end: window_start.wrapping_add(last),
    })
}

/// [`Tier::separators`], given where in 64 bytes a byte is: a bit each.
#[inline(always)]
pub(super) fn separators(
    text: &[u8],
    base: u32,
    ends: &mut Ends,
    find: impl Fn(&[u8; WINDOW]) -> u64,
) -> usize {
    let mut ends = ends.cursor();
    let (windows, rest) = text.as_chunks::<WINDOW>();
    let mut seen = 0;
    for window in windows {
        if ends.is_full() {
            break;
        }
        ends.push_bits(find(window), base + seen as u32);
        seen += WINDOW;
    }
    if seen == windows.len() * WINDOW && !ends.is_full() {
        let mut last = [0; WINDOW];
        last[..rest.len()].copy_from_slice(rest);
        let in_text = (1 << rest.len()) - 1;
        ends.push_bits(find(&last) & in_text, base + seen as u32);
        seen = text.len();
    }
    ends.finish();
    seen
}
