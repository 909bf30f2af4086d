//! Recognises JSON arrays of strings.

use super::Strings;
use crate::error::{Error, ErrorKind, Result};
use crate::source::detect::{Beginning, Recognised, foreign};
use crate::source::format::Format;

/// An array, where nobody says what it is.
pub(in crate::source::formats) fn guess(beginning: &Beginning<'_>) -> Result<Option<Recognised>> {
    if foreign::is_array_of_strings(beginning.text) {
        said(beginning).map(Some)
    } else {
        Ok(None)
    }
}

/// An array, as the user says.
pub(in crate::source::formats) fn said(beginning: &Beginning<'_>) -> Result<Recognised> {
    let text = beginning.text;
    let blanks = text.len() - text.trim_ascii_start().len();
    if text.get(blanks) != Some(&b'[') {
        let message = "expected a JSON array of strings, found no `[`";
        return Err(Error::new(ErrorKind::Input, message).fix("leave --format out"));
    }
    let rows = Strings {
        begin: (beginning.mark + blanks) as u64,
    };
    Ok(Recognised::new(rows, Format::JSON, blanks, None))
}
