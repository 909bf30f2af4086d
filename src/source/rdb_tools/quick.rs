//! The quick way to read a row: commas from [`Marks`], words from a [`Memo`], digits at once.
//!
//! It reads nearly every row there is, and says nothing of the others: those are read by
//! [`super::ends`], which decides what they are. What it does read it reads the same.

use super::super::facts::{Columns, Expiry, Group, Number};
use super::super::number;
use super::super::{Encoding, Moment};
use super::ends::{head, is_encoding, is_expiry};
use super::marks::Marks;
use super::memo::{self, Memo};
use crate::slot::KeySpan;

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
#[derive(Clone, Debug)]
pub(super) struct Rows {
    lines: [Line; RUN],
    /// How many of the lines are rows.
    count: usize,
    /// What heads and encodings mean together.
    known: Memo<Group>,
}

impl Default for Rows {
    fn default() -> Rows {
        Rows {
            lines: [Line::default(); RUN],
            count: 0,
            known: Memo::default(),
        }
    }
}

impl Rows {
    /// Reads the lines of a marked piece that end at these places, the first of which begins at
    /// `start`, as long as each is a row; returns how many are. Their facts are added to the columns.
    ///
    /// With `HAS_EXPIRY` the last field is the expiry, else there is none.
    pub(super) fn read<const HAS_EXPIRY: bool>(
        &mut self,
        marks: &Marks,
        piece: &[u8],
        start: usize,
        ends: &[u32],
        facts: &mut Columns,
    ) -> usize {
        self.count = 0;
        self.cut::<HAS_EXPIRY>(marks, piece, start as u32, ends);
        let before = facts.sizes.len();
        self.numbers(piece, facts);
        self.groups(piece, facts);
        self.expiries::<HAS_EXPIRY>(piece, facts);
        facts.truncate(before + self.count);
        self.count
    }

    /// The rows that were read: where each begins in the piece, and where its key is.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = (u32, KeySpan)> + Clone {
        self.lines[..self.count].iter().map(|line| {
            let key = KeySpan {
                start: line.key,
                end: line.behind_key,
            };
            (line.start, key)
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
        let least = if HAS_EXPIRY { 7 } else { 6 };
        let mut commas = marks.commas_from(start);
        for newline in ends.iter().take(RUN) {
            let mut count = least;
            // The key may have some of its own.
            while commas.get(count).is_some_and(|comma| comma < newline) {
                count += 1;
            }
            let Some((line, behind)) = commas.split_at_checked(count) else {
                return;
            };
            if line[least - 1] > *newline {
                return;
            }
            let is_cr = *newline > start && piece[*newline as usize - 1] == b'\r';
            let end = newline - u32::from(is_cr);
            // Counted from the left as far as the key, and from the right behind it.
            let tail = &line[count - (least - 2)..];
            self.lines[self.count] = Line {
                start,
                key: line[1] + 1,
                behind_key: tail[0],
                behind_size: tail[1],
                behind_encoding: tail[2],
                behind_elements: tail[3],
                behind_longest: if HAS_EXPIRY { tail[4] } else { end },
                end,
            };
            self.count += 1;
            commas = behind;
            start = newline + 1;
        }
    }

    /// Reads sizes and elements, and looks at the lengths of the longest elements.
    #[inline]
    fn numbers(&mut self, piece: &[u8], facts: &mut Columns) {
        let read = |from: u32, to: u32| {
            let bytes = piece[..to as usize].last_chunk::<8>()?;
            number::short(u64::from_le_bytes(*bytes), (to - from - 1) as usize)
        };
        let sizes = added(&mut facts.sizes, self.count, Number::UNKNOWN);
        let elements = added(&mut facts.elements, self.count, Number::UNKNOWN);
        let mut rows = self.lines[..self.count]
            .iter()
            .zip(sizes.iter_mut().zip(elements));
        let bad = rows.position(|(line, (size, elements))| {
            let numbers = (
                read(line.behind_key, line.behind_size),
                read(line.behind_encoding, line.behind_elements),
                read(line.behind_elements, line.behind_longest),
            );
            let (Some(of_size), Some(of_elements), Some(_)) = numbers else {
                return true;
            };
            (*size, *elements) = (Number::short(of_size), Number::short(of_elements));
            false
        });
        self.end_at(bad);
    }

    /// Looks heads and encodings up.
    #[inline]
    fn groups(&mut self, piece: &[u8], facts: &mut Columns) {
        let known = &mut self.known;
        let mut group_of = |line: &Line| {
            let front = piece[line.start as usize..].first_chunk::<NEAR>()?;
            let length = (line.key - line.start) as usize;
            let field = line.behind_size as usize + 1..line.behind_encoding as usize;
            let back = piece[..field.end].last_chunk::<NEAR>()?;
            let texts = memo::texts(front, length, back, field.len())?;
            known.meaning(texts, || group(&front[..length], &piece[field]))
        };
        let groups = added(&mut facts.groups, self.count, Group::UNKNOWN);
        let mut rows = self.lines[..self.count].iter().zip(groups);
        let bad = rows.position(|(line, group)| match group_of(line) {
            Some(known) => {
                *group = known;
                false
            }
            None => true,
        });
        self.end_at(bad);
    }

    #[inline]
    fn expiries<const HAS_EXPIRY: bool>(&mut self, piece: &[u8], facts: &mut Columns) {
        let begin = facts.expiries.len();
        let count = self.count;
        added(&mut facts.expiries, count, Expiry::NEVER);
        if !HAS_EXPIRY {
            return;
        }
        // First which, then when: whether there is one can't be foreseen.
        let mut expiring = [0; RUN];
        let mut found = 0;
        for (at, line) in self.lines[..self.count].iter().enumerate() {
            expiring[found % RUN] = at;
            found += usize::from(line.behind_longest + 1 < line.end);
        }
        let mut bad = None;
        for at in expiring[..found].iter().copied() {
            let line = &self.lines[at];
            let field = &piece[line.behind_longest as usize + 1..line.end as usize];
            match expiry(field) {
                Some(moment) => facts.expiries[begin + at] = Expiry::at(moment),
                None => {
                    bad = Some(at);
                    break;
                }
            }
        }
        self.end_at(bad);
    }

    /// Leaves a row that can't be read quickly, and those behind it.
    #[inline]
    fn end_at(&mut self, bad: Option<usize>) {
        if let Some(bad) = bad {
            self.count = bad;
        }
    }
}

/// Makes a column longer; returns what was added.
#[inline]
fn added<T: Copy>(column: &mut Vec<T>, count: usize, value: T) -> &mut [T] {
    let begin = column.len();
    column.resize(begin + count, value);
    &mut column[begin..]
}

/// What a head and the word for an encoding mean.
fn group(front: &[u8], word: &[u8]) -> Option<Group> {
    let head = head(front)?;
    let is_good = word.iter().all(|byte| is_encoding(*byte));
    is_good.then(|| Group {
        kind: head.kind,
        encoding: Encoding::from_word(word),
        db: head.db,
    })
}

/// When a row expires; nothing when the field can't be read quickly.
#[inline]
fn expiry(field: &[u8]) -> Option<Moment> {
    Moment::plain(field).or_else(|| {
        let is_good = field.iter().all(|byte| is_expiry(*byte));
        is_good.then(|| Moment::parse(field)).flatten()
    })
}
