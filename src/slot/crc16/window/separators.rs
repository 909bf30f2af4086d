//! Finds where the keys of a list end.

use super::super::constants::WINDOW;
use crate::slot::ends::Ends;

/// Few of them are in 64 bytes: the lines of a list.
pub(in super::super) const FEW: usize = 0;

/// Many of them are in 64 bytes: commas and newlines of a dump, some eight a row.
pub(in super::super) const MANY: usize = 12;

/// [`Tier::separators`](super::super::Tier::separators) and [`Tier::either`](super::super::Tier::either),
/// given where in 64 bytes they are, a bit each; how many are appended at once whatever there are.
#[inline(always)]
pub(in super::super) fn separators<const AT_ONCE: usize>(
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
        ends.push_bits::<AT_ONCE>(find(window), base + seen as u32);
        seen += WINDOW;
    }
    if seen == windows.len() * WINDOW && !ends.is_full() {
        let mut last = [0; WINDOW];
        last[..rest.len()].copy_from_slice(rest);
        let in_text = (1 << rest.len()) - 1;
        ends.push_bits::<AT_ONCE>(find(&last) & in_text, base + seen as u32);
        seen = text.len();
    }
    ends.finish();
    seen
}
