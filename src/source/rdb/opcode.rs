//! What stands between the records.

use super::marks::Mark;
use super::model::Model;
use super::{Reader, Record, State, module};
use crate::error::Result;
use crate::source::{KeyBatch, Moment};

/// The longest auxiliary field, node name or function name that is looked at.
const MOST_FIELD_BYTES: u64 = 64 << 10;

/// How many opcodes may stand before one key: expiry, LRU or LFU, each at most once, and metadata.
const MOST_PREFIXES: usize = 8;

/// Times before 1970 count as its beginning.
#[inline]
pub(super) fn moment(ms: i64) -> Moment {
    Moment::from_unix_ms(ms.max(0) as u64)
}

impl Reader {
    /// Reads one opcode and what belongs to it, or one record.
    pub(super) fn entry(&mut self, batch: &mut KeyBatch) -> Result<()> {
        let mut record = Record {
            start: self.window.offset(),
            expires_at: None,
        };
        for _ in 0..MOST_PREFIXES {
            let opcode = self.window.byte()?;
            match opcode {
                252 => record.expires_at = Some(moment(i64::from_le_bytes(self.window.array()?))),
                253 => {
                    let seconds = i32::from_le_bytes(self.window.array()?);
                    record.expires_at = Some(moment(i64::from(seconds) * 1000));
                }
                248 => {
                    self.window.length()?;
                }
                249 => self.window.skip(1)?,
                0..=242 => return self.record(opcode, &record, batch),
                _ => return self.between(opcode),
            }
        }
        let message = "expected a key, found more opcodes than belong to one";
        Err(self.window.error(record.start, message))
    }

    /// An opcode that belongs to no key.
    #[cold]
    fn between(&mut self, opcode: u8) -> Result<()> {
        let start = self.window.offset() - 1;
        match opcode {
            255 => return self.end(),
            254 => {
                self.close_mark();
                let db = self.window.length()?;
                let Ok(db) = u16::try_from(db) else {
                    let message = format!("expected a database below 65,536, found {db}");
                    return Err(self.window.error(start, message));
                };
                self.db = db;
            }
            251 => {
                self.window.length()?;
                self.window.length()?;
            }
            250 => self.field()?,
            247 => module::step_aux(&mut self.window)?,
            246 => {
                // A function library of the release candidates of Redis 7.0.
                self.window.step_text()?;
                self.window.step_text()?;
                if self.window.length()? != 0 {
                    self.window.step_text()?;
                }
                self.window.step_text()?;
            }
            245 => {
                self.window.step_text()?;
            }
            244 => self.mark()?,
            243 if self.origin.is_valkey => {
                // Slots that a migration was importing: its name, and ranges.
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
        self.values.model = Model::new(&self.origin);
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
        match text.length() <= MOST_FIELD_BYTES {
            true => self.window.copy_text_after(text, out),
            false => self.window.skip_text(text),
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
            self.values.model = Model::new(&self.origin);
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
                return Err(self.window.error(begin, message).mend(
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
            let note = match is_aof {
                true => {
                    "it is an append-only file that begins with an RDB preamble: the commands \
                     behind the preamble are not counted"
                }
                false => "bytes stand behind the end of the RDB; they are not counted",
            };
            self.note(note.to_owned());
        }
        Ok(())
    }
}
