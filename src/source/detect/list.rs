//! Lists of keys.

use super::super::Options;
use super::super::cut::Layout;
use super::super::escape::{Escape, Unescaped};
use super::super::lines::Lines;
use super::{Format, LOOKED_AT, Recognised};
use memchr::memrchr;

pub(super) fn keys(options: &Options) -> Recognised {
    let lines = Lines {
        separator: if options.is_null_separated { 0 } else { b'\n' },
        keep_cr: options.keep_cr,
    };
    Recognised::new(Layout::Lines(lines), Format::List, 0, None)
}

/// Whether every whole line of the head is a key as `redis-cli --no-raw` prints it.
pub(super) fn is_quoted(text: &[u8], is_whole: bool) -> bool {
    // A last line that the head has whole needs no newline.
    let end = match is_whole && !text.ends_with(b"\n") {
        true => Some(text.len()),
        false => memrchr(b'\n', text),
    };
    let whole = &text[..end.unwrap_or(0)];
    let mut out = Vec::new();
    let mut lines = whole.split(|byte| *byte == b'\n').take(LOOKED_AT);
    !whole.is_empty()
        && lines.all(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            out.clear();
            Escape::Quoted.unescape(line, &mut out) == Unescaped::Exact
        })
}
