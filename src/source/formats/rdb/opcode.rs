//! Opcodes: what stands between the records of an RDB file.

use super::codes::*;
use super::marks::Mark;
use super::model::Large;
use super::{Reader, Record, State, module};
use crate::error::Result;
use crate::source::batch::KeyBatch;
use crate::source::options::SizeOf;
use crate::source::timestamp::Timestamp;

/// The longest auxiliary field, node name or function name that is looked at.
const MOST_FIELD_BYTES: u64 = 64 << 10;

/// From which difference between allocators on it is worth a word, where it is a percent of the file too.
const LEAST_DIFFERENCE: u64 = 1 << 20;

/// How many opcodes may stand before one key that say something of it: expiry, LRU or LFU, each at most
/// once, and metadata.
const MOST_PREFIXES: usize = 8;

/// Times before 1970 count as its beginning.
#[inline]
pub(super) fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms.max(0) as u64)
}

impl Reader {
    /// Reads one opcode that belongs to no key, or one record.
    ///
    /// What was said of the next key holds until that key, as on servers, whatever stands between: KeyDB
    /// writes a field between expiry and key.
    pub(super) fn entry(&mut self, batch: &mut KeyBatch) -> Result<()> {
        let mut record = Record::at(self.window.offset());
        let mut prefixes = 0;
        while prefixes <= MOST_PREFIXES {
            let opcode = self.window.byte()?;
            match opcode {
                OPCODE_EXPIRETIME_MS => {
                    record.expires_at = Some(timestamp(i64::from_le_bytes(self.window.array()?)));
                }
                OPCODE_EXPIRETIME => {
                    let seconds = i32::from_le_bytes(self.window.array()?);
                    record.expires_at = Some(timestamp(i64::from(seconds) * 1000));
                }
                OPCODE_IDLE => {
                    self.window.length()?;
                }
                OPCODE_FREQ => self.window.skip(1)?,
                OPCODE_ENTERPRISE_A | OPCODE_ENTERPRISE_B | OPCODE_SLOT_IMPORT.. => {
                    let start = self.window.offset() - 1;
                    self.between(opcode)?;
                    if prefixes == 0 || !matches!(self.state, State::Records) {
                        return Ok(());
                    }
                    record.foreign_bytes += self.window.offset() - start;
                    continue;
                }
                _ => return self.record(opcode, &record, batch),
            }
            prefixes += 1;
        }
        let message = "expected a key, found more opcodes than belong to one";
        Err(self.window.error(record.start, message))
    }

    /// An opcode that belongs to no key.
    #[cold]
    fn between(&mut self, opcode: u8) -> Result<()> {
        let start = self.window.offset() - 1;
        match opcode {
            OPCODE_EOF => return self.end(),
            OPCODE_SELECTDB => {
                self.close_mark();
                let db = self.window.length()?;
                let Ok(db) = u16::try_from(db) else {
                    let message = format!("expected a database below 65,536, found {db}");
                    return Err(self.window.error(start, message));
                };
                self.db = db;
            }
            OPCODE_RESIZEDB => {
                self.window.length()?;
                self.window.length()?;
            }
            OPCODE_AUX => self.field()?,
            OPCODE_MODULE_AUX => module::step_aux(&mut self.window)?,
            OPCODE_FUNCTION_PRE_GA => {
                self.window.step_text()?;
                self.window.step_text()?;
                if self.window.length()? != 0 {
                    self.window.step_text()?;
                }
                self.window.step_text()?;
            }
            OPCODE_FUNCTION2 => {
                self.window.step_text()?;
            }
            OPCODE_SLOT_INFO => self.mark()?,
            OPCODE_ENTERPRISE_A | OPCODE_ENTERPRISE_B if !self.origin.is_valkey => {
                self.window.length()?;
            }
            OPCODE_SLOT_IMPORT if self.origin.is_valkey => {
                // The name of the migration, and ranges of slots.
                self.window.step_text()?;
                for _ in 0..self.window.length()? {
                    self.window.length()?;
                    self.window.length()?;
                }
            }
            _ => return Err(self.unknown(opcode, start)),
        }
        Ok(())
    }

