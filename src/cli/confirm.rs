//! Asks before anything is changed.

use crate::error::{Error, ErrorKind, Result};
use std::io::{self, BufRead, IsTerminal, Write};

/// Asks a question that only `y` or `yes` answers with yes.
///
/// # Errors
/// [`ErrorKind::Usage`] when nobody is there to ask.
pub(super) fn confirm(question: &str) -> Result<bool> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(
            Error::new(ErrorKind::Usage, "nobody is there to confirm the plan")
                .fix("pass --yes to apply it without a question"),
        );
    }
    // A terminal that can't be written to can still be read: no answer is no.
    let _ = write!(anstream::stderr(), "{question} [y/N] ");
    let _ = anstream::stderr().flush();
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .map_err(|cause| Error::io("<stdin>", cause))?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
