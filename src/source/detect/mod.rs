//! Recognises what an input is: its first bytes decide, not its name. Here is what all formats look at, and what is
//! none of them; what speaks for a format is in its own folder.

mod answers;
mod escapes;
pub(super) mod first_lines;
pub(super) mod foreign;
pub(super) mod other_text;
mod slotkit_output;
mod texts;

use super::escape::Escape;
use super::format::Format;
use super::options::Options;
use super::row_layout::{KeyForm, RowLayout, SharedLayout};
use crate::error::Result;
pub(super) use first_lines::EXAMINED_LINES;
use memchr::memchr;
use std::sync::Arc;

/// How much of an input is looked at; a header must fit.
pub(super) const HEAD_BYTES: usize = 64 << 10;

pub(super) const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Whether a row is the header once more, as where several files were joined; it may have brought its
/// byte-order mark along.
pub(super) fn repeats_header(header: &[u8], row: &[u8]) -> bool {
    row.strip_prefix(UTF8_MARK).unwrap_or(row) == header
}

/// What an input was taken for.
#[derive(Clone, Debug)]
pub(crate) struct Recognised {
    pub(super) layout: SharedLayout,
    /// How many bytes stand before the first row: a byte-order mark, a header.
    pub(super) skip: usize,
    pub(super) format: Format,
    /// What the user should know about it.
    pub(super) note: Option<&'static str>,
    /// What may have been read wrong, so that slots are: that matters more than the note.
    pub(super) doubt: Option<&'static str>,
    /// Whether half a row stands before the first row.
    pub(super) is_cut: bool,
    /// Whether so little speaks for it that in a folder it isn't read.
    pub(super) is_slight: bool,
    /// How its keys are escaped, where that can be seen.
    pub(super) escape: Escape,
}

impl Recognised {
    pub(super) fn new(
        rows: impl RowLayout + 'static,
        format: Format,
        skip: usize,
        note: Option<&'static str>,
    ) -> Recognised {
        Recognised {
            layout: Arc::new(rows),
            skip,
            format,
            note,
            doubt: None,
            is_cut: false,
            is_slight: false,
            escape: Escape::Raw,
        }
    }
}

/// The beginning of an input, as those look at it who say what it is.
pub(crate) struct Beginning<'input> {
    /// Its first bytes, without a byte-order mark.
    pub(super) text: &'input [u8],
    /// How long the byte-order mark is.
    pub(super) mark: usize,
    /// Whether there are no more bytes.
    pub(super) is_whole: bool,
    pub(super) options: &'input Options,
}

impl<'input> Beginning<'input> {
    /// Text, or bytes between NULs.
    ///
    /// # Errors
    /// When it is text in a form that no format has.
    pub(super) fn of(
        head: &'input [u8],
        is_whole: bool,
        options: &'input Options,
    ) -> Result<Beginning<'input>> {
        // Between NULs, keys of one byte look just like it.
        if !options.is_null_separated {
            foreign::refuse_utf16(head)?;
        }
        let text = head.strip_prefix(UTF8_MARK).unwrap_or(head);
        if !options.is_null_separated && !options.keep_cr {
            foreign::refuse_bare_returns(text)?;
        }
        Ok(Beginning {
            text,
            mark: head.len() - text.len(),
            is_whole,
            options,
        })
    }

    /// Its first line without the line end; empty where it is longer than the head.
    pub(super) fn first_line(&self) -> &'input [u8] {
        match memchr(b'\n', self.text) {
            Some(end) => &self.text[..end],
            None if self.is_whole => self.text,
            // A line this long is no header.
            None => &[],
        }
    }

    /// What it was recognised as, from the first byte of the input on, with what is to be said of its keys.
    pub(super) fn whole(&self, recognised: Recognised) -> Recognised {
        let is_told =
            self.options.escape.is_some() || recognised.layout.key_form() == KeyForm::OwnEscapes;
        let of_escapes = || {
            let is_raw = !is_told && recognised.escape == Escape::Raw;
            is_raw.then(|| escapes::of_escapes(self.text, recognised.is_cut))?
        };
        Recognised {
            skip: recognised.skip + self.mark,
            note: recognised.doubt.or_else(of_escapes).or(recognised.note),
            ..recognised
        }
    }
}
