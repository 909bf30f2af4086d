//! Data goes to stdout, words to stderr, and a closed pipe is no failure.

use crate::error::{Error, ErrorKind, Result};
use crate::escape::key_line;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Says something to the person on stderr, on one line. Failing to say it is no reason to stop.
pub(super) fn say(words: impl AsRef<str>) {
    // Names of files and words of servers may hold what steers a terminal.
    let line = key_line(words.as_ref().as_bytes());
    let _ = writeln!(anstream::stderr(), "slotkit: {line}");
}

/// A line for a machine on stderr, as it is.
pub(super) fn line(document: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{document}");
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
    write(&mut out)
        .and_then(|()| out.flush())
        .map_err(|cause| Error::io("<stdout>", cause))
}

/// Whether the reader of our stdout has gone: `slotkit … | head` is a success.
pub(super) fn is_broken_pipe(error: &Error) -> bool {
    error.kind() == ErrorKind::Io
        && std::error::Error::source(error)
            .and_then(|cause| cause.downcast_ref::<io::Error>())
            .is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
