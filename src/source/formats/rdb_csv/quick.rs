//! The quick way to read a row: commas from [`Marks`], words from a [`Memo`], digits at once.
//!
//! It reads nearly every row there is, and says nothing of the others: those are read by
//! [`super::rows`], which decides what they are. What it does read it reads the same.

use super::rows::{head, is_encoding, is_expiry};
use crate::slot::{KeySpan, Places};
use crate::source::encoding::Encoding;
use crate::source::facts::{Columns, Expiry, Group, Number};
use crate::source::number;
use crate::source::timestamp::Timestamp;

/// How many lines are read at once: field by field, so that each loop is short.
const RUN: usize = 64;

/// How many bytes are looked at for a word.
const NEAR: usize = 16;

/// The commas in front of the key.
const FRONT: usize = 2;

/// The commas behind the key and the newline: without an expiry there is a comma less.
const BACK: usize = 6;

/// What is remembered between rows, and where they are put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Quick {
    pub(super) marks: Marks,
    pub(super) rows: QuickRows,
}

/// Where the parts of a row are in its piece.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    start: u32,
    /// The comma in front of the key.
    before_key: u32,
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
pub(super) struct QuickRows {
    lines: [Line; RUN],
    /// How many of the lines are rows.
    count: usize,
    /// What heads and encodings mean together.
    known: Memo<Group>,
}

impl Default for QuickRows {
    fn default() -> QuickRows {
        QuickRows {
            lines: [Line::default(); RUN],
            count: 0,
            known: Memo::default(),
        }
    }
}

impl QuickRows {
    /// Reads at most so many lines of a piece, the first of which begins at `start` and has the first of
    /// these marks, as long as each is a row; returns where the next line begins. The rows' facts are
    /// added to the columns.
    ///
    /// With `HAS_EXPIRY` the last field is the expiry, else there is none.
    pub(super) fn read<const HAS_EXPIRY: bool>(
        &mut self,
        piece: &[u8],
        start: u32,
        marks: &[u32],
        most: usize,
        facts: &mut Columns,
    ) -> u32 {
        let next = self.cut::<HAS_EXPIRY>(piece, start, marks, most);
        let cut = self.count;
        let before = facts.sizes.len();
        self.numbers(piece, facts);
        self.groups(piece, facts);
        self.expiries::<HAS_EXPIRY>(piece, facts);
        facts.truncate(before + self.count);
        if self.count < cut {
            self.lines[self.count].start
        } else {
            next
        }
    }

