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
use super::constants::WINDOW;
use crate::slot::list::Ends;
use crate::slot::{KeySpan, Slot};

/// How many keys are in flight between two steps of a batch: a bit each in a word.
pub(super) const BLOCK: usize = 64;

/// How far in front of a key the memory is asked for. Two kilobytes are too
/// late for a pass at memory speed, and 16 would leave the first-level cache.
pub(super) const AHEAD: usize = 8 * 1024;

/// The keys of one block, and where to write the checksums.
pub(super) struct Block<'a> {
    pub buffer: &'a [u8],
    pub parts: &'a [KeySpan; BLOCK],
    pub count: usize,
    pub sums: &'a mut [u16; BLOCK],
}

/// A tier that hashes a block of keys window by window.
pub(super) trait Windows: Tier {
    /// Copies the spans, narrowed to the hash tag where there is one; returns a
    /// bit for each key that no window holds, whose part means nothing.
    fn hashed_parts(self, buffer: &[u8], spans: &[KeySpan], parts: &mut [KeySpan; BLOCK]) -> u64;

    /// The checksums of the parts.
    fn window_sums(self, block: Block<'_>);
}

/// [`Tier::slots_of`] for a tier with windows.
pub(super) fn slots_of<T: Windows>(tier: T, buffer: &[u8], spans: &[KeySpan], slots: &mut [Slot]) {
    for (spans, slots) in spans.chunks(BLOCK).zip(slots.chunks_mut(BLOCK)) {
        let mut parts = [KeySpan::default(); BLOCK];
        let mut sums = [0; BLOCK];
        let mut alone = tier.hashed_parts(buffer, spans, &mut parts);
        if alone.count_ones() as usize != spans.len() {
            tier.window_sums(Block {
                buffer,
                parts: &parts,
                count: spans.len(),
                sums: &mut sums,
            });
        }
        while alone != 0 {
            let index = alone.trailing_zeros() as usize;
            sums[index] = tier.key_sum(spans[index].of(buffer));
            alone &= alone - 1;
        }
        for (slot, sum) in slots.iter_mut().zip(sums) {
            *slot = Slot::from_crc(sum);
        }
    }
}

/// The window that ends where a part ends, and how many of its last bytes count.
/// A part that begins a buffer has none; its checksum is taken alone.
#[inline(always)]
pub(super) fn window(buffer: &[u8], part: KeySpan) -> (&[u8; WINDOW], usize) {
    static NOTHING: [u8; WINDOW] = [0; WINDOW];
    let window = buffer
        .get(..part.end as usize)
        .and_then(|bytes| bytes.last_chunk::<WINDOW>());
    let length = (part.end.wrapping_sub(part.start) as usize).min(WINDOW);
    (window.unwrap_or(&NOTHING), length)
}

/// [`Windows::hashed_parts`], given where in a window a byte is: a bit each.
///
/// # Panics
/// When a span doesn't lie in the buffer.
#[inline(always)]
pub(super) fn narrow_to_tags(
    buffer: &[u8],
    spans: &[KeySpan],
    parts: &mut [KeySpan; BLOCK],
    find: impl Fn(&[u8; WINDOW], u8) -> u64,
) -> u64 {
    let mut alone = 0;
    for (index, (span, part)) in spans.iter().zip(parts).enumerate() {
        let length = span.of(buffer).len();
        let Some(window) = buffer[..span.end as usize].last_chunk::<WINDOW>() else {
            alone |= 1 << index;
            continue;
        };
        if length > WINDOW {
            alone |= 1 << index;
            continue;
        }
        *part = *span;
        let in_key = u64::MAX
            .checked_shl((WINDOW - length) as u32)
            .unwrap_or_default();
        let open = find(window, b'{') & in_key;
        if open != 0 {
            let close = find(window, b'}');
            *part = tag_in_window(*span, open, close);
            // A tag ends in front of its key's end: near the buffer's beginning
            // it may have no window though its key has one.
            alone |= u64::from((part.end as usize) < WINDOW) << index;
        }
    }
    alone
}

/// The hash tag's span, given the braces of the window that ends with the key.
#[inline(always)]
fn tag_in_window(key: KeySpan, open: u64, close: u64) -> KeySpan {
    let first = open.trailing_zeros();
    // `{` and `}` can't be in the same place, so `first` itself does no harm.
    let close = close & (u64::MAX << first);
    let last = close.trailing_zeros();
    if close == 0 || last == first + 1 {
        return key;
    }
    let window_start = key.end - WINDOW as u32;
    KeySpan {
        start: window_start + first + 1,
        end: window_start + last,
    }
}

/// [`Tier::separators`], given where in 64 bytes a byte is: a bit each.
#[inline(always)]
pub(super) fn separators(
    text: &[u8],
    base: u32,
    ends: &mut Ends,
    find: impl Fn(&[u8; WINDOW]) -> u64,
) -> usize {
    let (windows, rest) = text.as_chunks::<WINDOW>();
    for (index, window) in windows.iter().enumerate() {
        if ends.is_full() {
            return index * WINDOW;
        }
        ends.push_bits(find(window), base + (index * WINDOW) as u32);
    }
    if ends.is_full() {
        return windows.len() * WINDOW;
    }
    let mut last = [0; WINDOW];
    last[..rest.len()].copy_from_slice(rest);
    let in_text = (1 << rest.len()) - 1;
    ends.push_bits(
        find(&last) & in_text,
        base + (windows.len() * WINDOW) as u32,
    );
    text.len()
}
