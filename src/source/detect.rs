//! What an input is: its first bytes decide, not its name.

use super::cut::Layout;
use super::fault::excerpt;
use super::lines::Lines;
use super::quoted::Quoted;
use super::rdb_tools::{HEADER, OLD_HEADER, RdbTools};
use super::{Format, Options};
use crate::error::{Error, ErrorKind, Result};
use csv::{ByteRecord, ReaderBuilder};
use memchr::memchr;

/// How much of an input is looked at; a header must fit.
pub(super) const HEAD_BYTES: usize = 64 << 10;

const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What an input was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recognised {
    pub(super) layout: Layout,
    /// How many bytes stand before the first row: a byte-order mark, a header.
    pub(super) skip: usize,
    /// Its name in reports.
    pub(super) name: &'static str,
    /// What the user should know about it.
    pub(super) note: Option<&'static str>,
}

/// Names of columns, in the order of preference.
const KEY_NAMES: &[&str] = &["key"];
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
const ELEMENT_NAMES: &[&str] = &["num_elements", "element_count", "elements"];

/// Recognises an input by its first bytes. `is_whole` says that there are no more.
///
/// # Errors
/// When it is empty, or nothing that can be read; the caller adds the place.
pub(crate) fn recognise(head: &[u8], is_whole: bool, options: &Options) -> Result<Recognised> {
    if head.is_empty() {
        return Err(Error::new(
            ErrorKind::Input,
            "expected keys, found an empty file",
        ));
    }
    refuse_foreign(head)?;
    let mark = if head.starts_with(UTF8_MARK) {
        UTF8_MARK.len()
    } else {
        0
    };
    let first = first_line(&head[mark..], is_whole);
    let recognised = match options.format {
        Some(Format::RdbTools) => rdb_tools(&head[mark..], first).unwrap_or(Recognised {
            layout: Layout::RdbTools(RdbTools { has_expiry: true }),
            skip: 0,
            name: Format::RdbTools.name(),
            note: Some("it has no header; its columns are taken to be those of rdb-tools"),
        }),
        Some(Format::Csv) => csv(first, options, 1)?,
        Some(Format::List) => list(options),
        None => guess(&head[mark..], first, options)?,
    };
    Ok(Recognised {
        skip: recognised.skip + mark,
        ..recognised
    })
}

fn guess(text: &[u8], first: &[u8], options: &Options) -> Result<Recognised> {
    if let Some(recognised) = rdb_tools(text, first) {
        return Ok(recognised);
    }
    let names_columns = options.key_column.is_some() || options.delimiter.is_some();
    if names_columns || !delimiters_with_key(first, options).is_empty() {
        return csv(first, options, 2);
    }
    if has_rubbish(text) {
        let message = "expected a CSV with a header or a list of keys, found binary data";
        return Err(Error::new(ErrorKind::Input, message)
            .mend("if these are keys, one a line, pass --format list"));
    }
    Ok(list(options))
}

fn list(options: &Options) -> Recognised {
    Recognised {
        layout: Layout::Lines(Lines {
            separator: b'\n',
            keep_cr: options.keep_cr,
        }),
        skip: 0,
        name: Format::List.name(),
        note: None,
    }
}

/// rdb-tools: its header, or (pieces of a split file have none) a whole row of its own.
fn rdb_tools(text: &[u8], first: &[u8]) -> Option<Recognised> {
    let bare = first.strip_suffix(b"\r").unwrap_or(first);
    let found = |has_expiry, skip, note| Recognised {
        layout: Layout::RdbTools(RdbTools { has_expiry }),
        skip,
        name: Format::RdbTools.name(),
        note,
    };
    let behind = (first.len() + 1).min(text.len());
    if bare == HEADER.as_bytes() {
        Some(found(true, behind, None))
    } else if bare == OLD_HEADER.as_bytes() {
        Some(found(
            false,
            behind,
            Some("it has no expiry column: expiring keys are unknown"),
        ))
    } else if (RdbTools { has_expiry: true }).is_row(first) {
        Some(found(
            true,
            0,
            Some("it has no header; its rows are those of rdb-tools"),
        ))
    } else {
        None
    }
}

