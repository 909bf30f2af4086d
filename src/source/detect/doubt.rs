//! What a list of keys more likely is, and how to have it read so.

use super::super::escape::{Escape, Unescaped};
use super::LOOKED_AT;
use memchr::{memchr_iter, memmem};

/// What to say of a list that looks like something else by its first lines.
pub(super) fn of_list(text: &[u8]) -> Option<&'static str> {
    let lines: Vec<&[u8]> = lines(text).collect();
    let first = lines.first()?;
    if first.len() == 5 && first.starts_with(b"sep=") {
        return Some(
            "it begins with the `sep=` of a spreadsheet, and its lines are taken for keys: take that line out, and \
             name the column with --key-column",
        );
    }
    if lines.iter().all(|line| is_numbered(line)) {
        return Some(
            "its lines are numbered as redis-cli does on a terminal, and the numbers are taken for parts of the keys: \
             write the list with redis-cli --no-raw --scan",
        );
    }
    if lines.iter().all(|line| is_joined(line)) {
        return Some(
            "it looks like the answer of redis-cli --csv, and whole lines are taken for keys: write a list with \
             redis-cli --no-raw --scan",
        );
    }
    is_table(&lines).then_some(
        "it looks like a CSV, and its whole lines are taken for keys: name the column with --key-column, and what \
         separates the columns with --delimiter",
    )
}

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
        .take(LOOKED_AT)
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}

/// `1) "key"`.
fn is_numbered(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit());
    let count = digits.count();
    count > 0 && line[count..].starts_with(b") \"")
}

/// `"a","b"`.
fn is_joined(line: &[u8]) -> bool {
    line.starts_with(b"\"") && memmem::find(line, b"\",\"").is_some()
}

/// Whether all lines have so many columns. Keys may have commas too, so that more must speak for it: tabs,
/// four columns, or a header above numbers.
fn is_table(lines: &[&[u8]]) -> bool {
    let (Some(first), true) = (lines.first(), lines.len() > 1) else {
        return false;
    };
    b"\t,;|".iter().any(|delimiter| {
        let count = |line: &[u8]| memchr_iter(*delimiter, line).count();
        let columns = count(first) + 1;
        let is_sure = match delimiter {
            b'\t' => columns > 1,
            b'|' => false,
            _ => columns > 3,
        };
        columns > 1
            && lines.iter().all(|line| count(line) + 1 == columns)
            && (is_sure || has_header(lines, *delimiter, columns))
    })
}

/// Whether a column has a word in its first line and numbers in all others.
fn has_header(lines: &[&[u8]], delimiter: u8, columns: usize) -> bool {
    let is_number = |line: &[u8], column: usize| {
        let field = line.split(|byte| *byte == delimiter).nth(column);
        let digits = field.unwrap_or_default().trim_ascii();
        !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    };
    // A line of the head's length may be nothing but delimiters.
    (0..columns.min(MOST_COLUMNS)).any(|column| {
        let mut are_numbers = lines.iter().map(|line| is_number(line, column));
        are_numbers.next() == Some(false) && are_numbers.all(|is| is)
    })
}

/// More columns than are looked at.
const MOST_COLUMNS: usize = 64;
