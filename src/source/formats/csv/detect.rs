//! Recognises standard CSV with a header.

use super::Quoted;
use super::header::{columns, delimiters_with_key, is_padded};
use crate::error::{Error, ErrorKind, Result};
use crate::source::detect::{Beginning, Recognised};
use crate::source::escape::Escape;
use crate::source::format::Format;
use crate::source::formula_guard::FormulaGuard;
use crate::source::options::Options;
use crate::source::row_errors::excerpt;

/// Names of columns, in the order of preference.
const SIZE_NAMES: &[&str] = &[
    "size_in_bytes",
    "size",
    "bytes",
    "size_bytes",
    "used_memory",
    "memory_usage",
    "memory",
];
const KIND_NAMES: &[&str] = &["type"];
const DB_NAMES: &[&str] = &["database", "db"];
const EXPIRY_NAMES: &[&str] = &["expiry", "expiration", "expires_at", "expire_at"];
const ENCODING_NAMES: &[&str] = &["encoding"];

const NAME_IT: &str = "name the column as the header does";

/// The error when a header has no such column.
fn without(name: &str, header: &[u8]) -> Error {
    let message = format!(
        "expected a header with a column `{}`, found {}",
        name.escape_debug(),
        excerpt(header)
    );
    Error::new(ErrorKind::Input, message)
}

/// What to do when a header has no column with the key.
fn fix(header: &[u8], options: &Options) -> String {
    let others = delimiters_with_key(header, options);
    match (others.first(), &options.key_column) {
        (Some(delimiter), _) => {
            let delimiter = match delimiter {
                b'\t' => "tab".to_owned(),
                other => format!("'{}'", char::from(*other)),
            };
            format!("what separates its columns is something else: pass --delimiter {delimiter}")
        }
        (None, Some(_)) => NAME_IT.to_owned(),
        (None, None) => "name the columns with --key-column and --size-column".to_owned(),
    }
}

/// A CSV, as the user says.
pub(in crate::source::formats) fn said(beginning: &Beginning<'_>) -> Result<Recognised> {
    rows(beginning.first_line(), beginning.options)
}

/// A CSV, where nobody says what it is, but perhaps what its columns are.
pub(in crate::source::formats) fn guess(beginning: &Beginning<'_>) -> Result<Option<Recognised>> {
    let (first, options) = (beginning.first_line(), beginning.options);
    let names_columns = options.key_column.is_some() || options.delimiter.is_some();
    if names_columns || !delimiters_with_key(first, options).is_empty() {
        rows(first, options).map(Some)
    } else {
        Ok(None)
    }
}

/// CSV with a header.
fn rows(first: &[u8], options: &Options) -> Result<Recognised> {
    let candidates = match options.delimiter {
        Some(delimiter) => vec![delimiter],
        None => delimiters_with_key(first, options),
    };
    let wanted = options.key_column.as_deref().unwrap_or("key");
    let delimiter = candidates.first().copied().unwrap_or(b',');
    let columns = columns(first, delimiter);
    let find = |names: &[&str]| {
        names.iter().find_map(|name| {
            columns
                .iter()
                .position(|column| column.eq_ignore_ascii_case(name))
        })
    };
    let Some(key) = find(&[wanted]) else {
        return Err(without(wanted, first).fix(fix(first, options)));
    };
    let size = match &options.size_column {
        Some(name) => {
            let column = find(&[name]);
            Some(column.ok_or_else(|| without(name, first).fix(NAME_IT))?)
        }
        None => find(SIZE_NAMES),
    };
    let is_top_list = columns
        == [
            "database",
            "key",
            "type",
            "size",
            "size_readable",
            "element_count",
        ];
    let header = first.strip_suffix(b"\r").unwrap_or(first);
    let (guard, is_hex) = FormulaGuard::of_header(header).unwrap_or((FormulaGuard::Off, false));
    let rows = Quoted {
        delimiter,
        guard,
        header: header.to_vec(),
        names: columns.clone(),
        key,
        pads_key: is_padded(first, delimiter, key),
        size,
        kind: find(KIND_NAMES),
        db: find(DB_NAMES),
        expiry: find(EXPIRY_NAMES),
        encoding: find(ENCODING_NAMES),
    };
    let note = is_top_list.then_some(
        "its header is that of `rdb -c bigkey`, a list of the biggest keys only: this is not the whole keyspace",
    );
    let recognised = Recognised::new(rows, Format::CSV, first.len() + 1, note);
    Ok(Recognised {
        escape: if is_hex { Escape::Hex } else { Escape::Raw },
        ..recognised
    })
}
