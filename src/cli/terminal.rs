//! Prints: data goes to stdout, words to stderr, and a closed pipe is no failure.
//!
//! Whoever wrote a text that is printed here, it steers no terminal where people read it
//! ([`print_words`], [`say`]), and no password is in it ([`masked`]). Data for programs ([`print`]) is
//! exact but for that.

mod lines;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::{key_line, shortened};
use crate::masked;
use lines::{Lines, Masked};
use std::io::{self, BufWriter, IsTerminal, Write};

/// How long a line on stderr is at most, characters.
const SAID_CHARS_MAX: usize = 2_000;

/// Says something to the person on stderr, on one line. Failing to say it is no reason to stop.
pub(super) fn say(words: impl AsRef<str>) {
    let _ = writeln!(anstream::stderr(), "slotkit: {}", said(words.as_ref()));
}

/// Names of files and words of servers may hold what steers a terminal, and more than one can read.
fn said(words: &str) -> String {
    let words = masked::printable(words);
    let words = masked::without_logins(&words);
    let words = shortened(&words, SAID_CHARS_MAX);
    key_line(words.as_bytes()).into_owned()
}

/// From now on a fault of ours is told as everything else is.
pub(super) fn mask_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // The usual words, and the way back where it is asked for, unless a password is in them.
        let words = info.to_string();
        if masked::repeated(&words) == words {
            tell(info);
        } else {
            say(masked::repeated(&words));
        }
    }));
}

/// A line for a machine on stderr, as it is.
#[cfg(feature = "live")]
pub(super) fn line(document: impl std::fmt::Display) {
    let document = document.to_string();
    let _ = writeln!(io::stderr(), "{}", masked::printable(&document));
}

/// Whether a person watches stderr, so that progress may be drawn there.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Writes data to stdout through a buffer.
///
/// # Errors
/// When writing fails; a pipe that the reader closed is told apart by [`is_broken_pipe`].
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let written = if masked::is_needed() {
        let mut masked = Masked::new(&mut out);
        write(&mut masked).and_then(|()| masked.end())
    } else {
        write(&mut out)
    };
    written
        .and_then(|()| out.flush())
        .map_err(|cause| Error::io("<stdout>", cause))
}

/// Writes lines that people read to stdout: what would steer a terminal, or can't be seen, is
/// escaped, whoever wrote it, and what is longer than anybody reads is cut.
///
/// # Errors
/// As [`print`].
pub(super) fn print_words(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    print(|out| {
        let mut lines = Lines::new(out);
        write(&mut lines)?;
        lines.end()
    })
}

/// Whether a person reads stdout.
pub(super) fn is_read() -> bool {
    io::stdout().is_terminal()
}

/// Whether the reader of our stdout has gone: `slotkit … | head` is a success.
pub(super) fn is_broken_pipe(error: &Error) -> bool {
    error.kind() == ErrorKind::Io
        && std::error::Error::source(error)
            .and_then(|cause| cause.downcast_ref::<io::Error>())
            .is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
