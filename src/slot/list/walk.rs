//! Walks a list piece by piece: splits, hashes, visits.

use super::super::crc16::Kernel;
use super::super::ends::{Ends, LINES};
use super::super::{KeySpan, Slot};
use super::{ListCount, ListFormat};

/// How much text is split before its keys are hashed.
const PIECE: usize = 24 * 1024;

/// How many keys a kernel likes to be given, or a multiple of that.
const BLOCK: usize = 64;

/// How many bytes in front of a piece's first key belong to what the kernel may
/// read: a window that reaches there is faster than a key taken alone.
const MARGIN: usize = 64;

/// Walks a list piece by piece; `visit` gets where the piece's spans are counted
/// from, the spans, and their slots.
pub(super) fn walk(
    kernel: Kernel,
    list: &[u8],
    format: ListFormat,
    mut visit: impl FnMut(usize, &mut [KeySpan], &[Slot]),
) -> ListCount {
    let mut seen = ListCount::default();
    let mut ends = Ends::default();
    let mut spans = [KeySpan::default(); LINES + 64];
    let mut slots = [Slot::MIN; LINES + 64];
    let mut tags_first = false;
    let mut start = 0;
    while start < list.len() {
        let base = start.saturating_sub(MARGIN);
        ends.clear();
        let piece = &list[start..list.len().min(start + PIECE)];
        kernel.separators(piece, format.separator, (start - base) as u32, &mut ends);
        if ends.places().is_empty() {
            start = visit_one(kernel, list, start, format, &mut seen, &mut visit);
            continue;
        }
        // Whole blocks only; the rest of the piece is looked at again.
        let found = ends.places().len();
        let count = match found % BLOCK {
            rest if found > BLOCK && start + piece.len() < list.len() => found - rest,
            _ => found,
        };
        let places = &ends.places()[..count];
        let spans = &mut spans[..count];
        let slots = &mut slots[..count];
        spans_between((start - base) as u32, places, spans);
        if format.strip_carriage_return {
            strip(&list[base..], spans);
        }
        kernel.slots_of_more(&list[base..], spans, slots, &mut tags_first);
        seen.keys += spans.len() as u64;
        seen.empty += count_empty(spans);
        visit(base, spans, slots);
        start = base + places[count - 1] as usize + 1;
    }
    seen
}

/// The one key that begins at `start` and is longer than a piece, or has no
/// separator behind it. Returns where the next one begins.
fn visit_one(
    kernel: Kernel,
    list: &[u8],
    start: usize,
    format: ListFormat,
    seen: &mut ListCount,
    visit: &mut impl FnMut(usize, &mut [KeySpan], &[Slot]),
) -> usize {
    let rest = &list[start..];
    let length = memchr::memchr(format.separator, rest).unwrap_or(rest.len());
    let key = match rest[..length].split_last() {
        Some((b'\r', key)) if format.strip_carriage_return => key,
        _ => &rest[..length],
    };
    seen.keys += 1;
    seen.empty += u64::from(key.is_empty());
    // Only a list of 4 GiB can hold a key that a span doesn't reach, and who
    // passes such a list (to count it) doesn't look at spans.
    let end = u32::try_from(key.len()).unwrap_or(u32::MAX);
    visit(
        start,
        &mut [KeySpan { start: 0, end }],
        &[kernel.slot_of(key)],
    );
    start + length + 1
}

/// The spans between separators, the first of which begins at `start`. Two
/// slices side by side, so that the compiler writes several spans at once.
fn spans_between(start: u32, places: &[u32], spans: &mut [KeySpan]) {
    let (Some(first), Some(end)) = (spans.first_mut(), places.first()) else {
        return;
    };
    *first = KeySpan { start, end: *end };
    for ((span, before), end) in spans[1..].iter_mut().zip(places).zip(&places[1..]) {
        *span = KeySpan {
            start: before + 1,
            end: *end,
        };
    }
}

/// Leaves a carriage return at the end of a key out.
fn strip(buffer: &[u8], spans: &mut [KeySpan]) {
    for span in spans {
        let returns = span.of(buffer).last() == Some(&b'\r');
        span.end -= u32::from(returns);
    }
}

fn count_empty(spans: &[KeySpan]) -> u64 {
    // Fewer than 2^32 by far, and sums of 32 bits are made four at a time.
    let empty: u32 = spans
        .iter()
        .map(|span| u32::from(span.start == span.end))
        .sum();
    u64::from(empty)
}
