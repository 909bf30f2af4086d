//! Many short keys: the part of the batch that all vector tiers share.
//!
//! A key of up to [`WINDOW`] bytes stands at the end of a window of that size;
//! what is in front of it is taken as zeros, which don't change a checksum that
//! begins with zero. So keys of all lengths take the same steps, and no branch
//! depends on a length.
#![cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little")
))]

use super::Tier;
use super::constants::{ENDS_REVERSED, Shuffle, WINDOW};
use crate::slot::list::Ends;
use crate::slot::{KeySpan, Slot};

/// How many keys are in flight between two steps of a batch: a bit each in a word.
pub(super) const BLOCK: usize = 64;

/// The most keys that a tier reduces together.
pub(super) const LANES: usize = 8;

/// The window's size, as spans count.
const SIZE: u32 = WINDOW as u32;

/// What a tier says of a block: a bit for each key.
pub(super) struct Seen {
    /// No window holds the key, and its slot means nothing.
    alone: u64,
    /// There may be a `{` in the key: that was looked for.
    open: u64,
}

/// A tier that hashes a block of keys window by window.
pub(super) trait Windows: Tier {
    /// Where more keys of a block than this have a `{`, the next block's tags are
    /// looked for first.
    const FEW_TAGS: u32;

    /// The slots of the first `count` of these spans, a multiple of [`LANES`],
    /// whatever tags they have, a `{` looked for or not: see [`hash`].
    fn hash<const LOOK: bool>(
        self,
        buffer: &[u8],
        spans: &[KeySpan; BLOCK],
        count: usize,
        slots: &mut [Slot; BLOCK],
    ) -> Seen;

    /// Narrows to their tags those of the first `count` spans, a multiple of
    /// [`LANES`], that a window holds, and that have one; says which: see [`narrow`].
    fn narrow(self, buffer: &[u8], spans: &mut [KeySpan; BLOCK], count: usize) -> u64;
}

/// [`Tier::slots_of`] for a tier with windows.
///
/// Most keys have no tag, and those that do are where no processor would guess
/// them. So all are hashed whole, without a branch; those with a brace are put
/// off until they fill a block, and are then narrowed to their tags and hashed
/// again. Where tags are frequent they come first.
pub(super) fn slots_of<T: Windows>(
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
    };
    let mut put_off = PutOff::default();
    let mut start = 0;
    while start < spans.len() {
        let count = (spans.len() - start).min(BLOCK);
        let braces = batch.hash_from(start, count, *tags_first);
        if !*tags_first {
            put_off.push(start as u32, braces);
        }
        *tags_first = braces.count_ones() > T::FEW_TAGS;
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
    /// The slots of `count` keys from `start` on, at most a block of them; a bit
    /// for each key whose slot isn't that of its tag yet, or, where tags come
    /// first, for each that has one.
    fn hash_from(&mut self, start: usize, count: usize, tags_first: bool) -> u64 {
        let (tier, buffer) = (self.tier, self.buffer);
        let slots = &mut self.slots[start..];
        let spans = &self.spans[start..];
        match (spans.first_chunk(), slots.first_chunk_mut()) {
            (Some(spans), Some(slots)) if tags_first => {
                hash_tags(tier, buffer, &mut { *spans }, BLOCK, slots)
            }
            (Some(spans), Some(slots)) => hash_whole::<T, true>(tier, buffer, spans, BLOCK, slots),
            _ => {
                let mut filled = [empty_span(buffer); BLOCK];
                filled[..count].copy_from_slice(&spans[..count]);
                let mut block = [Slot::MIN; BLOCK];
                let braces = if tags_first {
                    hash_tags(tier, buffer, &mut filled, count, &mut block)
                } else {
                    hash_whole::<T, true>(tier, buffer, &filled, count, &mut block)
                };
                slots[..count].copy_from_slice(&block[..count]);
                braces
            }
        }
    }

    /// The slots of the first `count` of these keys, their tags looked for.
    fn hash_again(&mut self, keys: &[u32; BLOCK], count: usize) {
        if count == 0 {
            return;
        }
        let keys = &keys[..count];
        let mut spans = [empty_span(self.buffer); BLOCK];
        for (span, key) in spans.iter_mut().zip(keys) {
            *span = self.spans[*key as usize];
        }
        let mut slots = [Slot::MIN; BLOCK];
        hash_tags(self.tier, self.buffer, &mut spans, count, &mut slots);
        for (slot, key) in slots.iter().zip(keys) {
            self.slots[*key as usize] = *slot;
        }
    }
}

