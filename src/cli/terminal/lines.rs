//! Writers that escape control characters and mask passwords.

use crate::escape::{key_line, shortened};
use crate::masked;
use memchr::memchr;
use std::io::{self, Write};

/// How long a line is at most that people read, characters.
const LINE_CHARS_MAX: usize = 4_000;
/// How much of a line is kept while its end hasn't come, bytes: what is behind is never shown.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Escapes what steers a terminal, line by line; a tab stays.
pub(super) struct Lines<'out> {
    out: &'out mut dyn Write,
    line: Vec<u8>,
}

impl<'out> Lines<'out> {
    pub(super) fn new(out: &'out mut dyn Write) -> Lines<'out> {
        let line = Vec::new();
        Lines { out, line }
    }

    /// Writes what has no line end.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.end_line()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX - self.line.len();
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) -> io::Result<()> {
        for (index, cell) in self.line.split(|byte| *byte == b'\t').enumerate() {
            if index > 0 {
                self.out.write_all(b"\t")?;
            }
            let cell = key_line(cell);
            self.out
                .write_all(shortened(&cell, LINE_CHARS_MAX).as_bytes())?;
        }
        self.line.clear();
        Ok(())
    }
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            self.keep(&rest[..end]);
            self.end_line()?;
            self.out.write_all(b"\n")?;
            rest = &rest[end + 1..];
        }
        self.keep(rest);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // A line whose end hasn't come waits for it.
        self.out.flush()
    }
}

/// Takes passwords out of what is printed, wherever the pieces of it begin and end.
pub(super) struct Masked<'out> {
    out: &'out mut dyn Write,
    held: Vec<u8>,
}

/// How much is looked through at once, bytes.
const CHUNK_BYTES: usize = 64 << 10;

impl<'out> Masked<'out> {
    pub(super) fn new(out: &'out mut dyn Write) -> Masked<'out> {
        let held = Vec::new();
        Masked { out, held }
    }

    /// Writes what was held back.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.pass(true)
    }

    /// Writes everything without the passwords that are in it, but for the start of one at its end.
    fn pass(&mut self, is_end: bool) -> io::Result<()> {
        let masked = masked::printable_bytes(&self.held);
        let begun = if is_end { 0 } else { masked::begun(&masked) };
        let (whole, begun) = masked.split_at(masked.len() - begun);
        self.out.write_all(whole)?;
        self.held = begun.to_vec();
        Ok(())
    }
}

impl Write for Masked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= CHUNK_BYTES {
            self.pass(false)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(false)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out);
        for piece in pieces {
            lines.write_all(piece).expect("a buffer");
        }
        lines.end().expect("a buffer");
        String::from_utf8(out).expect("escaped")
    }

    #[test]
    fn nothing_steers_a_terminal() {
        let text = lines(&[
            b"a\tb\x1b[2",
            b"J\xe2\x80",
            b"\xaec\n\xc2\x9bd\r\n",
            b"\xffe",
        ]);
        assert_eq!(
            text,
            "a\tb\\x1B[2J\\xE2\\x80\\xAEc\n\\xC2\\x9Bd\\x0D\n\\xFFe"
        );
        assert_eq!(lines(&["ключ\n\n".as_bytes()]), "ключ\n\n");
        assert!(lines(&[&[b'x'; 3_000_000]]).len() < 5_000);
    }

    #[test]
    fn a_password_is_taken_out_however_it_is_cut() {
        // Masks are the whole process's: no other test prints this.
        let password = "Zeb9-quagga";
        masked::put_up(password);
        for step in 1..30 {
            let mut out = Vec::new();
            let mut writer = Masked::new(&mut out);
            let text = format!("before {password} \u{fc} {password}{password} after");
            for piece in text.as_bytes().chunks(step) {
                writer.write_all(piece).expect("a buffer");
                if step % 2 == 0 {
                    writer.flush().expect("a buffer");
                }
            }
            writer.end().expect("a buffer");
            assert_eq!(String::from_utf8_lossy(&out), "before *** ü ****** after");
        }
    }
}
