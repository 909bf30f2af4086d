//! Tells which quotes of a CSV enclose a field.

use crate::source::row_layout::LongRow;
use memchr::memchr2;

/// What a quote is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    /// The first byte of a field.
    Opens,
    /// The end of what is inside of quotes, unless another one follows.
    Closes,
    /// Behind one that closed: both are one quote of the field, which goes on.
    Doubled,
    /// In a field without quotes, or behind what was closed: a byte as any other.
    Stray,
}

#[cfg(test)]
thread_local! {
    /// How many quotes this thread passed so far.
    pub(in crate::source) static PASSED_QUOTES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Which quotes enclose a field, from the beginning of a row on.
pub(super) struct Quotes {
    delimiter: u8,
    are_open: bool,
    /// Behind the last quote that closed a field: another one there is a quote of the field.
    behind_close: usize,
}

impl LongRow for Quotes {
    /// Passes the quotes from a place on.
    fn row_end(&mut self, bytes: &[u8], mut place: usize) -> Option<usize> {
        while let Some(found) = memchr2(b'"', b'\n', &bytes[place..]) {
            place += found + 1;
            if bytes[place - 1] == b'"' {
                self.pass(bytes, place - 1);
            } else if !self.are_open {
                return Some(place);
            }
        }
        None
    }

    fn drop_front(&mut self, bytes: usize) {
        self.behind_close = self.behind_close.checked_sub(bytes).unwrap_or(usize::MAX);
    }
}

impl Quotes {
    /// The state before a row: no quote is open.
    pub(super) fn before_row(delimiter: u8) -> Quotes {
        Quotes {
            delimiter,
            are_open: false,
            behind_close: usize::MAX,
        }
    }

    /// Whether what comes next is inside of quotes.
    pub(super) fn are_open(&self) -> bool {
        self.are_open
    }

    /// Passes the next quote of these bytes, and says what it is.
    #[inline]
    pub(super) fn pass(&mut self, bytes: &[u8], quote: usize) -> Quote {
        #[cfg(test)]
        PASSED_QUOTES.with(|passed| passed.set(passed.get() + 1));
        if self.are_open {
            self.are_open = false;
            self.behind_close = quote + 1;
            return Quote::Closes;
        }
        let begins_field = match quote.checked_sub(1) {
            Some(before) => bytes[before] == b'\n' || bytes[before] == self.delimiter,
            None => true,
        };
        let found = if begins_field {
            Quote::Opens
        } else if quote == self.behind_close {
            Quote::Doubled
        } else {
            Quote::Stray
        };
        self.are_open = found != Quote::Stray;
        found
    }
}