/// An empty span that a window holds, when there is one: it fills up a block.
fn empty_span(buffer: &[u8]) -> KeySpan {
    let end = buffer.len().min(WINDOW) as u32;
    KeySpan { start: end, end }
}

/// The slots of the tags of `count` keys, or of the whole keys where there is
/// none; a bit for each tag. The spans are narrowed to them.
fn hash_tags<T: Windows>(
    tier: T,
    buffer: &[u8],
    spans: &mut [KeySpan; BLOCK],
    count: usize,
    slots: &mut [Slot; BLOCK],
) -> u64 {
    let tags = tier.narrow(buffer, spans, count.next_multiple_of(LANES));
    // The `{` that are left are in tags, which have none of their own: there is
    // no `}` in them.
    hash_whole::<T, false>(tier, buffer, spans, count, slots);
    tags
}

/// The slots of `count` keys, hashed whole; a bit for each that has a `{` and
/// may have a tag, if that is looked for.
fn hash_whole<T: Windows, const LOOK: bool>(
    tier: T,
    buffer: &[u8],
    spans: &[KeySpan; BLOCK],
    count: usize,
    slots: &mut [Slot; BLOCK],
) -> u64 {
    let seen = tier.hash::<LOOK>(buffer, spans, count.next_multiple_of(LANES), slots);
    let mut alone = seen.alone;
    while alone != 0 {
        let index = alone.trailing_zeros() as usize;
        slots[index] = Slot::from_crc(tier.key_sum(spans[index].of(buffer)));
        alone &= alone - 1;
    }
    seen.open & !seen.alone
}

/// A window of a buffer, and the shuffle that takes the bytes of it that count,
/// which are its last.
pub(super) type Window<'a> = (&'a [u8; WINDOW], &'static Shuffle);

/// Keys that windows hold.
pub(super) struct Held<'a> {
    buffer: &'a [u8],
    /// Invariant: each ends in the buffer, a window or more behind its
    /// beginning, and has at most a window's length.
    spans: &'a [KeySpan; BLOCK],
}

// Everything in here is inlined, so that it is compiled for the tier that calls it.
impl<'a> Held<'a> {
    /// The keys.
    #[inline(always)]
    pub(super) fn spans(&self) -> &'a [KeySpan; BLOCK] {
        self.spans
    }

    /// A key's window and its shuffle.
    #[inline(always)]
    pub(super) fn window(&self, index: usize) -> Window<'a> {
        let span = self.spans[index];
        let start = (span.end - SIZE) as usize;
        let length = (span.end - span.start) as usize;
        // SAFETY: by the invariant, the window is within the buffer, and the
        // shuffle within the table, which has one for each length up to a window's.
        unsafe {
            (
                &*self.buffer.as_ptr().add(start).cast(),
                ENDS_REVERSED.get_unchecked(length),
            )
        }
    }
}

/// Whether windows hold all of these spans.
#[inline(always)]
fn are_held(buffer: &[u8], spans: &[KeySpan; BLOCK]) -> bool {
    // Without a branch and with one look at each span. A span that ends in front
    // of the first window's end wraps around to something large; and one that
    // ends behind it, with a length of at most a window, begins in the buffer.
    let (mut last, mut longest) = (0, 0);
    for span in spans {
        last = last.max(span.end.wrapping_sub(SIZE));
        longest = longest.max(span.end.wrapping_sub(span.start));
    }
    let buffer_end = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    buffer_end >= SIZE && last <= buffer_end - SIZE && longest <= SIZE
}

