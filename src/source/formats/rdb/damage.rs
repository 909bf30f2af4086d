//! Errors of a damaged RDB file, and findings besides its keys.

use super::codes::TYPE_MODULE_PRE_GA;
use super::text::Text;
use super::{Reader, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::source::batch::KeyBatch;
use crate::source::options::OnError;
use crate::source::row_errors::{RowError, excerpt};

impl Reader {
    /// An error of the file: told, or counted when the rest is passed over.
    pub(super) fn fail(&mut self, error: Error) -> Result<()> {
        if self.on_error == OnError::Stop || error.kind() != ErrorKind::Input {
            return Err(error);
        }
        let byte = error.position().and_then(|place| place.byte);
        self.findings.row_errors.end_at(RowError {
            byte: byte.unwrap_or(0),
            line: None,
            field: None,
            message: format!("{}; what follows isn't counted", error.message()),
        });
        self.note_counts();
        Ok(())
    }

    /// Adds the last good key to an error of the file.
    pub(super) fn named(&self, error: Error, batch: &KeyBatch) -> Error {
        if error.kind() != ErrorKind::Input {
            return error;
        }
        let last = match batch.spans().last() {
            Some(span) => Some(span.of(batch.bytes())),
            None => self.has_keys.then_some(self.last_key.as_slice()),
        };
        let last = match last {
            Some(key) => format!("the last good key is {}", excerpt(key)),
            None => "no key stands before it".to_owned(),
        };
        let message = format!("{} ({last})", error.message());
        let fix = match error.fix_text() {
            Some(fix) => fix.to_owned(),
            None => "to keep what stands before it, pass --on-error skip".to_owned(),
        };
        let place = error.position().cloned().unwrap_or_default();
        Error::new(ErrorKind::Input, message).at(place).fix(fix)
    }

    /// A key that is longer than a row may be, its head read: an error, or stepped over and counted as one.
    #[cold]
    pub(super) fn too_long(&mut self, kind: u8, record: &Record, text: Text) -> Result<()> {
        let (most, found) = (self.most_key_bytes, text.length());
        let message = format!("expected a key of at most {most} bytes, found one of {found}");
        if self.on_error == OnError::Stop {
            return Err(self.window.error(record.start, message).fix(
                "if keys really are that long, raise --max-row-bytes; to count the others, pass --on-error skip",
            ));
        }
        self.window.skip_text(text)?;
        self.values.step(&mut self.window, kind)?;
        self.marks.count_unread(record.expires_at.is_some());
        self.findings.row_errors.push(RowError {
            byte: record.start,
            line: None,
            field: None,
            message,
        });
        Ok(())
    }

    pub(super) fn note(&mut self, note: String) {
        self.findings.notes.push(note);
    }

    #[cold]
    pub(super) fn unknown(&self, code: u8, byte: u64) -> Error {
        let family = self.origin.name();
        let message = match code {
            TYPE_MODULE_PRE_GA => {
                "expected a value that can be stepped over, found one of a module in the form of \
                  a pre-release (type 6)"
                    .to_owned()
            }
            _ => format!("expected a type or opcode that slotkit knows, found {code} ({family})"),
        };
        self.window.error(byte, message)
    }
}
