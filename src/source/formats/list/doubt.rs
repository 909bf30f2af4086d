//! What a list of keys more likely is, and how to have it read so.

use crate::source::detect::LOOKED_AT;
use crate::source::detect::kind::Kind;
use crate::source::detect::looked::Looked;
use crate::source::escape::{Escape, Unescaped};
use memchr::memchr_iter;

/// What a list most likely is instead, by its first lines.
pub(in crate::source) fn kind(looked: &Looked<'_>) -> Option<Kind> {
    let lines = &looked.lines;
    let first = looked.first();
    if first.len() == 5 && first.starts_with(b"sep=") {
        return Some(Kind::new(
            "the `sep=` of a spreadsheet before a CSV",
            "take that line out, and name the column with --key-column",
        ));
    }
    is_table(lines).then_some(Kind::new(
        "a CSV whose columns aren't known",
        "name the column of the keys with --key-column, and what separates the columns with --delimiter",
    ))
}

const ESCAPES: &str = "it holds escapes such as \\x0A, which are taken for parts of the keys: if rdb-tools wrote it with \
                       --escape print or utf8, pass the same; if not, --escape raw";

const CUT_AND_ESCAPES: &str = "the first row isn't whole and is passed over; the others hold escapes such as \\x0A, which are \
                               taken for parts of the keys: if rdb-tools wrote it with --escape print or utf8, pass the \
                               same; if not, --escape raw";

/// What to say of keys that are read as they are, and hold escapes of rdb-tools.
pub(in crate::source) fn of_escapes(text: &[u8], is_cut: bool) -> Option<&'static str> {
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

/// Whether all lines have so many columns. Keys may have commas too, so that more must speak for it: tabs,
/// four columns, or a header above numbers.
fn is_table(lines: &[&[u8]]) -> bool {
    let (Some(first), true) = (lines.first(), lines.len() > 1) else {
        return false;
    };
    const NAMES: [&str; 14] = [
        "id", "name", "key", "type", "size", "ttl", "value", "slot", "db", "database", "count",
        "bytes", "memory", "node",
    ];
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
            && (is_sure
                || has_header(lines, *delimiter, columns)
                || has_names(first, *delimiter, &NAMES))
    })
}

/// Whether two columns or more have usual names.
fn has_names(first: &[u8], delimiter: u8, names: &[&str]) -> bool {
    let is_name = |field: &&[u8]| {
        names
            .iter()
            .any(|name| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    };
    first
        .split(|byte| *byte == delimiter)
        .take(MOST_COLUMNS)
        .filter(is_name)
        .count()
        > 1
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
