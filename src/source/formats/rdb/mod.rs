//! RDB files: the snapshots of Redis and Valkey, read as they are.
//!
//! A file is the magic, then opcodes and records (type, key, value), then the
//! opcode 255 and, since version 5, a CRC-64. Values are stepped over: strings
//! by their lengths, structures by what their heads say, LZF data without
//! unpacking it. Nothing is allocated by a length that the file claims.
//!
//! ```text
//!  magic ─▶ opcode ─▶ expiry, LRU, LFU ─▶ type, key, value ─┐
//!             ▲  │                                          │
//!             │  ├▶ AUX, SELECTDB, RESIZEDB, slot, function │
//!             └──┴──────────────────────────────────────────┘
//!                └▶ 255 ─▶ CRC-64 ─▶ end (commands of an AOF may follow)
//! ```
//!
//! Some numbers mean different things by magic: 22 is a hash with expiring
//! fields in both families, written differently; 243 is a slot import of
//! Valkey and key metadata of Redis. What isn't known is an error with its
//! byte offset, never passed over: nobody knows how long it is.

mod checksum;
mod codes;
mod damage;
mod growth;
mod lzf;
mod marks;
mod model;
mod module;
mod opcode;
mod origin;
mod packed;
mod radix;
mod short;
mod snapshot;
mod stream;
mod text;
mod value;
mod window;

use crate::error::{Error, Result};
use crate::source::batch::{BATCH_ROWS, KeyBatch};
use crate::source::facts::KeyFacts;
use crate::source::findings::Findings;
use crate::source::options::{OnError, Options, SizeOf};
use crate::source::row_layout::KeyReader;
use crate::source::timestamp::Timestamp;
use marks::Marks;
use model::Model;
use origin::Origin;
use packed::Depth;
pub(in crate::source) use snapshot::is_rdb;
pub(super) use snapshot::{by_magic, said};
use std::io::Read;
use std::path::Path;
use value::ValueSummary;
use value::Values;
use window::Window;

/// How many keys a batch has at most: what is known of them stays in the cache on its way from the
/// thread that reads to the one that counts.
const BATCH_KEYS: usize = BATCH_ROWS / 2;

/// The keys of a batch take about this much at most, so that batches stay in the cache.
const BATCH_BYTES: usize = 256 << 10;

/// Reads the keys of an RDB file, one batch after another.
struct Reader {
    window: Window,
    values: Values,
    origin: Origin,
    marks: Marks,
    on_error: OnError,
    size: SizeOf,
    wants_longest: bool,
    verifies: bool,
    most_key_bytes: u64,
    db: u16,
    state: State,
    /// The last key of the batches that were handed out.
    last_key: Vec<u8>,
    has_keys: bool,
    /// Keys of collections without elements: servers drop them when they load the file.
    empty_keys: u64,
    /// Fields that aren't the markers that they should be.
    bad_marks: u64,
    scratch: Vec<u8>,
    findings: Findings,
    /// How many bytes of the file were told in findings.
    told_bytes: u64,
}

enum State {
    /// Nothing was read yet.
    Magic,
    /// Opcodes and records.
    Records,
    /// What was read is handed out; then this is said.
    Failed(Error),
    /// There is nothing more.
    Done,
}

/// What stands before a record's type and belongs to it.
struct Record {
    /// The offset of its first byte.
    start: u64,
    expires_at: Option<Timestamp>,
    /// How many bytes between its first byte and its end belong to no key.
    foreign_bytes: u64,
}

impl Record {
    /// Nothing is known of it but where it begins.
    #[inline(always)]
    fn at(start: u64) -> Record {
        Record {
            start,
            expires_at: None,
            foreign_bytes: 0,
        }
    }
}

impl KeyReader for Reader {
    fn offset(&self) -> u64 {
        self.window.offset()
    }

    fn take_findings(&mut self) -> Findings {
        let read_bytes = self.window.offset();
        self.findings.file_bytes = read_bytes - std::mem::replace(&mut self.told_bytes, read_bytes);
        std::mem::take(&mut self.findings)
    }

