//! CSV that a spreadsheet may open.

use std::borrow::Cow;

/// A text field that no spreadsheet takes for a formula: one that begins as a
/// formula does gets an apostrophe before it (OWASP, "CSV injection").
///
/// The JSON report has the field as it is.
pub(super) fn guarded(field: &str) -> Cow<'_, str> {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
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
        assert_eq!(guarded("a=b"), "a=b");
        assert_eq!(guarded(""), "");
    }
}
