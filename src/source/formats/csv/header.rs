//! Reads the header of a CSV: which column holds what.

use super::fields::Fields;
use crate::source::options::Options;
use std::borrow::Cow;

const KEY_NAMES: &[&str] = &["key"];

/// The delimiters with which the first line is a header that has the key's column and another one.
pub(super) fn delimiters_with_key(first: &[u8], options: &Options) -> Vec<u8> {
    let names = match &options.key_column {
        Some(name) => &[name.as_str()][..],
        None => KEY_NAMES,
    };
    b",\t;"
        .iter()
        .copied()
        .filter(|delimiter| {
            let columns = columns(first, *delimiter);
            let has_key =
                |column: &String| names.iter().any(|name| column.eq_ignore_ascii_case(name));
            columns.len() > 1 && columns.iter().any(has_key)
        })
        .collect()
}

/// Whether a space stands before a column's name.
pub(super) fn is_padded(first: &[u8], delimiter: u8, column: usize) -> bool {
    let record = record(first, delimiter);
    column < record.len() && record.get(column).starts_with(b" ")
}

/// The columns of a header, trimmed. One that isn't UTF-8 is taken for latin-1, so that it can be named.
pub(super) fn columns(first: &[u8], delimiter: u8) -> Vec<String> {
    record(first, delimiter)
        .iter()
        .map(|column| text(column).trim().to_owned())
        .collect()
}

fn text(column: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(column) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => column.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// A carriage return outside of quotes ends it, as a newline does.
fn record(first: &[u8], delimiter: u8) -> Fields {
    let returns = first.iter().take_while(|byte| **byte == b'\r').count();
    let mut fields = Fields::default();
    if returns < first.len() {
        fields.read(&first[returns..], 0, delimiter, b'\r');
    }
    fields
}
