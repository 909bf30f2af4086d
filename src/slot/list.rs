//! Lists of keys, one a line: split, hash and count in one pass.
//!
//! The text is walked in pieces that stay in the nearest cache: where the
//! separators are, then the slots of the keys between them, while the memory
//! of the next piece is on its way.

use super::crc16::{Kernel, chosen};
use super::{KeySpan, SLOT_COUNT, Slot};

/// How the keys of a list are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListFormat {
    /// The byte behind each key: newline, or NUL for names that hold newlines.
    pub separator: u8,
    /// Whether a carriage return right in front of a separator, or at the end
    /// of the list, is left out of the key.
    pub strip_carriage_return: bool,
}

impl ListFormat {
    /// A key a line, every other byte belongs to the key.
    pub const LINES: ListFormat = ListFormat {
        separator: b'\n',
        strip_carriage_return: false,
    };
    /// A key a line, lines ended as Windows ends them, or as Unix does.
    pub const CRLF_LINES: ListFormat = ListFormat {
        separator: b'\n',
        strip_carriage_return: true,
    };
    /// A NUL behind each key, as `find -print0` writes.
    pub const NUL: ListFormat = ListFormat {
        separator: 0,
        strip_carriage_return: false,
    };

    /// Cuts a buffer behind its last separator: whole keys, and the beginning
    /// of one that may go on in the next read.
    ///
    /// ```
    /// # use slotkit::slot::ListFormat;
    /// let (whole, rest) = ListFormat::LINES.split_whole(b"a\nb\nhal");
    /// assert_eq!((whole, rest), (&b"a\nb\n"[..], &b"hal"[..]));
    /// ```
    pub fn split_whole(self, buffer: &[u8]) -> (&[u8], &[u8]) {
        let whole = memchr::memrchr(self.separator, buffer).map_or(0, |at| at + 1);
        buffer.split_at(whole)
    }
}

/// What a pass over a list saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListCount {
    /// Keys, the empty ones too.
    pub keys: u64,
    /// Keys of no bytes: blank lines. They hash to slot 0, so a caller for whom
    /// a blank line is no key takes this number off there.
    pub empty: u64,
}

/// Adds the keys of a list to the counts of their slots.
///
/// Keys stand in front of separators; what is behind the last separator is a
/// key too, unless it is empty. So a list may be passed in pieces that end with
/// a separator (see [`ListFormat::split_whole`]), the last one whether it does
/// or not.
///
/// ```
/// # use slotkit::slot::{count_list, ListFormat, SLOT_COUNT};
/// let mut counts = [0; SLOT_COUNT];
/// let seen = count_list(b"hello\n{user1000}.a\n{user1000}.b", ListFormat::LINES, &mut counts);
/// assert_eq!((seen.keys, seen.empty), (3, 0));
/// assert_eq!((counts[866], counts[3443]), (1, 2));
/// ```
pub fn count_list(list: &[u8], format: ListFormat, counts: &mut [u64; SLOT_COUNT]) -> ListCount {
    chosen().count_list(list, format, counts)
}

/// Gives the slot of each key of a list, some hundred keys at a time: `visit`
/// gets as many spans as slots, and the spans lie in `list`, in its order.
///
/// Which bytes are keys is as in [`count_list`].
///
/// ```
/// # use slotkit::slot::{slots_of_list, ListFormat};
/// let list = b"hello\nnumber\n";
/// let mut lines = Vec::new();
/// slots_of_list(list, ListFormat::LINES, |spans, slots| {
///     for (span, slot) in spans.iter().zip(slots) {
///         lines.push((slot.number(), span.of(list)));
///     }
/// });
/// assert_eq!(lines, [(866, &b"hello"[..]), (7743, b"number")]);
/// ```
///
/// # Panics
/// When the list has 4 GiB or more, which the offsets of spans don't reach.
pub fn slots_of_list(
    list: &[u8],
    format: ListFormat,
    visit: impl FnMut(&[KeySpan], &[Slot]),
) -> ListCount {
    chosen().slots_of_list(list, format, visit)
}

impl Kernel {
    /// As [`count_list`], on this kernel.
    pub fn count_list(
        self,
        list: &[u8],
        format: ListFormat,
        counts: &mut [u64; SLOT_COUNT],
    ) -> ListCount {
        walk(self, list, format, |_, _, slots| {
            for slot in slots {
                // Always below; so the compiler sees it, and checks nothing.
                counts[slot.index() % SLOT_COUNT] += 1;
            }
        })
    }

