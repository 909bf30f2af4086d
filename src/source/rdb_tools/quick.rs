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
use crate::slot::KeySpan;
use std::num::NonZeroU64;

/// How many lines are read at once: field by field, so that each loop is short.
const RUN: usize = 64;

/// How many bytes are looked at for a word.
const NEAR: usize = 16;

/// What is remembered between rows, and where they are put together.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Quick {
    pub(super) marks: Marks,
    pub(super) rows: Rows,
}

/// Where the parts of a row are in its piece.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    start: u32,
    /// Where the key begins.
    key: u32,
    /// The commas behind the key, and behind the fields that follow.
    behind_key: u32,
    behind_size: u32,
    behind_encoding: u32,
    behind_elements: u32,
    /// The end of the line where rows have no expiry.
    behind_longest: u32,
    /// Without the carriage return.
    end: u32,
}

/// Rows that are read side by side.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    lines: Vec<Line>,
    facts: Vec<KeyFacts>,
    /// Which of the lines have an expiry.
    expiring: Vec<u32>,
    heads: Memo<Head>,
    encodings: Memo<Encoding>,
}

impl Rows {
    /// Reads the lines of a marked piece that end at these places, the first of which begins at
    /// `start`, as long as each is a row; returns how many are.
    ///
    /// With `HAS_EXPIRY` the last field is the expiry, else there is none.
    pub(super) fn read<const HAS_EXPIRY: bool>(
        &mut self,
        marks: &Marks,
        piece: &[u8],
        start: usize,
        ends: &[u32],
    ) -> usize {
        let ends = &ends[..ends.len().min(RUN)];
        self.lines.clear();
        self.cut::<HAS_EXPIRY>(marks, piece, start as u32, ends);
        self.facts.clear();
        self.facts.resize(self.lines.len(), KeyFacts::UNKNOWN);
        self.numbers(piece);
        self.encodings(piece);
        self.heads(piece);
        if HAS_EXPIRY {
            self.expiries(piece);
        }
        self.lines.len()
    }

