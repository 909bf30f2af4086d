//! What is wrong with a file, and what is known of it besides its keys.

use super::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::source::OnError;
use crate::source::batch::KeyBatch;
use crate::source::fault::{Fault, excerpt};

impl Reader {
    /// An error of the file: told, or counted when the rest is passed over.
    pub(super) fn fail(&mut self, error: Error) -> Result<()> {
        if self.on_error == OnError::Stop || error.kind() != ErrorKind::Input {
            return Err(error);
        }
        let byte = error.position().and_then(|place| place.byte);
        self.findings.faults.end_at(Fault {
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
        let mend = match error.mend_text() {
            Some(mend) => mend.to_owned(),
            None => "to keep what stands before it, pass --on-error skip".to_owned(),
        };
        let place = error.position().cloned().unwrap_or_default();
        Error::new(ErrorKind::Input, message).at(place).mend(mend)
    }

    pub(super) fn note(&mut self, note: String) {
        self.findings.notes.push(note);
    }

    #[cold]
    pub(super) fn unknown(&self, code: u8, byte: u64) -> Error {
        let family = self.origin.name();
        let message = match code {
            6 => "expected a value that can be stepped over, found one of a module in the form of \
                  a pre-release (type 6)"
                .to_owned(),
            _ => format!("expected a type or opcode that slotkit knows, found {code} ({family})"),
        };
        self.window.error(byte, message)
    }
}
