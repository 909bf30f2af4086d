//! Lists of keys, one a line: split, hash and count in one pass.
//!
//! The text is walked in pieces that stay in the nearest cache: where the
//! separators are, then the slots of the keys between them, while the memory
//! of the next piece is on its way.

mod walk;

use walk::walk;

use super::crc16::{Kernel, selected_kernel};
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
    selected_kernel().count_list(list, format, counts)
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
    selected_kernel().slots_of_list(list, format, visit)
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
