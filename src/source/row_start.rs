//! The start of a row: where an input may be cut.

use memchr::memchr;

/// Where the next row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowStart {
    /// Here; at the end of the input when no row begins any more.
    At(usize),
    /// More of the input is needed to know.
    More,
}

impl RowStart {
    /// No row begins in these bytes: the end of the input, or more is needed.
    pub(super) fn at_end(bytes: &[u8], is_last: bool) -> RowStart {
        if is_last {
            RowStart::At(bytes.len())
        } else {
            RowStart::More
        }
    }

    /// Behind the first such byte from the one before `from` on: rows end with it, whatever is in them.
    pub(super) fn behind(separator: u8, bytes: &[u8], from: usize, is_last: bool) -> RowStart {
        if from == 0 {
            return RowStart::At(0);
        }
        match memchr(separator, &bytes[from - 1..]) {
            Some(place) => RowStart::At(from + place),
            None => RowStart::at_end(bytes, is_last),
        }
    }
}
