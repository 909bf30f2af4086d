//! Lists of keys.

use super::Lines;
use crate::source::Format;
use crate::source::Options;
use crate::source::cut::Layout;
use crate::source::detect::{LOOKED_AT, Recognised};
use crate::source::escape::{Escape, Unescaped};
use memchr::memrchr;

pub(in crate::source) fn keys(options: &Options) -> Recognised {
    let lines = Lines {
        separator: if options.is_null_separated { 0 } else { b'\n' },
        keep_cr: options.keep_cr,
    };
    Recognised::new(Layout::Lines(lines), Format::List, 0, None)
}

/// How many of a list's first lines are keys as `redis-cli --no-raw` prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum QuotedLines {
    All,
    Most,
    Few,
}

/// Looks at every whole line of the head that isn't blank.
pub(in crate::source) fn quoted_lines(text: &[u8], is_whole: bool) -> QuotedLines {
    // A last line that the head has whole needs no newline.
    let end = match is_whole && !text.ends_with(b"\n") {
        true => Some(text.len()),
        false => memrchr(b'\n', text),
    };
    let whole = &text[..end.unwrap_or(0)];
    let (mut quoted, mut others) = (0, 0);
    let mut out = Vec::new();
    for line in whole.split(|byte| *byte == b'\n').take(LOOKED_AT) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        out.clear();
        match Escape::Quoted.unescape(line, &mut out) {
            Unescaped::Exact => quoted += 1,
            _ => others += usize::from(!line.is_empty()),
        }
    }
    match (quoted > 0, others) {
        (true, 0) => QuotedLines::All,
        _ if quoted > others => QuotedLines::Most,
        _ => QuotedLines::Few,
    }
}
