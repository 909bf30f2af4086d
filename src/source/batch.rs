//! Batches: many keys at once, in buffers that are used again.

use super::calls::Calls;
use super::facts::{Columns, Expiry, Group, KeyFacts, Number};
use crate::slot::KeySpan;
use std::any::Any;
use std::ops::Range;

/// How many rows a batch holds at most: few enough that they stay in the cache.
pub const BATCH_ROWS: usize = 4096;

/// One key of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRecord<'batch> {
    /// The key's bytes, unescaped.
    pub key: &'batch [u8],
    /// What is known of it.
    pub facts: KeyFacts,
}

/// Up to [`BATCH_ROWS`] keys, read into buffers that the caller owns and hands in again.
///
/// A batch holds one *block* of the input: a run of whole rows. The keys lie
/// in the block itself where the input has them as they are, and in a second
/// buffer where they had to be unescaped.
#[derive(Debug, Default)]
pub struct KeyBatch {
    /// A run of whole rows, as it stands in the input.
    pub(super) block: Vec<u8>,
    /// Where the next row begins in the block.
    pub(super) cursor: usize,
    /// Where the block ends.
    pub(super) end: usize,
    /// The offset in the input of the block's first byte.
    pub(super) offset: u64,
    /// The line of the first row, counted from 1, where somebody counted.
    pub(super) first_line: Option<u64>,
    /// Where the first row begins in the block.
    pub(super) start: usize,
    /// Keys that had to be unescaped.
    pub(super) unescaped: Vec<u8>,
    /// The other buffer for unescaped keys, used again.
    pub(super) spare: Vec<u8>,
    /// Whether the spans lie in `unescaped`, not in `block`.
    pub(super) is_unescaped: bool,
    /// Where each key lies.
    pub(super) spans: Vec<KeySpan>,
    /// What is known of each key.
    pub(super) facts: Columns,
    /// Where each key's row begins in the block.
    pub(super) rows: Vec<u32>,
    /// How long each key's longest element is, where it was asked for and the input tells; else empty.
    pub(super) longest: Vec<u64>,
    /// Whether the keys are there already, and no row has to be read for them.
    pub(super) is_ready: bool,
    /// What a log of MONITOR has besides keys.
    pub(super) calls: Calls,
    /// How many of the rows were the header once more.
    pub(super) repeated_headers: u64,
    /// How many keys expire at a time that can't be read.
    pub(super) unread_times: u64,
    /// How many lines were the input's last and aren't whole: one at most.
    pub(super) cut_lines: u64,
    /// What the format that the rows are read as remembers from one batch to the next.
    pub(super) memory: Option<Box<dyn Any + Send + Sync>>,
}

impl KeyBatch {
    /// An empty batch, whose buffers grow with the first blocks.
    pub fn new() -> KeyBatch {
        KeyBatch::default()
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it holds no key.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The buffer that the spans lie in.
    pub fn bytes(&self) -> &[u8] {
        if self.is_unescaped {
            &self.unescaped
        } else {
            &self.block
        }
    }

    /// Where each key lies in [`KeyBatch::bytes`].
    pub fn spans(&self) -> &[KeySpan] {
        &self.spans
    }

    /// How many bytes each key takes.
    pub(crate) fn sizes(&self) -> &[Number] {
        &self.facts.sizes
    }

    /// When each key expires.
    pub(crate) fn expiries(&self) -> &[Expiry] {
        &self.facts.expiries
    }

    /// What each key is counted by.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.facts.groups
    }

