//! Notes on keys that hold what the writing tool may have escaped.

use super::first_lines::EXAMINED_LINES;
use crate::source::escape::{Escape, Unescaped};

const ESCAPES: &str = "it holds escapes such as \\x0A, which are taken for parts of the keys: if rdb-tools wrote it with \
                       --escape print or utf8, pass the same; if not, --escape raw";

const CUT_AND_ESCAPES: &str = "the first row isn't whole and is passed over; the others hold escapes such as \\x0A, which are \
                               taken for parts of the keys: if rdb-tools wrote it with --escape print or utf8, pass the \
                               same; if not, --escape raw";

/// What to say of keys that are read as they are, and hold escapes of rdb-tools.
pub(super) fn of_escapes(text: &[u8], is_cut: bool) -> Option<&'static str> {
    let mut key = Vec::new();
    let is_escaped = |line: &[u8]| {
        key.clear();
        Escape::Print.unescape(line, &mut key) == Unescaped::Ambiguous
    };
    let note = if is_cut { CUT_AND_ESCAPES } else { ESCAPES };
    lines(text).any(is_escaped).then_some(note)
}

/// The first lines that aren't blank.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .take(EXAMINED_LINES)
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}
