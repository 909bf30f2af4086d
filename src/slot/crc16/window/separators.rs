//! Where the keys of a list end.

use super::super::constants::WINDOW;
use crate::slot::list::Ends;

/// [`Tier::separators`](super::super::Tier::separators), given where in 64 bytes a byte is: a bit each.
#[inline(always)]
pub(in super::super) fn separators(
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
