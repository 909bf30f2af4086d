//! What an input is: its first bytes decide, not its name.

use super::cut::Layout;
use super::escape::{Escape, Unescaped};
use super::fault::excerpt;
use super::lines::Lines;
use super::monitor;
use super::quoted::Quoted;
use super::rdb::is_rdb;
use super::rdb_tools::{HEADER, OLD_HEADER, RdbTools};
use super::{Format, Options};
use crate::error::{Error, ErrorKind, Result};
use csv::{ByteRecord, ReaderBuilder};
use memchr::{memchr, memmem, memrchr};

/// How much of an input is looked at; a header must fit.
pub(super) const HEAD_BYTES: usize = 64 << 10;

pub(super) const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Whether a row is the header once more, as where several files were joined; it may have brought its
/// byte-order mark along.
pub(super) fn repeats_header(header: &[u8], row: &[u8]) -> bool {
    row.strip_prefix(UTF8_MARK).unwrap_or(row) == header
}

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
    /// How its keys are escaped, where that can be seen.
    pub(super) escape: Escape,
}

impl Recognised {
    fn new(layout: Layout, format: Format, skip: usize, note: Option<&'static str>) -> Recognised {
        Recognised {
            layout,
            skip,
            name: format.name(),
            note,
            escape: Escape::Raw,
        }
    }
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
const ENCODING_NAMES: &[&str] = &["encoding"];
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
    if let Some(recognised) = rdb(head, options.format)? {
        return Ok(recognised);
    }
    // Between NULs, keys of one byte look just like it.
    if !options.is_null_separated {
        refuse_utf16(head)?;
    }
    let mark = if head.starts_with(UTF8_MARK) {
        UTF8_MARK.len()
    } else {
        0
    };
    let text = &head[mark..];
    let first = first_line(text, is_whole);
    let recognised = match options.format {
        Some(format @ (Format::RdbTools | Format::RdbCli)) => {
            rdb_tools(text, first, Some(format)).unwrap_or_else(|| headless(format))
        }
        Some(Format::Csv) => csv(first, options, 1)?,
        Some(Format::List) => list(options),
        Some(Format::Monitor) => monitor(),
        Some(Format::Tally) => {
            let message = "expected a tally that `analyze --save` wrote, found something else";
            return Err(Error::new(ErrorKind::Input, message));
        }
        Some(Format::Rdb) => {
            let message =
                "expected the magic of an RDB file (REDIS0011, VALKEY080), found something else";
            return Err(Error::new(ErrorKind::Input, message));
        }
        None if options.is_null_separated => list(options),
        None => guess(text, first, options)?,
    };
    let skip = recognised.skip + mark;
    let is_guessed_list = options.format.is_none() && recognised.name == Format::List.name();
    if options.escape.is_none() && is_guessed_list && is_quoted_list(text, is_whole) {
        return Ok(Recognised {
            skip,
            escape: Escape::Quoted,
            note: Some(
                "its keys are quoted as redis-cli prints them; if the quotes are theirs, pass --escape raw",
            ),
            ..recognised
        });
    }
    Ok(Recognised { skip, ..recognised })
}

/// An RDB file by its magic; an append-only file may begin with one.
fn rdb(head: &[u8], said: Option<Format>) -> Result<Option<Recognised>> {
    match (is_rdb(head), said) {
        (false, _) => Ok(None),
        (true, None | Some(Format::Rdb)) => {
            Ok(Some(Recognised::new(Layout::Rdb, Format::Rdb, 0, None)))
        }
        (true, Some(other)) => {
            let message = format!("expected {other}, found an RDB file");
            Err(Error::new(ErrorKind::Input, message).mend("leave --format out"))
        }
    }
}

fn guess(text: &[u8], first: &[u8], options: &Options) -> Result<Recognised> {
    if let Some(recognised) = rdb_tools(text, first, None) {
        return Ok(recognised);
    }
    if monitor::is_log(text) {
        return Ok(monitor());
    }
    let names_columns = options.key_column.is_some() || options.delimiter.is_some();
    if names_columns || !delimiters_with_key(first, options).is_empty() {
        return csv(first, options, 2);
    }
    if is_append_only(text) {
        let message = "expected keys, found the commands of an append-only file";
        return Err(Error::new(ErrorKind::Input, message).mend(
            "analyze an RDB file (BGSAVE writes one), or let the server rewrite the append-only \
             file with an RDB preamble (aof-use-rdb-preamble yes, then BGREWRITEAOF)",
        ));
    }
    if is_json(text) {
        let message = "expected a CSV with a header or a list of keys, found JSON";
        return Err(Error::new(ErrorKind::Input, message).mend(
            "analyze the RDB file itself, or have the tool write a CSV; if these are keys, pass --format \
             list",
        ));
    }
    if has_rubbish(text) {
        let message = "expected a CSV with a header or a list of keys, found binary data";
        return Err(Error::new(ErrorKind::Input, message)
            .mend("if these are keys, one a line, pass --format list; separated by NUL, -0"));
    }
    Ok(list(options))
}

