//! Texts that hold no keys: what one is, and what to do with it.

use super::first_lines::FirstLines;
use super::{answers, foreign, slotkit_output, texts};
use crate::error::{Error, ErrorKind};

/// A text that holds no list of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) struct OtherText {
    /// What it is, as it stands behind "found".
    pub(in crate::source) name: &'static str,
    /// What to do instead.
    pub(in crate::source) fix: &'static str,
}

/// What to do with most answers of a server.
pub(in crate::source) const LIST_ANEW: &str = "write the list with redis-cli --no-raw --scan";

impl OtherText {
    pub(in crate::source) const fn new(name: &'static str, fix: &'static str) -> OtherText {
        OtherText { name, fix }
    }

    pub(in crate::source) fn error(self) -> Error {
        let message = format!(
            "expected a dump, a log of MONITOR or a list of keys, found {}",
            self.name
        );
        let fix = format!(
            "{}; if these are keys, one a line, pass --format list",
            self.fix
        );
        Error::new(ErrorKind::Input, message).fix(fix)
    }
}

/// What is surely no list of keys, whatever its lines look like.
pub(in crate::source) fn sure(first_lines: &FirstLines<'_>) -> Option<OtherText> {
    texts::server_log(first_lines)
        .or_else(|| texts::container_log(first_lines))
        .or_else(|| answers::kind(first_lines))
        .or_else(|| slotkit_output::kind(first_lines))
        .or_else(|| foreign::protocol(first_lines.text))
        .or_else(|| texts::sure(first_lines))
}

/// What a text is of which nothing speaks for a list of keys.
pub(in crate::source) fn likely(first_lines: &FirstLines<'_>) -> OtherText {
    texts::likely(first_lines)
}