/// CSV with a header of at least `least` columns.
fn csv(first: &[u8], options: &Options, least: usize) -> Result<Recognised> {
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
    Ok(Recognised {
        layout: Layout::Quoted(Quoted {
            delimiter,
            width: columns.len(),
            key,
            size,
            kind: find(KIND_NAMES),
            elements: find(ELEMENT_NAMES),
            db: find(DB_NAMES),
            expiry: find(EXPIRY_NAMES),
        }),
        skip: first.len() + 1,
        name: Format::Csv.name(),
        note: is_top_list.then_some(
            "its header is that of `rdb -c bigkey`, a list of the biggest keys only: this is not the whole keyspace",
        ),
    })
}

/// The delimiters with which the first line is a header that has the key's column and another one.
fn delimiters_with_key(first: &[u8], options: &Options) -> Vec<u8> {
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

/// The columns of a header, trimmed.
fn columns(first: &[u8], delimiter: u8) -> Vec<String> {
    let mut record = ByteRecord::new();
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .from_reader(first);
    // Reading from memory into a ByteRecord can't fail.
    let _ = reader.read_byte_record(&mut record);
    record
        .iter()
        .map(|column| String::from_utf8_lossy(column).trim().to_owned())
        .collect()
}

fn first_line(text: &[u8], is_whole: bool) -> &[u8] {
    match memchr(b'\n', text) {
        Some(end) => &text[..end],
        None if is_whole => text,
        // A line this long is no header.
        None => &[],
    }
}

/// Refuses what has another job, by its magic.
fn refuse_foreign(head: &[u8]) -> Result<()> {
    let refuse = |message: &str, mend: &str| Err(Error::new(ErrorKind::Input, message).mend(mend));
    let is_digits =
        |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| bytes.iter().all(u8::is_ascii_digit));
    if (head.starts_with(b"REDIS") && is_digits(head.get(5..9)))
        || (head.starts_with(b"VALKEY") && is_digits(head.get(6..9)))
    {
        return refuse(
            "expected CSV or a list of keys, found an RDB file",
            "write its memory CSV first: rdb -c memory FILE > dump.csv",
        );
    }
    if head.starts_with(b"\x1f\x8b") {
        return refuse(
            "expected text, found gzip data",
            "unpack it: gzip -dc FILE | slotkit analyze -",
        );
    }
    if head.starts_with(b"\x28\xb5\x2f\xfd") {
        return refuse(
            "expected text, found zstd data",
            "unpack it: zstd -dc FILE | slotkit analyze -",
        );
    }
    if head.starts_with(b"\x04\x22\x4d\x18") {
        return refuse(
            "expected text, found lz4 data",
            "unpack it: lz4 -dc FILE | slotkit analyze -",
        );
    }
    if is_utf16(head) {
        return refuse(
            "expected UTF-8 or plain bytes, found UTF-16",
            "convert it: iconv -f UTF-16 -t UTF-8 FILE",
        );
    }
    Ok(())
}

/// UTF-16 by its mark, or by a NUL in every second byte.
fn is_utf16(head: &[u8]) -> bool {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return true;
    }
    let near = &head[..head.len().min(256)];
    let nuls = |first: usize| {
        near.iter()
            .skip(first)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let half = near.len() / 2;
    near.len() >= 16
        && ((nuls(1) == half && nuls(0) == 0) || (nuls(0) == near.len() - half && nuls(1) == 0))
}

/// Whether more than one byte in twenty is a control character that no text has.
fn has_rubbish(text: &[u8]) -> bool {
    let odd = text
        .iter()
        .filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
        .count();
    odd * 20 > text.len()
}