    /// An auxiliary field: two strings. Long ones (scripts) are of no interest.
    fn field(&mut self) -> Result<()> {
        self.scratch.clear();
        let mut scratch = std::mem::take(&mut self.scratch);
        self.short_text(&mut scratch)?;
        let name_bytes = scratch.len();
        self.short_text(&mut scratch)?;
        let (name, value) = scratch.split_at(name_bytes);
        self.origin.field(name, value);
        let mark = (name == b"slot-info").then(|| Mark::from_field(value));
        self.scratch = scratch;
        self.values.model.renew(&self.origin);
        match mark {
            Some(Some(mark)) => self.open_mark(mark),
            Some(None) => self.bad_marks += 1,
            None => {}
        }
        Ok(())
    }

    /// Appends a string, or nothing when it is long.
    fn short_text(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let text = self.window.text()?;
        if text.length() <= MOST_FIELD_BYTES {
            self.window.copy_text_after(text, out)
        } else {
            self.window.skip_text(text)
        }
    }

    fn mark(&mut self) -> Result<()> {
        let start = self.window.offset() - 1;
        let (slot, keys, expiring) = (
            self.window.length()?,
            self.window.length()?,
            self.window.length()?,
        );
        let Some(mark) = Mark::new(slot, keys, expiring) else {
            let message = format!("expected a slot of 0 to 16383, found {slot}");
            return Err(self.window.error(start, message));
        };
        if !self.origin.is_cluster {
            self.origin.is_cluster = true;
            self.values.model.renew(&self.origin);
        }
        self.open_mark(mark);
        Ok(())
    }

    fn open_mark(&mut self, mark: Mark) {
        self.close_mark();
        self.marks.open(mark);
    }

    pub(super) fn close_mark(&mut self) {
        if let Some(difference) = self.marks.close() {
            self.note(difference);
        }
    }

    /// Notes what was counted instead of told one by one; at the end, or where the file breaks off.
    pub(super) fn note_counts(&mut self) {
        if let Some(more) = self.marks.more_differences() {
            self.note(more);
        }
        if self.origin.is_aof_base {
            self.note(
                "it is the base of an append-only file of several parts: what was written after it stands \
                 in the increments beside it, which are not counted; a BGSAVE writes all keys into one file"
                    .to_owned(),
            );
        }
        self.note_allocator();
        let (bad_marks, empty_keys) = (self.bad_marks, self.empty_keys);
        if bad_marks > 0 {
            self.note(format!(
                "{bad_marks} of its fields slot-info aren't three numbers"
            ));
        }
        if empty_keys > 0 {
            self.note(format!(
                "{empty_keys} keys are empty lists, sets, sorted sets or hashes; servers drop them, and \
                 they are not counted"
            ));
        }
    }

    /// No file says which allocator its server has: says so where that makes a difference.
    fn note_allocator(&mut self) {
        let Large {
            in_classes,
            in_pages,
        } = self.values.model.large();
        let is_asked = self.size == SizeOf::Memory && self.origin.allocator.is_none();
        let difference = in_classes.saturating_sub(in_pages);
        if is_asked && difference > LEAST_DIFFERENCE.max(self.window.offset() / 100) {
            self.note(format!(
                "no file says which allocator its server has: allocations above 32 KiB take {in_pages} bytes \
                 with jemalloc 5.3.1 or newer, {in_classes} with an older one; INFO memory says it \
                 (mem_allocator), --allocator takes it"
            ));
        }
    }

    /// The end, and the checksum behind it.
    fn end(&mut self) -> Result<()> {
        self.close_mark();
        self.note_counts();
        self.state = State::Done;
        let begin = self.window.offset();
        let computed = self.window.finish_sum();
        if self.origin.rdb_version < 5 {
            return self.behind();
        }
        let written = u64::from_le_bytes(self.window.array()?);
        match computed {
            // The writer was told not to compute it (rdbchecksum no).
            Some(_) if written == 0 => {
                self.note("its checksum is 0, not computed: damage can't be seen by it".to_owned());
            }
            Some(computed) if computed != written => {
                let message = format!(
                    "expected the CRC-64 {computed:016x} of what was read, found {written:016x}"
                );
                return Err(self.window.error(begin, message).fix(
                    "the file is damaged: copy it again, or read it as it is with --no-verify",
                ));
            }
            _ => {}
        }
        self.behind()
    }

    /// What stands behind the end: the commands of an append-only file.
    fn behind(&mut self) -> Result<()> {
        if !self.window.is_at_end()? {
            let is_aof = self.window.look(1)?.first() == Some(&b'*');
            let note = if is_aof {
                "it is an append-only file that begins with an RDB preamble: the commands \
                     behind the preamble are not counted"
            } else {
                "bytes stand behind the end of the RDB; they are not counted"
            };
            self.note(note.to_owned());
        }
        Ok(())
    }
}
