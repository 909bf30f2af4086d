//! Recognises lists of keys.

use super::{Lines, doubt, evidence};
use crate::error::{Error, ErrorKind, Result};
use crate::source::detect::first_lines::FirstLines;
use crate::source::detect::{Beginning, EXAMINED_LINES, Recognised, foreign, other_text};
use crate::source::escape::{Escape, Unescaped};
use crate::source::format::Format;
use crate::source::options::Options;
use memchr::memrchr;

/// A list, as the user says.
pub(in crate::source::formats) fn said(beginning: &Beginning<'_>) -> Result<Recognised> {
    Ok(keys(beginning.options))
}

/// A list, where nobody says what it is: what is nothing else, and of which something speaks for one.
pub(in crate::source::formats) fn guess(beginning: &Beginning<'_>) -> Result<Option<Recognised>> {
    let text = beginning.text;
    if foreign::has_rubbish(text) {
        let message = "expected a CSV with a header or a list of keys, found binary data";
        return Err(Error::new(ErrorKind::Input, message)
            .fix("if these are keys, one a line, pass --format list; separated by NUL, -0"));
    }
    foreign::refuse_nuls(text)?;
    let list = of_keys(text, beginning.options)?;
    Ok(Some(match beginning.options.escape {
        Some(_) => list,
        None => unquoted(list, beginning),
    }))
}

/// How the keys of a list are quoted, where nobody said.
fn unquoted(list: Recognised, beginning: &Beginning<'_>) -> Recognised {
    match quoted_lines(beginning.text, beginning.is_whole) {
        QuotedLines::All => Recognised {
            escape: Escape::Quoted,
            doubt: Some(ALL_QUOTED),
            ..list
        },
        QuotedLines::Most => Recognised {
            doubt: Some(MOST_QUOTED),
            ..list
        },
        QuotedLines::Few => list,
    }
}

const ALL_QUOTED: &str =
    "its keys are quoted as redis-cli prints them; if the quotes are theirs, pass --escape raw";

const MOST_QUOTED: &str = "most of its lines are quoted as redis-cli prints keys, and not all: the quotes are taken for \
                           parts of the keys; with --quoted the other lines are said";

/// What the first bytes of what was taken for a list of keys look like, when they hardly are one; for whoever reads any
/// lines as keys.
pub fn doubt_of_list(head: &[u8]) -> Option<String> {
    let first_lines = FirstLines::at(head);
    if let Some(kind) = other_text::sure(&first_lines) {
        return Some(format!("it looks like {}: {}", kind.name, kind.fix));
    }
    (quoted_lines(head, false) == QuotedLines::All).then(|| {
        "its lines are quoted as redis-cli prints keys, and the quotes are taken for parts of the keys: without --no-raw \
         redis-cli writes them as they are"
            .to_owned()
    })
}

/// A list of keys, where something speaks for one; else what it is instead.
fn of_keys(text: &[u8], options: &Options) -> Result<Recognised> {
    // Whoever says how a list is quoted says that it is one.
    if options.escape == Some(Escape::Quoted) {
        return Ok(keys(options));
    }
    let first_lines = FirstLines::at(text);
    if let Some(kind) = other_text::sure(&first_lines) {
        return Err(kind.error());
    }
    if quoted_lines(text, true) == QuotedLines::All {
        return Ok(keys(options));
    }
    match doubt::kind(&first_lines) {
        Some(kind) => Err(kind.error()),
        None if evidence::is_list(&first_lines) => Ok(Recognised {
            is_slight: evidence::is_slight(&first_lines),
            ..keys(options)
        }),
        None => Err(other_text::likely(&first_lines).error()),
    }
}

fn keys(options: &Options) -> Recognised {
    let lines = Lines {
        separator: if options.is_null_separated { 0 } else { b'\n' },
        keep_cr: options.keep_cr,
    };
    Recognised::new(lines, Format::LIST, 0, None)
}

/// How many of a list's first lines are keys as `redis-cli --no-raw` prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QuotedLines {
    All,
    Most,
    Few,
}

/// Looks at every whole line of the head that isn't blank.
fn quoted_lines(text: &[u8], is_whole: bool) -> QuotedLines {
    // A last line that the head has whole needs no newline.
    let end = if is_whole && !text.ends_with(b"\n") {
        Some(text.len())
    } else {
        memrchr(b'\n', text)
    };
    let whole = &text[..end.unwrap_or(0)];
    let (mut quoted, mut others) = (0, 0);
    let mut out = Vec::new();
    for line in whole.split(|byte| *byte == b'\n').take(EXAMINED_LINES) {
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
