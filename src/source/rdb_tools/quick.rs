//! The quick way to read a row: commas from [`Marks`], words from a [`Memo`], digits at once.
//!
//! It reads nearly every row there is, and says nothing of the others: those are read by
//! [`super::ends`], which decides what they are. What it does read it reads the same.

use super::super::batch::KeyFacts;
use super::super::number;
use super::super::{Encoding, Moment};
use super::ends::{Head, head, is_encoding, is_expiry};
use super::marks::Marks;
use super::memo::{self, Memo};
use std::num::NonZeroU64;
use std::ops::Range;

/// How many bytes of a piece a row that is read quickly needs before its last fields, or behind its beginning.
const NEAR: usize = 16;

/// What is remembered between rows.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Quick {
    pub(super) marks: Marks,
    pub(super) words: Words,
}

/// Beginnings of rows and encodings that came before.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    heads: Memo<Head>,
    encodings: Memo<Encoding>,
}

impl Words {
    /// Reads the row that is one line of a marked piece: where its key lies in the piece, and its facts.
    ///
    /// With `HAS_EXPIRY` the last field is the expiry, else there is none.
    #[inline]
    pub(super) fn row<const HAS_EXPIRY: bool>(
        &mut self,
        marks: &Marks,
        piece: &[u8],
        line: Range<usize>,
    ) -> Option<(Range<usize>, KeyFacts)> {
        let end = match piece[..line.end] {
            [.., b'\r'] => line.end - 1,
            _ => line.end,
        };
        // A line with fewer commas shows some of the line before it; its key would end there.
        let mut right = Right {
            commas: marks.commas_before(line.end),
            begin: line.end.wrapping_sub(64),
            end,
        };
        let expires_at = match HAS_EXPIRY {
            true => expiry(&piece[right.field()?])?,
            false => None,
        };
        right.number(piece)?;
        let elements = right.number(piece)?;
        let encoding = self.encoding(piece, right.field()?)?;
        let size_bytes = right.number(piece)?;
        let (key_start, head) = self.head(marks, piece, line.start)?;
        let facts = KeyFacts {
            size_bytes: Some(size_bytes),
            elements: Some(elements),
            kind: head.kind,
            db: head.db,
            expires: expires_at.is_some(),
            expires_at,
            encoding,
            command: None,
        };
        (key_start <= right.end).then_some((key_start..right.end, facts))
    }

    #[inline]
    fn encoding(&mut self, piece: &[u8], field: Range<usize>) -> Option<Encoding> {
        let bytes = piece[..field.end].last_chunk::<NEAR>()?;
        let text = memo::last(bytes, field.len())?;
        self.encodings.meaning(text, || {
            let word = &piece[field];
            let is_good = word.iter().all(|byte| is_encoding(*byte));
            is_good.then(|| Encoding::from_word(word))
        })
    }

    /// Where the key begins, and what is before it.
    #[inline]
    fn head(&mut self, marks: &Marks, piece: &[u8], start: usize) -> Option<(usize, Head)> {
        let first = NonZeroU64::new(marks.commas_from(start))?;
        let second = NonZeroU64::new(first.get() & (first.get() - 1))?;
        let length = second.trailing_zeros() as usize + 1;
        let bytes = piece[start..].first_chunk::<NEAR>()?;
        let text = memo::first(bytes, length)?;
        let head = self.heads.meaning(text, || head(&bytes[..length]))?;
        Some((start + length, head))
    }
}

/// When a row expires, if it does; nothing when the field can't be read quickly.
#[inline]
fn expiry(field: &[u8]) -> Option<Option<Moment>> {
    if field.is_empty() {
        return Some(None);
    }
    let at = Moment::plain(field).or_else(|| {
        let is_good = field.iter().all(|byte| is_expiry(*byte));
        is_good.then(|| Moment::parse(field)).flatten()
    })?;
    Some(Some(at))
}

/// Takes the fields of a line from its right end.
struct Right {
    /// The commas in front of `end` that weren't passed yet, from `begin` on.
    commas: u64,
    /// May be before the piece; then its low bits are zeros.
    begin: usize,
    /// Where the next field ends.
    end: usize,
}

impl Right {
    /// The last field, which goes, with the comma before it.
    #[inline]
    fn field(&mut self) -> Option<Range<usize>> {
        let bit = 63 - NonZeroU64::new(self.commas)?.leading_zeros();
        self.commas ^= 1 << bit;
        let comma = self.begin.wrapping_add(bit as usize);
        let field = comma + 1..self.end;
        self.end = comma;
        Some(field)
    }

    #[inline]
    fn number(&mut self, piece: &[u8]) -> Option<u64> {
        let field = self.field()?;
        let bytes = piece[..field.end].last_chunk::<8>()?;
        number::short(u64::from_le_bytes(*bytes), field.len())
    }
}
