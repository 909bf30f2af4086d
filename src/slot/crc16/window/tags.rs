//! Finds a key's hash tag from the braces in its window.

use super::super::constants::WINDOW;
use super::windowed_keys::with_windowed_keys;
use super::{BLOCK, Block, HALF, SIZE};
use crate::slot::KeySpan;

/// [`Windows::narrow`](super::Windows::narrow), given where in a window, or in
/// half of one, a byte is: a bit each.
#[inline(always)]
pub(in super::super) fn narrow(
    block: Block<'_>,
    parts: &mut [KeySpan; BLOCK],
    find_in_half: impl Fn(&[u8; HALF], u8) -> u32,
    find: impl Fn(&[u8; WINDOW], u8) -> u64,
) -> usize {
    let (tags, _) = with_windowed_keys(block.buffer, block.spans, |windowed| {
        let mut tags = 0;
        let mut keep = |key: usize, tag: Option<KeySpan>| {
            if let Some(tag) = tag {
                parts[key] = tag;
                tags += 1;
            }
        };
        let in_window = |key| {
            let window = windowed.window(key).0;
            tag_of(windowed.span(key), |brace| find(window, brace))
        };
        let Some(order) = block.order else {
            (0..block.count).for_each(|key| keep(key, in_window(key)));
            return tags;
        };
        let (short, long) = order.groups::<1>();
        for [key] in short {
            let half = windowed.half(key.index()).0;
            let find = |brace| u64::from(find_in_half(half, brace)) << HALF;
            keep(key.index(), tag_of(windowed.span(key.index()), find));
        }
        for [key] in long {
            keep(key.index(), in_window(key.index()));
        }
        tags
    });
    tags.unwrap_or_default()
}

/// The tag of a key, given where in its window a byte is.
#[inline(always)]
fn tag_of(span: KeySpan, find: impl Fn(u8) -> u64) -> Option<KeySpan> {
    let open = find(b'{') & last_bits(span);
    tag_in_window(span.end, open, find(b'}'))
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
pub(in super::super) fn tag_in_window(end: u32, open: u64, close: u64) -> Option<KeySpan> {
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
