//! Prints keys with their slots, in the form that was asked for.

use crate::cluster::ClusterView;
use crate::report::key::{KeySlot, explain};
use crate::slot::{KeySpan, Slot};
use std::io::{self, Write};

/// How keys are printed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'view> {
    /// The slot.
    SlotAlone,
    /// The key: for the one that was found for a slot.
    KeyAlone,
    /// `slot<TAB>key` a line, the key's bytes as they are.
    Lines,
    /// A few lines a key.
    Explained { view: Option<&'view ClusterView> },
    /// One document; keys are written as they come, so that memory stays flat.
    Json {
        explain: bool,
        view: Option<&'view ClusterView>,
    },
}

/// Writes keys one after another; nothing is allocated for a key of the line forms.
pub(super) struct Printer<'out> {
    form: Form<'out>,
    out: &'out mut dyn Write,
    /// What ends a line: a newline, or NUL.
    end: u8,
    /// A line in the making.
    line: Vec<u8>,
    is_first: bool,
}

impl<'out> Printer<'out> {
    /// `end` is behind each line of the forms that have a line a key.
    pub(super) fn new(
        form: Form<'out>,
        out: &'out mut dyn Write,
        end: u8,
    ) -> io::Result<Printer<'out>> {
        if let Form::Json { .. } = form {
            out.write_all(b"{\"schema\":1,\"keys\":[")?;
        }
        Ok(Printer {
            form,
            out,
            end,
            line: Vec::new(),
            is_first: true,
        })
    }

    /// Prints a key with its slot.
    pub(super) fn key(&mut self, key: &[u8], slot: Slot) -> io::Result<()> {
        let is_first = std::mem::take(&mut self.is_first);
        match self.form {
            Form::SlotAlone => {
                write!(self.out, "{slot}")?;
                self.out.write_all(&[self.end])
            }
            Form::KeyAlone => {
                self.out.write_all(key)?;
                self.out.write_all(b"\n")
            }
            Form::Lines => {
                self.line.clear();
                push_line(&mut self.line, key, slot, self.end);
                self.out.write_all(&self.line)
            }
            Form::Explained { view } => {
                if !is_first {
                    self.out.write_all(b"\n")?;
                }
                explain(self.out, key, slot, view)
            }
            Form::Json { explain, view } => {
                if !is_first {
                    self.out.write_all(b",")?;
                }
                let known = if explain {
                    KeySlot::explained(key, slot, view)
                } else {
                    KeySlot::new(key, slot)
                };
                Ok(serde_json::to_writer(&mut *self.out, &known)?)
            }
        }
    }

    /// Prints many keys of a buffer.
    pub(super) fn keys(
        &mut self,
        bytes: &[u8],
        spans: &[KeySpan],
        slots: &[Slot],
    ) -> io::Result<()> {
        if !matches!(self.form, Form::Lines) {
            return spans
                .iter()
                .zip(slots)
                .try_for_each(|(span, slot)| self.key(span.of(bytes), *slot));
        }
        self.line.clear();
        for (span, slot) in spans.iter().zip(slots) {
            push_line(&mut self.line, span.of(bytes), *slot, self.end);
        }
        self.out.write_all(&self.line)
    }

    /// Ends the output: closes a JSON document.
    pub(super) fn end(self) -> io::Result<()> {
        if let Form::Json { .. } = self.form {
            self.out.write_all(b"]}\n")?;
        }
        Ok(())
    }

    /// Hands over what was printed so far.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Adds `slot<TAB>key` and what ends a line.
fn push_line(line: &mut Vec<u8>, key: &[u8], slot: Slot, end: u8) {
    let mut digits = [0; 5];
    let mut first = digits.len();
    let mut number = slot.number();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[first..]);
    line.push(b'\t');
    line.extend_from_slice(key);
    line.push(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_slot_tab_key() {
        for slot in Slot::all() {
            let mut line = Vec::new();
            push_line(&mut line, b"k\xff", slot, b'\n');
            let truth = [format!("{slot}\tk").as_bytes(), b"\xff\n"].concat();
            assert_eq!(line, truth);
        }
    }
}
