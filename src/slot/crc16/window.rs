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

/// What a tier says of a block.
pub(super) struct Seen {
    /// A bit for each key that no window holds, whose sum means nothing.
    alone: u64,
    /// How many keys had a `{` or, when tags were looked for first, a tag.
    tags: u32,
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
pub(super) fn slots_of<T: Windows>(tier: T, buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot]) {
    let (blocks, rest) = spans.as_chunks::<BLOCK>();
    let (block_slots, rest_slots) = slots.as_chunks_mut::<BLOCK>();
    let mut tags_first = false;
    for (spans, slots) in blocks.iter().zip(block_slots) {
        let block = Block {
            buffer,
            spans,
            count: BLOCK,
            tags_first,
        };
        tags_first = slots_of_block(tier, block, slots);
    }
    if !rest.is_empty() {
        let mut spans = [KeySpan::default(); BLOCK];
        spans[..rest.len()].copy_from_slice(rest);
        let mut slots = [Slot::MIN; BLOCK];
        let block = Block {
            buffer,
            spans: &spans,
            count: rest.len().next_multiple_of(LANES),
            tags_first,
        };
        slots_of_block(tier, block, &mut slots);
        rest_slots.copy_from_slice(&slots[..rest.len()]);
    }
}

/// Says whether tags should be looked for first in the next block.
fn slots_of_block<T: Windows>(tier: T, block: Block<'_>, slots: &mut [Slot; BLOCK]) -> bool {
    let Block { buffer, spans, .. } = block;
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
    seen.tags > T::FEW_TAGS
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

    /// Makes the window at `index` that of a part of `key`, one of the spans
    /// that this was made from.
    #[inline(always)]
    fn set(&mut self, index: usize, key: KeySpan, part: KeySpan) {
        assert!(key.start <= part.start && part.start <= part.end && part.end <= key.end);
        self.starts[index] = part.end.max(SIZE) - SIZE;
        self.lengths[index] = (part.end - part.start).min(SIZE);
    }

    /// A window, and how many of its bytes count.
    #[inline(always)]
    fn key_window(&self, index: usize) -> (&'a [u8; WINDOW], usize) {
        (self.window(index).0, self.lengths[index] as usize)
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
/// checksums and a bit for each window with a `{`; `find`, which says where in a
/// window a byte is; and `tags_of`, which narrows those spans to their tags that
/// have one and a bit.
///
/// Most keys have no tag, and those that do are where no processor would guess
/// them. So all are hashed whole, without a branch; those with a brace are then
/// narrowed to their tags and hashed again. Where tags are frequent they come
/// first.
#[inline(always)]
pub(super) fn sums_and_tags<const N: usize>(
    block: Block<'_>,
    sums: &mut [u16; BLOCK],
    find: impl Fn(&[u8; WINDOW], u8) -> u64,
    tags_of: impl Fn(&Work<'_>, &[KeySpan; BLOCK], u64) -> [KeySpan; BLOCK],
    hash: impl Fn([Window<'_>; N]) -> ([u16; N], u8),
) -> Seen {
    let spans = block.spans;
    let Some(mut work) = Work::new(block.buffer, spans) else {
        return Seen {
            alone: u64::MAX,
            tags: 0,
        };
    };
    let mut alone = alone(spans);
    let mut tags = 0;
    if alone == u64::MAX {
        return Seen { alone, tags };
    }
    if block.tags_first {
        let parts = tags_of(&work, spans, !alone);
        for (part, span) in parts.iter().zip(spans) {
            tags += u32::from(part != span);
        }
        alone |= self::alone(&parts);
        work = Work::new(block.buffer, &parts).expect("the buffer is as long as it was");
    }
    let mut count = block.count.min(BLOCK);
    let mut is_first = true;
    let mut keys = [0; BLOCK];
    let mut tag_sums = [0; BLOCK];
    // One place that calls `hash`, so that it is inlined: a register passed to a
    // function passes through memory.
    loop {
        let mut with_open = 0;
        let out = if is_first { &mut *sums } else { &mut tag_sums };
        let groups = out.as_chunks_mut::<N>().0.iter_mut();
        for (group, out) in groups.enumerate().take(count.div_ceil(N)) {
            let (group_sums, open) = hash(std::array::from_fn(|n| {
                work.window((group * N + n) % BLOCK)
            }));
            *out = group_sums;
            with_open |= u64::from(open) << (group * N);
        }
        if !is_first || block.tags_first || with_open == 0 {
            break;
        }
        is_first = false;
        tags = with_open.count_ones();
        count = 0;
        // The tags' windows take the places of keys that are done with.
        let keys_with_open = with_open & !alone;
        for_each_tag(
            &mut work,
            spans,
            keys_with_open,
            &find,
            |work, index, tag| {
                work.set(count, spans[index], tag);
                alone |= u64::from(tag.end < SIZE) << index;
                keys[count] = index as u8;
                count += 1;
            },
        );
    }
    if !is_first {
        for (key, sum) in keys.iter().zip(tag_sums).take(count) {
            sums[usize::from(*key) % BLOCK] = sum;
        }
    }
    Seen { alone, tags }
}

/// The spans, those of the keys of these bits narrowed to their tags.
#[inline(always)]
pub(super) fn tags_of(
    work: &Work<'_>,
    spans: &[KeySpan; BLOCK],
    keys: u64,
    find: impl Fn(&[u8; WINDOW], u8) -> u64,
) -> [KeySpan; BLOCK] {
    let mut parts = *spans;
    for_each_tag(&mut { work }, spans, keys, find, |_, index, tag| {
        parts[index] = tag
    });
    parts
}

/// Finds the hash tags of the keys of these bits, in ascending order.
#[inline(always)]
fn for_each_tag<'a, W: std::borrow::Borrow<Work<'a>>>(
    work: &mut W,
    spans: &[KeySpan; BLOCK],
    keys: u64,
    find: impl Fn(&[u8; WINDOW], u8) -> u64,
    mut found: impl FnMut(&mut W, usize, KeySpan),
) {
    let mut rest = keys;
    while rest != 0 {
        let index = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        let (window, length) = work.borrow().key_window(index);
        let open = find(window, b'{') & last_bits(length);
        let close = find(window, b'}');
        if let Some(tag) = tag_in_window(spans[index].end, open, close) {
            found(work, index, tag);
        }
    }
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