/// The spans with each that no window holds made an empty one, and a bit for it:
/// too long, or too near to the buffer's beginning.
///
/// # Panics
/// When a span doesn't lie in the buffer.
#[cold]
fn set_apart(buffer: &[u8], spans: &[KeySpan; BLOCK]) -> ([KeySpan; BLOCK], u64) {
    let mut held = [empty_span(buffer); BLOCK];
    let mut alone = 0;
    for (index, (held, span)) in held.iter_mut().zip(spans).enumerate() {
        let length = span.of(buffer).len();
        if length > WINDOW || span.end < SIZE {
            alone |= 1 << index;
        } else {
            *held = *span;
        }
    }
    (held, alone)
}

/// Gives `work` the spans that windows hold, the others made empty ones; returns
/// a bit for each of those. Nothing, and all bits, when the buffer has no window.
#[inline(always)]
pub(super) fn with_held<R>(
    buffer: &[u8],
    spans: &[KeySpan; BLOCK],
    work: impl FnOnce(Held<'_>) -> R,
) -> (Option<R>, u64) {
    let apart;
    let (spans, alone) = if are_held(buffer, spans) {
        (spans, 0)
    } else {
        let alone;
        (apart, alone) = set_apart(buffer, spans);
        (&apart, alone)
    };
    let held = Held { buffer, spans };
    ((alone != u64::MAX).then(|| work(held)), alone)
}

/// [`Windows::hash`], given `sums`, which takes N windows and gives N checksums
/// and a bit for each window that may have a `{`.
#[inline(always)]
pub(super) fn hash<const N: usize>(
    buffer: &[u8],
    spans: &[KeySpan; BLOCK],
    count: usize,
    slots: &mut [Slot; BLOCK],
    sums: impl Fn([Window<'_>; N]) -> ([u16; N], u8),
) -> Seen {
    let (open, alone) = with_held(buffer, spans, |held| {
        let groups = slots.as_chunks_mut::<N>().0.iter_mut().enumerate();
        let mut open = 0;
        for (group, slots) in groups.take(count / N) {
            let windows = std::array::from_fn(|n| held.window(group * N + n));
            let (sums, braces) = sums(windows);
            *slots = sums.map(Slot::from_crc);
            open |= u64::from(braces) << (group * N);
        }
        open
    });
    let open = open.unwrap_or_default();
    Seen { alone, open }
}

/// [`Windows::narrow`], given where in a window a byte is: a bit each.
#[inline(always)]
pub(super) fn narrow(
    buffer: &[u8],
    spans: &mut [KeySpan; BLOCK],
    count: usize,
    find: impl Fn(&[u8; WINDOW], u8) -> u64,
) -> u64 {
    let whole = *spans;
    let (tags, _) = with_held(buffer, &whole, |held| {
        let mut tags = 0;
        for (index, span) in spans.iter_mut().take(count).enumerate() {
            let (window, _) = held.window(index);
            let open = find(window, b'{') & last_bits(held.spans[index]);
            let close = find(window, b'}');
            if let Some(tag) = tag_in_window(span.end, open, close) {
                *span = tag;
                tags |= 1 << index;
            }
        }
        tags
    });
    tags.unwrap_or_default()
}

/// As many of the last of 64 bits as the span has bytes, at most a window's.
#[inline(always)]
fn last_bits(span: KeySpan) -> u64 {
    let length = span.end - span.start;
    // A shift by 64 would be none.
    let bits = u64::MAX.wrapping_shl(SIZE.wrapping_sub(length));
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
    let window_start = end.wrapping_sub(SIZE);
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