    /// The rows that were read: where each begins in the piece, and where its key is.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = (u32, KeySpan)> + Clone {
        self.lines[..self.count].iter().map(|line| {
            let key = KeySpan {
                start: line.before_key + 1,
                end: line.behind_key,
            };
            (line.start, key)
        })
    }

    /// Finds the commas of lines, up to the first that has too few; returns where that one begins.
    #[inline]
    fn cut<const HAS_EXPIRY: bool>(
        &mut self,
        piece: &[u8],
        mut start: u32,
        mut marks: &[u32],
        most: usize,
    ) -> u32 {
        self.count = 0;
        for line in self.lines.iter_mut().take(most) {
            let Some((ours, behind)) = marks_of_line::<HAS_EXPIRY>(piece, marks) else {
                break;
            };
            let [before_type, before_key, tail @ ..] = ours;
            let [
                behind_key,
                behind_size,
                behind_encoding,
                behind_elements,
                behind_longest,
                newline,
            ] = tail;
            debug_assert!(start <= before_type);
            let is_cr = newline > start && piece[newline as usize - 1] == b'\r';
            let end = newline - u32::from(is_cr);
            *line = Line {
                start,
                before_key,
                behind_key,
                behind_size,
                behind_encoding,
                behind_elements,
                behind_longest: if HAS_EXPIRY { behind_longest } else { end },
                end,
            };
            self.count += 1;
            marks = behind;
            start = newline + 1;
        }
        start
    }

    /// Reads sizes, and makes sure that elements and the longest of them are numbers.
    #[inline]
    fn numbers(&mut self, piece: &[u8], facts: &mut Columns) {
        let sizes = added(&mut facts.sizes, self.count, Number::UNKNOWN);
        let mut rows = self.lines[..self.count].iter().zip(sizes);
        let bad = rows.position(|(line, size)| {
            let of_size = number(piece, line.behind_key, line.behind_size);
            let from = line.behind_encoding;
            let are_good = are_numbers(piece, from, line.behind_elements, line.behind_longest);
            let Some(of_size) = of_size.filter(|_| are_good) else {
                return true;
            };
            *size = Number::short(of_size);
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
            let length = (line.before_key + 1 - line.start) as usize;
            let field = line.behind_size as usize + 1..line.behind_encoding as usize;
            let back = piece[..field.end].last_chunk::<NEAR>()?;
            let texts = texts(front, length, back, field.len())?;
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
                Some(timestamp) => facts.expiries[begin + at] = Expiry::at(timestamp),
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

/// The marks of the line that has the first of these marks, those of its key left out, and the marks
/// behind it; nothing when there are too few, or no newline. Without an expiry the comma in front of it
/// is a newline, too.
#[inline]
fn marks_of_line<'marks, const HAS_EXPIRY: bool>(
    piece: &[u8],
    marks: &'marks [u32],
) -> Option<([u32; FRONT + BACK], &'marks [u32])> {
    let back = if HAS_EXPIRY { BACK } else { BACK - 1 };
    let (ours, behind) = marks.split_at_checked(FRONT + back)?;
    let is = |mark: u32, byte| piece[mark as usize] == byte;
    // Of those in front of the key whoever reads the head makes sure.
    let (commas, newline) = (&ours[FRONT..FRONT + back - 1], ours[FRONT + back - 1]);
    let are_commas = commas.iter().fold(true, |all, mark| all & is(*mark, b','));
    if !(are_commas & is(newline, b'\n')) {
        return marks_of_long_line::<HAS_EXPIRY>(piece, marks);
    }
    Some((
        in_eight::<HAS_EXPIRY>(&ours[..FRONT], &ours[FRONT..]),
        behind,
    ))
}

/// The same for a line whose key has commas.
#[inline(never)]
fn marks_of_long_line<'marks, const HAS_EXPIRY: bool>(
    piece: &[u8],
    marks: &'marks [u32],
) -> Option<([u32; FRONT + BACK], &'marks [u32])> {
    let back = if HAS_EXPIRY { BACK } else { BACK - 1 };
    let newline = marks
        .iter()
        .position(|mark| piece[*mark as usize] == b'\n')?;
    let (line, behind) = marks.split_at(newline + 1);
    let tail = line.len().checked_sub(back).filter(|tail| *tail >= FRONT)?;
    Some((
        in_eight::<HAS_EXPIRY>(&line[..FRONT], &line[tail..]),
        behind,
    ))
}

/// Marks in front of the key and behind it.
#[inline]
fn in_eight<const HAS_EXPIRY: bool>(front: &[u32], back: &[u32]) -> [u32; FRONT + BACK] {
    let newline = back[back.len() - 1];
    let mut all = [newline; FRONT + BACK];
    all[..FRONT].copy_from_slice(front);
    all[FRONT..FRONT + back.len()].copy_from_slice(back);
    all
}

/// The number between two separators.
#[inline]
fn number(piece: &[u8], from: u32, to: u32) -> Option<u64> {
    let bytes = piece[..to as usize].last_chunk::<8>()?;
    number::short(u64::from_le_bytes(*bytes), (to - from - 1) as usize)
        .or_else(|| long_number(&piece[from as usize + 1..to as usize]))
}

/// Whether numbers stand between three separators.
#[inline]
fn are_numbers(piece: &[u8], from: u32, middle: u32, to: u32) -> bool {
    let lengths = (middle - from - 1, to - middle - 1);
    let word = piece[..to as usize].last_chunk::<8>();
    let are_short = |bytes: &[u8; 8]| number::are_short(u64::from_le_bytes(*bytes), lengths);
    word.is_some_and(are_short) || are_long_numbers(piece, from, middle, to)
}

/// A number that has too many digits for [`number::short`], or is none.
#[cold]
fn long_number(digits: &[u8]) -> Option<u64> {
    number::size(digits)
}

#[inline(never)]
fn are_long_numbers(piece: &[u8], from: u32, middle: u32, to: u32) -> bool {
    number(piece, from, middle).is_some() && number(piece, middle, to).is_some()
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
fn expiry(field: &[u8]) -> Option<Timestamp> {
    Timestamp::plain(field).or_else(|| {
        let is_good = field.iter().all(|byte| is_expiry(*byte));
        is_good.then(|| Timestamp::parse(field)).flatten()
    })
}

/// How much text is marked at once: usually there is room for its marks, and all of it stays in the
/// nearest cache.
pub(super) const PIECE_BYTES: usize = 8 << 10;

/// The commas and newlines of a piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(Places);

impl Marks {
    /// Marks a piece; returns how much of it is marked, which is less where it has very many.
    pub(super) fn set(&mut self, piece: &[u8]) -> usize {
        self.0.find(piece, [b',', b'\n'])
    }

    /// The commas and newlines from a place on, ascending.
    pub(super) fn from(&self, place: u32) -> &[u32] {
        let all = self.0.all();
        &all[all.partition_point(|mark| *mark < place)..]
    }
}

/// How many pairs of texts are remembered: a dump has a few dozen.
const ENTRIES: usize = 256;

/// Two texts of at most 15 bytes, their other bytes zero, such that no two pairs are the same.
pub(super) type Texts = [u64; 4];

/// No texts: they would have 16 bytes.
const NONE: Texts = [u64::MAX; 4];

/// What pairs of texts mean; one takes the place of another one when both of its places are taken.
#[derive(Clone, Debug)]
pub(super) struct Memo<Meaning>(Box<[(Texts, Option<Meaning>); ENTRIES]>);

impl<Meaning: Copy> Default for Memo<Meaning> {
    fn default() -> Self {
        Memo(Box::new([(NONE, None); ENTRIES]))
    }
}

impl<Meaning: Copy> Memo<Meaning> {
    /// What two texts mean; `read` says so when it isn't known, or that they mean nothing.
    #[inline]
    pub(super) fn meaning(
        &mut self,
        texts: Texts,
        read: impl FnOnce() -> Option<Meaning>,
    ) -> Option<Meaning> {
        let [a, b, c, d] = texts;
        let mixed = a ^ b.rotate_left(29) ^ c.rotate_left(43) ^ d.rotate_left(13);
        let place = (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize;
        if are_same(&self.0[place].0, &texts) {
            return self.0[place].1;
        }
        self.second(place, texts, read)
    }

    /// The same with the other place of the texts.
    #[inline(never)]
    fn second(
        &mut self,
        place: usize,
        texts: Texts,
        read: impl FnOnce() -> Option<Meaning>,
    ) -> Option<Meaning> {
        let other = place ^ 1;
        if !are_same(&self.0[other].0, &texts) {
            // What was met last stands in front, and what stood there is kept.
            self.0[other] = (texts, read());
        }
        self.0.swap(place, other);
        self.0[place].1
    }
}

/// Word by word: comparing all of it at once, a processor would wait for the words to reach memory.
#[inline]
fn are_same(one: &Texts, other: &Texts) -> bool {
    (one[0] ^ other[0]) | (one[1] ^ other[1]) | (one[2] ^ other[2]) | (one[3] ^ other[3]) == 0
}

/// The first bytes of one text and the last bytes of another, at most 15 of each. The length of the
/// second is added: it may begin with zeros. The first must have an end of its own.
#[inline]
pub(super) fn texts(
    front: &[u8; 16],
    length: usize,
    back: &[u8; 16],
    back_length: usize,
) -> Option<Texts> {
    let ([a, b], [c, d]) = (words(front), words(back));
    let ([a_mask, b_mask], [c_mask, d_mask]) = (FIRST.get(length)?, LAST.get(back_length)?);
    Some([
        a & a_mask,
        b & b_mask,
        c & c_mask | back_length as u64,
        d & d_mask,
    ])
}

#[inline]
fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(*bytes);
    [both as u64, (both >> 64) as u64]
}

static FIRST: [[u64; 2]; 16] = masks(false);
static LAST: [[u64; 2]; 16] = masks(true);

const fn masks(are_last: bool) -> [[u64; 2]; 16] {
    let mut masks = [[0; 2]; 16];
    let mut length = 1;
    while length < 16 {
        let unused = 128 - 8 * length as u32;
        let mask = if are_last {
            u128::MAX << unused
        } else {
            u128::MAX >> unused
        };
        masks[length] = [mask as u64, (mask >> 64) as u64];
        length += 1;
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn texts_are_told_apart_and_read_once() {
        let mut memo = Memo::default();
        let heads = b"0,string,0,hash,1,set,,";
        let backs = b"\0\0stringhashset\0";
        let mut known: HashMap<Texts, (&[u8], &[u8])> = HashMap::new();
        for (start, length) in [(0, 9), (9, 7), (16, 6), (9, 13), (22, 1)] {
            let mut near = [b'x'; 16];
            let rest = &heads[start..heads.len().min(start + 16)];
            near[..rest.len()].copy_from_slice(rest);
            for back_length in 0..16 {
                let pair = texts(&near, length, backs, back_length).expect("short texts");
                let meant = (&heads[start..start + length], &backs[16 - back_length..]);
                assert_eq!(known.insert(pair, meant), None);
                assert_eq!(memo.meaning(pair, || Some(meant)), Some(meant));
                assert_eq!(memo.meaning(pair, || unreachable!()), Some(meant));
            }
        }
        // Whatever takes whose place, texts mean what they mean.
        for (pair, meant) in &known {
            assert_eq!(memo.meaning(*pair, || Some(*meant)), Some(*meant));
        }
        let front = b"0,set,\0\0 ,more,,";
        let same = b"0,set,,a,key,10,";
        assert_eq!(texts(front, 6, backs, 3), texts(same, 6, backs, 3));
        assert_eq!(texts(front, 16, backs, 3), None);
        assert_eq!(texts(front, 6, backs, 16), None);
    }
}
