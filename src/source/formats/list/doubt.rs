//! Doubts about a list of keys: what it more likely is, and how to have it read so.

use crate::source::detect::first_lines::FirstLines;
use crate::source::detect::other_text::OtherText;
use memchr::memchr_iter;

/// What a list most likely is instead, by its first lines.
pub(super) fn kind(first_lines: &FirstLines<'_>) -> Option<OtherText> {
    let lines = &first_lines.lines;
    let first = first_lines.first();
    if first.len() == 5 && first.starts_with(b"sep=") {
        return Some(OtherText::new(
            "the `sep=` of a spreadsheet before a CSV",
            "take that line out, and name the column with --key-column",
        ));
    }
    is_table(lines).then_some(OtherText::new(
        "a CSV whose columns aren't known",
        "name the column of the keys with --key-column, and what separates the columns with --delimiter",
    ))
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