fn monitor() -> Recognised {
    let note = "it is a log of MONITOR: what is counted are operations on keys, not the keys that are there";
    Recognised::new(Layout::Monitor, Format::Monitor, 0, Some(note))
}

fn list(options: &Options) -> Recognised {
    let lines = Lines {
        separator: if options.is_null_separated { 0 } else { b'\n' },
        keep_cr: options.keep_cr,
    };
    Recognised::new(Layout::Lines(lines), Format::List, 0, None)
}

/// How many lines of the head are looked at.
const LOOKED_AT: usize = 100;

/// Whether every whole line of the head is a key as `redis-cli --no-raw` prints it.
fn is_quoted_list(text: &[u8], is_whole: bool) -> bool {
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

/// Rows without a header, as the user says.
fn headless(format: Format) -> Recognised {
    let rows = match format {
        Format::RdbCli => RdbTools::RdbCli,
        _ => RdbTools::Plain,
    };
    let note = "it has no header; its columns are taken to be those of rdb-tools";
    Recognised::new(Layout::RdbTools(rows), format, 0, Some(note))
}

/// rdb-tools: its header, or (pieces of a split file have none) a whole row of its own.
fn rdb_tools(text: &[u8], first: &[u8], said: Option<Format>) -> Option<Recognised> {
    let bare = first.strip_suffix(b"\r").unwrap_or(first);
    let found = |rows, format, skip, note| {
        Some(Recognised::new(Layout::RdbTools(rows), format, skip, note))
    };
    let behind = (first.len() + 1).min(text.len());
    let is_rdb_cli = match said {
        Some(format) => format == Format::RdbCli,
        None => has_rdb_cli_rows(&text[behind..]),
    };
    if bare == HEADER.as_bytes() && is_rdb_cli {
        let note = Some(
            "it is the CSV of redis-rdb-cli: sizes with a unit are rounded, expiry times are read as UTC",
        );
        found(RdbTools::RdbCli, Format::RdbCli, behind, note)
    } else if bare == HEADER.as_bytes() {
        found(RdbTools::Plain, Format::RdbTools, behind, None)
    } else if bare == OLD_HEADER.as_bytes() {
        let note = Some("it has no expiry column: expiring keys are unknown");
        found(RdbTools::WithoutExpiry, Format::RdbTools, behind, note)
    } else if RdbTools::Plain.is_row(first) {
        let note = Some("it has no header; its rows are those of rdb-tools");
        found(RdbTools::Plain, Format::RdbTools, 0, note)
    } else {
        None
    }
}

/// The header is the same; the first line that ends a row tells.
fn has_rdb_cli_rows(rows: &[u8]) -> bool {
    let mut lines = rows.split(|byte| *byte == b'\n').take(LOOKED_AT);
    lines
        .find_map(|line| match () {
            () if RdbTools::RdbCli.ends_row(line) => Some(true),
            () if RdbTools::Plain.ends_row(line) => Some(false),
            () => None,
        })
        .unwrap_or(false)
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
    let rows = Quoted {
        delimiter,
        header: first.strip_suffix(b"\r").unwrap_or(first).to_vec(),
        names: columns.clone(),
        key,
        size,
        kind: find(KIND_NAMES),
        elements: find(ELEMENT_NAMES),
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
fn refuse_utf16(head: &[u8]) -> Result<()> {
    if !is_utf16(head) {
        return Ok(());
    }
    let message = "expected UTF-8 or plain bytes, found UTF-16";
    Err(Error::new(ErrorKind::Input, message).mend("convert it: iconv -f UTF-16 -t UTF-8 FILE"))
}

/// Objects of JSON, alone or in a list, as some tools dump keys: each line would be a key, with the
/// object for its hash tag.
fn is_json(text: &[u8]) -> bool {
    const NEAR_BYTES: usize = 4_096;
    let text = text.trim_ascii_start();
    let first = text.strip_prefix(b"[").unwrap_or(text).trim_ascii_start();
    let near = &first[..first.len().min(NEAR_BYTES)];
    near.starts_with(b"{")
        && near[1..].trim_ascii_start().starts_with(b"\"")
        && memmem::find(near, b"\":").is_some()
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

/// A command as the protocol has it, `*2\r\n$6\r\nSELECT`; the time it was given may stand before it.
fn is_append_only(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut line = || lines.next()?.strip_suffix(b"\r");
    let is_number = |line: Option<&[u8]>, sign: u8| match line {
        Some([first, digits @ ..]) => {
            *first == sign && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    let mut first = line();
    if first.is_some_and(|line| line.starts_with(b"#TS:")) {
        first = line();
    }
    is_number(first, b'*') && is_number(line(), b'$')
}

/// Whether more than one byte in twenty is a control character that no text has.
fn has_rubbish(text: &[u8]) -> bool {
    let odd = text
        .iter()
        .filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
        .count();
    odd * 20 > text.len()
}
