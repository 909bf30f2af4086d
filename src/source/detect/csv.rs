//! Standard CSV with a header.

use super::super::cut::Layout;
use super::super::fault::excerpt;
use super::super::quoted::Quoted;
use super::super::{Format, Options};
use super::Recognised;
use super::header::{columns, delimiters_with_key, is_padded};
use crate::error::{Error, ErrorKind, Result};

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

/// CSV with a header of at least `least` columns.
pub(super) fn rows(first: &[u8], options: &Options, least: usize) -> Result<Recognised> {
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
    let key = find(&[wanted]).filter(|_| columns.len() >= least);
    let Some(key) = key else {
        let message = format!(
            "expected a header with a column `{}`, found {}",
            wanted.escape_debug(),
            excerpt(first)
        );
        return Err(Error::new(ErrorKind::Input, message)
            .mend("name the columns with --key-column and --size-column"));
    };
    let size = match &options.size_column {
        Some(name) => Some(find(&[name]).ok_or_else(|| {
            let message = format!(
                "expected a header with a column `{}`, found {}",
                name.escape_debug(),
                excerpt(first)
            );
            Error::new(ErrorKind::Input, message).mend("name the column as the header does")
        })?),
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
    let rows = Quoted {
        delimiter,
        header: first.strip_suffix(b"\r").unwrap_or(first).to_vec(),
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
    Ok(Recognised::new(
        Layout::Quoted(rows),
        Format::Csv,
        first.len() + 1,
        note,
    ))
}
