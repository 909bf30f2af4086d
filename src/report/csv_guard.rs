//! Guards CSV fields that a spreadsheet would take for formulas.

use crate::source::FormulaGuard;
use std::borrow::Cow;
use std::io;

/// What failed below the CSV: its kind tells a pipe that the reader closed from a failure, which
/// the csv crate's own conversion doesn't.
pub(super) fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(cause) => cause,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A text field that no spreadsheet takes for a formula: one that begins as a
/// formula does gets an apostrophe before it (OWASP, "CSV injection").
///
/// So does one that begins so behind apostrophes of its own: whoever takes one off of every field that has
/// apostrophes before a formula gets all fields back as they were ([`crate::source::FormulaGuard`]).
///
/// The JSON report has the field as it is.
pub(super) fn guarded(field: &str) -> Cow<'_, str> {
    if FormulaGuard::is_needed(field.as_bytes()) {
        Cow::Owned(format!("'{field}"))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text() {
        assert_eq!(guarded("=cmd()"), "'=cmd()");
        assert_eq!(guarded("'=cmd()"), "''=cmd()");
        assert_eq!(guarded("'a"), "'a");
        assert_eq!(guarded("a=b"), "a=b");
        assert_eq!(guarded(""), "");
    }
}