    fn next_block(&mut self, batch: &mut KeyBatch) -> Result<bool> {
        batch.begin(self.window.offset());
        batch.reserve(BATCH_KEYS);
        if let Err(error) = self.fill(batch) {
            self.state = State::Failed(self.named(error, batch));
        }
        batch.make_ready();
        if let Some(last) = batch.spans().last() {
            self.has_keys = true;
            self.last_key.clear();
            self.last_key.extend_from_slice(last.of(batch.bytes()));
            return Ok(true);
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Failed(error) => self.fail(error).map(|()| false),
            _ => Ok(false),
        }
    }
}

impl Reader {
    /// A reader of an input whose first bytes were recognised.
    fn new(input: Box<dyn Read + Send>, path: &Path, options: &Options) -> Reader {
        let origin = Origin {
            allocator: options.allocator,
            ..Origin::default()
        };
        Reader {
            window: Window::new(input, path),
            values: Values {
                model: Model::new(&origin),
                depth: Depth {
                    measures: options.wants_longest,
                    most_bytes: options.max_row_bytes as u64,
                },
                scratch: Vec::new(),
            },
            origin,
            marks: Marks::default(),
            on_error: options.on_error,
            size: options.size,
            wants_longest: options.wants_longest,
            verifies: options.verifies,
            most_key_bytes: options.max_row_bytes as u64,
            db: 0,
            state: State::Magic,
            last_key: Vec::new(),
            has_keys: false,
            empty_keys: 0,
            bad_marks: 0,
            scratch: Vec::new(),
            findings: Findings::default(),
            told_bytes: 0,
        }
    }

    fn fill(&mut self, batch: &mut KeyBatch) -> Result<()> {
        if let State::Magic = self.state {
            self.begin()?;
            self.state = State::Records;
        }
        while matches!(self.state, State::Records)
            && batch.len() < BATCH_KEYS
            && batch.bytes().len() < BATCH_BYTES
            && batch.has_room(self.window.offset())
        {
            if !self.short_string(batch) {
                self.entry(batch)?;
            }
        }
        Ok(())
    }

    /// Adds a record's key and steps over its value.
    #[inline]
    fn record(&mut self, kind: u8, record: &Record, batch: &mut KeyBatch) -> Result<()> {
        let start = self.window.offset() - 1;
        if !Values::knows(kind) {
            return Err(self.unknown(kind, start));
        }
        let key = batch.key_start();
        let text = self.window.text()?;
        if text.length() > self.most_key_bytes {
            return self.too_long(kind, record, text);
        }
        let value = self
            .window
            .copy_text_after(text, batch.key_buffer())
            .and_then(|()| self.values.step(&mut self.window, kind));
        let value = match value {
            Ok(value) => value,
            Err(error) => {
                batch.key_buffer().truncate(key);
                return Err(error);
            }
        };
        if value.elements == Some(0) && value.kind.is_collection() {
            self.empty_keys += 1;
            batch.key_buffer().truncate(key);
            return Ok(());
        }
        self.add(record, key, &value, batch);
        Ok(())
    }

    /// How many bytes of the file the record takes that ends here.
    #[inline(always)]
    fn file_bytes_of(&self, record: &Record) -> u64 {
        self.window.offset() - record.start - record.foreign_bytes
    }

    /// Adds the key that begins at `key` in the batch's buffer, and whose value ends here.
    #[inline(always)]
    fn add(&mut self, record: &Record, key: usize, value: &ValueSummary, batch: &mut KeyBatch) {
        let key_bytes = (batch.key_buffer().len() - key) as u64;
        let expires = record.expires_at.is_some();
        let size_bytes = match self.size {
            SizeOf::Serialized => Some(self.file_bytes_of(record)),
            SizeOf::Memory => self.values.model.total(key_bytes, expires, value.heap),
        };
        if size_bytes.is_none() {
            self.findings.unsized_file_bytes += self.file_bytes_of(record);
        }
        if self.marks.are_open() {
            self.marks.count(&batch.key_buffer()[key..], expires);
        }
        if self.wants_longest {
            batch.push_longest(value.longest);
        }
        batch.push_key(
            record.start,
            key,
            KeyFacts {
                size_bytes,
                elements: value.elements,
                kind: value.kind,
                db: self.db,
                expires,
                expires_at: record.expires_at,
                encoding: value.encoding(&self.values.model, key_bytes, expires),
                command: None,
            },
        );
    }
}

#[cfg(test)]
mod tests;