    /// The rows that were read: where each begins in the piece, where its key is, and its facts.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = (u32, KeySpan, KeyFacts)> {
        self.lines.iter().zip(&self.facts).map(|(line, facts)| {
            let key = KeySpan {
                start: line.key,
                end: line.behind_key,
            };
            (line.start, key, *facts)
        })
    }

    /// Finds the commas of lines, up to the first that has too few.
    #[inline]
    fn cut<const HAS_EXPIRY: bool>(
        &mut self,
        marks: &Marks,
        piece: &[u8],
        mut start: u32,
        ends: &[u32],
    ) {
        for newline in ends {
            let is_cr = *newline > start && piece[*newline as usize - 1] == b'\r';
            let end = newline - u32::from(is_cr);
            // A line with fewer commas shows some of the line before it; its key would end there.
            // From right to left: many processors find the lowest bit in a tenth of the time of the highest.
            let mut commas = marks.commas_before(*newline as usize).reverse_bits();
            let mut last = || {
                let back = NonZeroU64::new(commas)?.trailing_zeros();
                commas &= commas - 1;
                Some(newline - 1 - back)
            };
            let mut line = || {
                let behind_longest = if HAS_EXPIRY { last()? } else { end };
                Some(Line {
                    start,
                    key: start + head_length(marks, start)?,
                    behind_longest,
                    behind_elements: last()?,
                    behind_encoding: last()?,
                    behind_size: last()?,
                    behind_key: last()?,
                    end,
                })
            };
            match line() {
                Some(line) if line.key <= line.behind_key => self.lines.push(line),
                _ => return,
            }
            start = newline + 1;
        }
    }

    /// Reads sizes and elements, and looks at the lengths of the longest elements.
    #[inline]
    fn numbers(&mut self, piece: &[u8]) {
        let read = |from: u32, to: u32| {
            let bytes = piece[..to as usize].last_chunk::<8>()?;
            number::short(u64::from_le_bytes(*bytes), (to - from - 1) as usize)
        };
        let mut rows = self.lines.iter().zip(&mut self.facts);
        let bad = rows.position(|(line, facts)| {
            facts.size_bytes = read(line.behind_key, line.behind_size);
            facts.elements = read(line.behind_encoding, line.behind_elements);
            let longest = read(line.behind_elements, line.behind_longest);
            facts.size_bytes.is_none() || facts.elements.is_none() || longest.is_none()
        });
        self.end_at(bad);
    }

    #[inline]
    fn encodings(&mut self, piece: &[u8]) {
        let encodings = &mut self.encodings;
        let mut read = |from: u32, to: u32| {
            let field = from as usize + 1..to as usize;
            let bytes = piece[..field.end].last_chunk::<NEAR>()?;
            let text = memo::last(bytes, field.len())?;
            encodings.meaning(text, || {
                let word = &piece[field];
                let is_good = word.iter().all(|byte| is_encoding(*byte));
                is_good.then(|| Encoding::from_word(word))
            })
        };
        let mut rows = self.lines.iter().zip(&mut self.facts);
        let bad = rows.position(|(line, facts)| {
            let encoding = read(line.behind_size, line.behind_encoding);
            facts.encoding = encoding.unwrap_or(Encoding::Unknown);
            encoding.is_none()
        });
        self.end_at(bad);
    }

    #[inline]
    fn heads(&mut self, piece: &[u8]) {
        let heads = &mut self.heads;
        let mut read = |from: u32, to: u32| {
            let bytes = piece[from as usize..].first_chunk::<NEAR>()?;
            let length = (to - from) as usize;
            let text = memo::first(bytes, length)?;
            heads.meaning(text, || head(&bytes[..length]))
        };
        let mut rows = self.lines.iter().zip(&mut self.facts);
        let bad = rows.position(|(line, facts)| match read(line.start, line.key) {
            Some(head) => {
                (facts.kind, facts.db) = (head.kind, head.db);
                false
            }
            None => true,
        });
        self.end_at(bad);
    }

    #[inline]
    fn expiries(&mut self, piece: &[u8]) {
        // First which, then when: whether there is one can't be foreseen.
        self.expiring.clear();
        self.expiring.resize(RUN, 0);
        let mut count = 0;
        for (at, line) in self.lines.iter().enumerate() {
            self.expiring[count % RUN] = at as u32;
            count += usize::from(line.behind_longest + 1 < line.end);
        }
        let expiring = self.expiring[..count].iter().map(|at| *at as usize);
        let mut bad = None;
        for at in expiring {
            let line = self.lines[at];
            let field = &piece[line.behind_longest as usize + 1..line.end as usize];
            self.facts[at].expires = true;
            self.facts[at].expires_at = expiry(field);
            if self.facts[at].expires_at.is_none() {
                bad = Some(at);
                break;
            }
        }
        self.end_at(bad);
    }

    /// Leaves a row that can't be read quickly, and those behind it.
    #[inline]
    fn end_at(&mut self, bad: Option<usize>) {
        if let Some(bad) = bad {
            self.lines.truncate(bad);
            self.facts.truncate(bad);
        }
    }
}

/// How long the first two fields of a line are, with their commas.
#[inline]
fn head_length(marks: &Marks, start: u32) -> Option<u32> {
    let commas = NonZeroU64::new(marks.commas_from(start as usize))?;
    let second = NonZeroU64::new(commas.get() & (commas.get() - 1))?;
    Some(second.trailing_zeros() + 1)
}

/// When a row expires; nothing when the field can't be read quickly.
#[inline]
fn expiry(field: &[u8]) -> Option<Moment> {
    Moment::plain(field).or_else(|| {
        let is_good = field.iter().all(|byte| is_expiry(*byte));
        is_good.then(|| Moment::parse(field)).flatten()
    })
}