    /// As [`slots_of_list`], on this kernel.
    ///
    /// # Panics
    /// When the list has 4 GiB or more.
    pub fn slots_of_list(
        self,
        list: &[u8],
        format: ListFormat,
        mut visit: impl FnMut(&[KeySpan], &[Slot]),
    ) -> ListCount {
        assert!(
            u32::try_from(list.len()).is_ok(),
            "spans reach 4 GiB: pass a longer list in pieces"
        );
        walk(self, list, format, |base, spans, slots| {
            for span in spans.iter_mut() {
                span.start += base as u32;
                span.end += base as u32;
            }
            visit(spans, slots);
        })
    }
}

/// How much text is split before its keys are hashed.
const PIECE: usize = 24 * 1024;

/// How many separators are found before their keys are hashed.
const LINES: usize = 1536;

/// How many keys a kernel likes to be given, or a multiple of that.
const BLOCK: usize = 64;

/// How many bytes in front of a piece's first key belong to what the kernel may
/// read: a window that reaches there is faster than a key taken alone.
const MARGIN: usize = 64;

/// Where the separators of a piece are; with room for a word of them to spare.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    places: [u32; LINES + 64],
    count: usize,
}

impl Default for Ends {
    fn default() -> Ends {
        Ends {
            places: [0; LINES + 64],
            count: 0,
        }
    }
}

impl Ends {
    /// Forgets what was found.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// What was found.
    pub(super) fn places(&self) -> &[u32] {
        &self.places[..self.count]
    }

    /// To append to. The count is handed back by [`Cursor::finish`]: while it
    /// is a variable of its own it can stay in a register, and a pass over a
    /// list would otherwise wait for it at every step.
    #[inline(always)]
    pub(super) fn cursor(&mut self) -> Cursor<'_> {
        Cursor {
            at: self.count,
            places: &mut self.places,
            count: &mut self.count,
        }
    }
}

/// The end of a list of places.
pub(super) struct Cursor<'a> {
    places: &'a mut [u32; LINES + 64],
    at: usize,
    count: &'a mut usize,
}

impl Cursor<'_> {
    /// Whether 64 more might be too many.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.at > LINES
    }

    /// Appends one place.
    ///
    /// # Panics
    /// When there are 64 more than make it full.
    #[inline(always)]
    pub(super) fn push(&mut self, place: u32) {
        self.places[self.at] = place;
        self.at += 1;
    }

    /// Appends a place for each bit that is set, counted from `base`.
    ///
    /// # Panics
    /// May panic when the list is full.
    #[inline(always)]
    pub(super) fn push_bits(&mut self, mut bits: u64, base: u32) {
        let count = bits.count_ones() as usize;
        let spare = self.spare();
        // A line has some dozen bytes, so four at a time rarely need a second
        // turn; the ones too many are overwritten by the next word.
        let mut done = 0;
        while done < count {
            for place in &mut spare[done..][..4] {
                *place = base.wrapping_add(bits.trailing_zeros());
                bits &= bits.wrapping_sub(1);
            }
            done += 4;
        }
        self.advance(count);
    }

    /// The next 64 places, to be written and then [`advance`](Cursor::advance)d over.
    ///
    /// # Panics
    /// When the list is full.
    #[inline(always)]
    pub(super) fn spare(&mut self) -> &mut [u32; 64] {
        self.places[self.at..].first_chunk_mut().expect("not full")
    }

    /// Takes `count` of the spare places, at most 64.
    #[inline(always)]
    pub(super) fn advance(&mut self, count: usize) {
        self.at += count.min(64);
    }

    /// Keeps what was appended.
    #[inline(always)]
    pub(super) fn finish(self) {
        *self.count = self.at;
    }
}

/// Walks a list piece by piece; `visit` gets where the piece's spans are counted
/// from, the spans, and their slots.
fn walk(
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
        ends.count = 0;
        let piece = &list[start..list.len().min(start + PIECE)];
        kernel.separators(piece, format.separator, (start - base) as u32, &mut ends);
        if ends.count == 0 {
            start = visit_one(kernel, list, start, format, &mut seen, &mut visit);
            continue;
        }
        // Whole blocks only; the rest of the piece is looked at again.
        let count = match ends.count % BLOCK {
            rest if ends.count > BLOCK && start + piece.len() < list.len() => ends.count - rest,
            _ => ends.count,
        };
        let places = &ends.places[..count];
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