    /// One of the keys.
    pub(crate) fn record(&self, index: usize) -> KeyRecord<'_> {
        KeyRecord {
            key: self.spans[index].of(self.bytes()),
            facts: self.facts.get(index),
        }
    }

    /// How many bytes each key's longest element has, when [`super::Options::wants_longest`] asks for
    /// it and the input tells; else nothing.
    pub fn longest(&self) -> &[u64] {
        &self.longest
    }

    /// What a log of MONITOR has besides keys, in the same rows.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The keys, in the order of the input.
    pub fn records(&self) -> impl ExactSizeIterator<Item = KeyRecord<'_>> {
        (0..self.len()).map(|index| self.record(index))
    }

    /// The offset in the input of the block that the keys come from.
    pub fn block_offset(&self) -> u64 {
        self.offset
    }

    /// The offset in the input of each key's row: no two rows share it, however the input is cut.
    pub fn places(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.rows.iter().map(|row| self.offset + u64::from(*row))
    }

    /// How long its block is.
    pub(crate) fn block_bytes(&self) -> usize {
        self.block.len()
    }

    /// Gives memory back that a larger block took, when no more than so many bytes are needed.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        for buffer in [&mut self.block, &mut self.unescaped, &mut self.spare] {
            // A buffer that grows may be up to twice as long as what is in it.
            if buffer.capacity() > 2 * bytes {
                buffer.shrink_to(bytes);
            }
        }
    }

    /// Forgets the keys; the block stays.
    pub(super) fn clear_rows(&mut self) {
        self.truncate(0);
        self.calls.clear();
        self.repeated_headers = 0;
        self.unread_times = 0;
        self.cut_lines = 0;
        self.unescaped.clear();
        self.is_unescaped = false;
    }

    /// Empties it for keys that are read one by one; the first record begins at `offset`.
    pub(super) fn begin(&mut self, offset: u64) {
        self.clear_rows();
        self.block.clear();
        self.offset = offset;
        self.first_line = None;
        self.is_ready = false;
    }

    /// Makes room for so many keys at once.
    pub(super) fn reserve(&mut self, keys: usize) {
        self.spans.reserve(keys);
        self.rows.reserve(keys);
        self.facts.reserve(keys);
    }

    /// Whether a record that begins at this offset can be told by its place.
    #[inline]
    pub(super) fn has_room(&self, offset: u64) -> bool {
        u32::try_from(offset - self.offset).is_ok()
    }

    /// Where the next key begins in [`KeyBatch::key_buffer`].
    #[inline]
    pub(super) fn key_start(&self) -> usize {
        self.block.len()
    }

    /// Where keys that are read one by one are put.
    #[inline]
    pub(super) fn key_buffer(&mut self) -> &mut Vec<u8> {
        &mut self.block
    }

    /// Adds the key that begins at `start` in the buffer; its record begins at `place` in the input.
    #[inline(always)]
    pub(super) fn push_key(&mut self, place: u64, start: usize, facts: KeyFacts) {
        let row = (place - self.offset) as usize;
        self.facts.push_elements(facts.elements);
        self.push_in_block(row, start..self.block.len(), facts);
    }

    /// Adds how long the longest element is of the key that is added next.
    pub(super) fn push_longest(&mut self, longest: u64) {
        self.longest.push(longest);
    }

    /// Says that the keys are there.
    pub(super) fn make_ready(&mut self) {
        let end = self.block.len();
        (self.start, self.cursor, self.end) = (0, end, end);
        self.is_ready = !self.is_empty();
    }

    /// The rows that weren't read yet, and their offset in the input; they count as read.
    pub(crate) fn take_rest(&mut self) -> (&[u8], u64) {
        self.clear_rows();
        let start = std::mem::replace(&mut self.cursor, self.end);
        (&self.block[start..self.end], self.offset + start as u64)
    }

    /// Whether the block has rows that weren't read yet.
    pub(super) fn has_rest(&self) -> bool {
        self.cursor < self.end
    }

    /// Adds a key of the row that begins at `row`; it lies in the block.
    #[inline(always)]
    pub(super) fn push_in_block(&mut self, row: usize, key: Range<usize>, facts: KeyFacts) {
        // A block is at most a part and two rows long, far below 4 GiB.
        self.spans.push(KeySpan {
            start: key.start as u32,
            end: key.end as u32,
        });
        self.facts.push(facts);
        self.rows.push(row as u32);
    }

    /// Adds rows whose facts were added, of a piece that begins at `begin` in the block: where each
    /// begins in the piece, and its key there.
    #[inline]
    pub(super) fn push_rows(
        &mut self,
        begin: usize,
        rows: impl ExactSizeIterator<Item = (u32, KeySpan)> + Clone,
    ) {
        let begin = begin as u32;
        self.rows.extend(rows.clone().map(|(row, _)| begin + row));
        self.spans.extend(rows.map(|(_, key)| KeySpan {
            start: begin + key.start,
            end: begin + key.end,
        }));
    }

    /// Moves a key to an earlier place.
    pub(super) fn copy_within(&mut self, from: usize, to: usize) {
        self.spans[to] = self.spans[from];
        self.rows[to] = self.rows[from];
        self.facts.copy_within(from, to);
        if let Some(longest) = self.longest.get(from).copied() {
            self.longest[to] = longest;
        }
    }

    /// Takes the keys behind so many out again.
    pub(super) fn truncate(&mut self, keys: usize) {
        self.spans.truncate(keys);
        self.facts.truncate(keys);
        self.rows.truncate(keys);
        self.longest.truncate(keys);
    }

    /// Adds a key that was unescaped.
    pub(super) fn push_unescaped(&mut self, row: usize, key: &[u8], facts: KeyFacts) {
        self.is_unescaped = true;
        let start = self.unescaped.len();
        self.unescaped.extend_from_slice(key);
        self.push_in_block(row, start..self.unescaped.len(), facts);
    }
}
