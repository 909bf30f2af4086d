//! Keys from stdin: answered as they come, in bounded memory.

use super::super::terminal;
use super::printer::Printer;
use crate::error::{Error, ErrorKind, Position};
use crate::slot::{ListFormat, slots_of_list};
use crate::source::doubt_of_list;
use memchr::memrchr;
use std::io::{self, Read};

/// The longest key that a server takes (`proto-max-bulk-len` is 512 MiB by default).
const MAX_KEY_BYTES: usize = 512 << 20;

/// How much of the input is looked at to say that it hardly is a list of keys.
const LOOKED_AT_BYTES: usize = 16 << 10;

/// How much is read at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Prints every key of stdin. The outer error is one of writing, the inner one of the input.
pub(super) fn each_key(
    printer: &mut Printer<'_>,
    is_null: bool,
    keep_cr: bool,
) -> io::Result<Result<(), Error>> {
    let mut keys = Keys {
        separator: if is_null { 0 } else { b'\n' },
        keep_cr: keep_cr || is_null,
        max_key_bytes: MAX_KEY_BYTES,
        ..Keys::default()
    };
    keys.print(&mut io::stdin().lock(), printer)
}

#[derive(Default)]
struct Keys {
    separator: u8,
    keep_cr: bool,
    max_key_bytes: usize,
    /// How many keys were printed.
    count: u64,
    /// How many bytes lie before the buffer.
    offset: u64,
}

impl Keys {
    fn print(
        &mut self,
        input: &mut dyn Read,
        printer: &mut Printer<'_>,
    ) -> io::Result<Result<(), Error>> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut filled = 0;
        loop {
            if filled == buffer.len() {
                if filled > self.max_key_bytes {
                    return Ok(Err(self.too_long()));
                }
                // One byte more than the longest key: its separator.
                buffer.resize((2 * filled).min(self.max_key_bytes + 1), 0);
            }
            let read = match input.read(&mut buffer[filled..]) {
                Ok(read) => read,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Ok(Err(Error::io("<stdin>", cause))),
            };
            if read == 0 {
                if filled > self.max_key_bytes {
                    return Ok(Err(self.too_long()));
                }
                self.print_keys(&buffer[..filled], printer)?;
                return Ok(Ok(()));
            }
            let new = &buffer[filled..filled + read];
            // The first bytes tell, as far as anything does.
            if self.offset == 0 && filled == 0 && self.separator == b'\n' {
                self.say_doubt(new);
            }
            let whole = memrchr(self.separator, new).map_or(0, |last| filled + last + 1);
            filled += read;
            if whole > 0 {
                self.print_keys(&buffer[..whole], printer)?;
                buffer.copy_within(whole..filled, 0);
                filled -= whole;
                self.offset += whole as u64;
                // The one who feeds us may wait for the answer.
                printer.flush()?;
            }
        }
    }

    /// Says what the first lines look like, when they hardly are keys: their slots are printed all the same.
    fn say_doubt(&self, head: &[u8]) {
        let head = &head[..head.len().min(LOOKED_AT_BYTES)];
        if let Some(doubt) = doubt_of_list(head) {
            terminal::say(format!("warning: <stdin>: {doubt}"));
        }
    }

    /// Prints the keys of some bytes; the last one may lack its separator.
    fn print_keys(&mut self, bytes: &[u8], printer: &mut Printer<'_>) -> io::Result<()> {
        let format = ListFormat {
            separator: self.separator,
            strip_carriage_return: !self.keep_cr,
        };
        let mut written = Ok(());
        let count = slots_of_list(bytes, format, |spans, slots| {
            if written.is_ok() {
                written = printer.keys(bytes, spans, slots);
            }
        });
        self.count += count.keys;
        written
    }

    fn too_long(&self) -> Error {
        let message = format!(
            "expected a key of at most {} bytes, found no end of it",
            self.max_key_bytes
        );
        let place = Position::file("<stdin>")
            .at_line(self.count + 1)
            .at_byte(self.offset);
        Error::new(ErrorKind::Input, message)
            .at(place)
            .fix("no server takes a longer key: is this a list of keys, one a line?")
    }
}

#[cfg(test)]
mod tests {
    use super::super::printer::Form;
    use super::*;

    /// Gives a few bytes at a time.
    struct Drops<'text>(&'text [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn printed(text: &[u8], step: usize, max_key_bytes: usize) -> (Vec<u8>, Option<String>) {
        let mut out = Vec::new();
        let mut printer = Printer::new(Form::Lines, &mut out, b'\n').expect("a printer");
        let mut keys = Keys {
            separator: b'\n',
            max_key_bytes,
            ..Keys::default()
        };
        let ended = keys
            .print(&mut Drops(text, step), &mut printer)
            .expect("it writes");
        (out, ended.err().map(|error| error.one_line()))
    }

    #[test]
    fn any_pace_gives_the_same_lines() {
        let text = b"hello\nnumber\r\n\n{user1000}.x\nlast";
        let truth = b"866\thello\n7743\tnumber\n0\t\n3443\t{user1000}.x\n".to_vec();
        for step in 1..40 {
            let (out, error) = printed(text, step, 1 << 20);
            assert_eq!((&out[..truth.len()], error), (&truth[..], None), "{step}");
            assert!(out.ends_with(b"\tlast\n"));
        }
    }

    #[test]
    fn a_key_without_end_is_refused_where_it_begins() {
        let text = [b"a\nb\n".to_vec(), vec![b'x'; 2 * CHUNK_BYTES]].concat();
        let (out, error) = printed(&text, 1 << 16, CHUNK_BYTES + 100);
        assert!(out.starts_with(b"15495\ta\n"));
        let error = error.expect("too long");
        assert!(error.starts_with("<stdin>, line 3, byte 4: "), "{error}");
    }
}
