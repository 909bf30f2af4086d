//! Where an input may be cut: at the beginning of a row, and nowhere else.

use memchr::memchr;

/// Where the next row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Here; at the end of the input when no row begins any more.
    At(usize),
    /// More of the input is needed to know.
    More,
}

impl Cut {
    /// No row begins in these bytes: the end of the input, or more is needed.
    pub(super) fn at_end(bytes: &[u8], is_last: bool) -> Cut {
        if is_last {
            Cut::At(bytes.len())
        } else {
            Cut::More
        }
    }

    /// Behind the first such byte from the one before `from` on: rows end with it, whatever is in them.
    pub(super) fn behind(separator: u8, bytes: &[u8], from: usize, is_last: bool) -> Cut {
        if from == 0 {
            return Cut::At(0);
        }
        match memchr(separator, &bytes[from - 1..]) {
            Some(place) => Cut::At(from + place),
            None => Cut::at_end(bytes, is_last),
        }
    }
}
