//! Recognises a text that isn't a list of keys.

use super::first_lines::FirstLines;
use super::kind::Kind;
use super::{answers, foreign, slotkit_output, texts};

/// What is surely no list of keys, whatever its lines look like.
pub(in crate::source) fn sure(first_lines: &FirstLines<'_>) -> Option<Kind> {
    texts::server_log(first_lines)
        .or_else(|| texts::container_log(first_lines))
        .or_else(|| answers::kind(first_lines))
        .or_else(|| slotkit_output::kind(first_lines))
        .or_else(|| foreign::protocol(first_lines.text))
        .or_else(|| texts::sure(first_lines))
}

/// What a text is of which nothing speaks for a list of keys.
pub(in crate::source) fn likely(first_lines: &FirstLines<'_>) -> Kind {
    texts::likely(first_lines)
}
