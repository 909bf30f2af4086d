//! Recognises the memory CSV of rdb-tools, and redis-rdb-cli's.

use super::{HEADER, OLD_HEADER, RdbTools};
use crate::error::Result;
use crate::source::detect::{Beginning, EXAMINED_LINES, Recognised};
use crate::source::escape::{Escape, Unescaped};
use crate::source::format::Format;
use crate::source::row_layout::RowLayout;
use crate::source::row_layout::RowStart;

/// Rows of rdb-tools, as the user says.
pub(in crate::source::formats) fn said(beginning: &Beginning<'_>) -> Result<Recognised> {
    Ok(rows(beginning, Format::RDB_TOOLS))
}

/// Rows of redis-rdb-cli, as the user says.
pub(in crate::source::formats) fn said_rdb_cli(beginning: &Beginning<'_>) -> Result<Recognised> {
    Ok(rows(beginning, Format::RDB_CLI))
}

/// Rows behind a header, where nobody says what they are.
pub(in crate::source::formats) fn guess_headed(
    beginning: &Beginning<'_>,
) -> Result<Option<Recognised>> {
    Ok(headed(beginning.text, beginning.first_line(), None))
}

/// Rows without a header, where nobody says what they are.
pub(in crate::source::formats) fn guess_piece(
    beginning: &Beginning<'_>,
) -> Result<Option<Recognised>> {
    Ok(piece(beginning.text, None))
}

fn rows(beginning: &Beginning<'_>, format: Format) -> Recognised {
    let (text, first) = (beginning.text, beginning.first_line());
    let found = headed(text, first, Some(format)).or_else(|| piece(text, Some(format)));
    found.unwrap_or_else(|| {
        let rows = kinds(Some(format))[0];
        let note = "it has no header; its columns are taken to be those of rdb-tools";
        Recognised::new(rows, format, 0, Some(note))
    })
}

/// Rows behind one of the headers of rdb-tools.
fn headed(text: &[u8], first: &[u8], said: Option<Format>) -> Option<Recognised> {
    let bare = first.strip_suffix(b"\r").unwrap_or(first);
    let found = |rows, format, skip, note| Some(Recognised::new(rows, format, skip, note));
    let behind = (first.len() + 1).min(text.len());
    let is_rdb_cli = match said {
        Some(format) => format == Format::RDB_CLI,
        None => has_rdb_cli_rows(&text[behind..]),
    };
    let quoted = |rows| key_quotes(rows, &text[behind..]);
    if bare == HEADER.as_bytes() && is_rdb_cli {
        let note = Some(
            "it is the CSV of redis-rdb-cli: sizes with a unit are rounded, expiry times are read as UTC",
        );
        found(RdbTools::RdbCli, Format::RDB_CLI, behind, note)
    } else if bare == HEADER.as_bytes() {
        let rows = found(RdbTools::Plain, Format::RDB_TOOLS, behind, None)?;
        Some(quoted(RdbTools::Plain).on(rows))
    } else if bare == OLD_HEADER.as_bytes() {
        let note = Some("it has no expiry column: expiring keys are unknown");
        let rows = found(RdbTools::WithoutExpiry, Format::RDB_TOOLS, behind, note)?;
        Some(quoted(RdbTools::WithoutExpiry).on(rows))
    } else {
        None
    }
}

/// How keys are quoted in rows of rdb-tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyQuotes {
    /// Not at all, as its newer versions do.
    None,
    /// As strings of JSON, all of them, as its oldest versions did.
    Json,
    /// As standard CSV, where they need it: written by another program from what rdb-tools wrote.
    Csv,
}

impl KeyQuotes {
    fn on(self, rows: Recognised) -> Recognised {
        let (escape, note) = match self {
            KeyQuotes::None => return rows,
            KeyQuotes::Json => (
                Escape::Json,
                "it is of an old version of rdb-tools, which quoted keys and told no expiry: expiring keys are unknown; if \
                 the quotes are the keys' own, pass --escape raw",
            ),
            KeyQuotes::Csv => (
                Escape::Csv,
                "its keys are quoted as in standard CSV, as where another program wrote rdb-tools' rows anew; if the \
                 quotes are the keys' own, pass --escape raw",
            ),
        };
        Recognised {
            escape,
            note: Some(note),
            ..rows
        }
    }
}

/// Looks at the keys of the first rows. That they are quoted is taken for granted only when no key speaks against it.
fn key_quotes(rows: RdbTools, text: &[u8]) -> KeyQuotes {
    let lines = text.split(|byte| *byte == b'\n').take(EXAMINED_LINES);
    let keys: Vec<&[u8]> = lines.filter_map(|line| rows.key_of(line)).collect();
    let read = |escape: Escape, key: &[u8]| escape.unescape(key, &mut Vec::new());
    let is_read = |escape: Escape, key: &&[u8]| {
        key.len() > 1 && matches!(read(escape, key), Unescaped::Exact | Unescaped::Ambiguous)
    };
    let is_json = rows == RdbTools::WithoutExpiry
        && !keys.is_empty()
        && keys.iter().all(|key| is_read(Escape::Json, key));
    if is_json {
        return KeyQuotes::Json;
    }
    let is_special = |key: &[u8]| key.iter().any(|byte| matches!(byte, b',' | b'"'));
    let mut has_needed = false;
    for key in keys.iter().filter(|key| is_special(key)) {
        if !is_read(Escape::Csv, key) {
            return KeyQuotes::None;
        }
        let is_needed = is_special(&key[1..key.len() - 1]);
        // Who quotes what needs no quotes quotes all.
        if !is_needed && !keys.iter().all(|key| is_read(Escape::Csv, key)) {
            return KeyQuotes::None;
        }
        has_needed |= is_needed;
    }
    if has_needed {
        KeyQuotes::Csv
    } else {
        KeyQuotes::None
    }
}

/// How rows may be built.
fn kinds(said: Option<Format>) -> &'static [RdbTools] {
    match said {
        Some(Format::RDB_CLI) => &[RdbTools::RdbCli],
        Some(_) => &[RdbTools::Plain, RdbTools::WithoutExpiry],
        None => &[RdbTools::Plain, RdbTools::RdbCli, RdbTools::WithoutExpiry],
    }
}

/// Rows without a header: a piece of a split file has none, and may begin with half a row. Most of its lines end a row;
/// the others belong to keys with newlines.
fn piece(text: &[u8], said: Option<Format>) -> Option<Recognised> {
    let lines = || text.split(|byte| *byte == b'\n').take(EXAMINED_LINES);
    let count = lines().filter(|line| !line.is_empty()).count();
    let rows = kinds(said).iter().copied().find(|rows| {
        let ends = lines().filter(|line| rows.ends_row(line)).count();
        ends * 2 > count && lines().any(|line| rows.is_row(line))
    })?;
    let format = match rows {
        RdbTools::RdbCli => Format::RDB_CLI,
        RdbTools::Plain | RdbTools::WithoutExpiry => Format::RDB_TOOLS,
    };
    let skip = cut_row(rows, text);
    let is_cut = skip > 0;
    let note = piece_note(rows, is_cut);
    Some(Recognised {
        is_cut,
        ..Recognised::new(rows, format, skip, Some(note))
    })
}

/// How long the first row is where its beginning is missing; one that has it is damaged, not cut.
fn cut_row(rows: RdbTools, text: &[u8]) -> usize {
    let RowStart::At(end) = rows.next_start(text, 1, true) else {
        return 0;
    };
    let row = &text[..end];
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    if rows.has_fields(row) || row.trim_ascii().is_empty() {
        0
    } else {
        end
    }
}

fn piece_note(rows: RdbTools, is_cut: bool) -> &'static str {
    match (rows, is_cut) {
        (RdbTools::Plain, false) => "it has no header; its rows are those of rdb-tools",
        (RdbTools::Plain, true) => {
            "it has no header; its rows are those of rdb-tools, and the first row isn't whole and is passed over"
        }
        (RdbTools::WithoutExpiry, false) => {
            "it has no header; its rows are those of older versions of rdb-tools, which don't tell the expiry"
        }
        (RdbTools::WithoutExpiry, true) => {
            "it has no header; its rows are those of older versions of rdb-tools, which don't tell the expiry, \
             and the first row isn't whole and is passed over"
        }
        (RdbTools::RdbCli, false) => {
            "it has no header; its rows are those of redis-rdb-cli: sizes with a unit are rounded, expiry times \
             are read as UTC"
        }
        (RdbTools::RdbCli, true) => {
            "it has no header; its rows are those of redis-rdb-cli: sizes with a unit are rounded, expiry times \
             are read as UTC; the first row isn't whole and is passed over"
        }
    }
}

/// The header is the same; the first line that ends a row tells.
fn has_rdb_cli_rows(rows: &[u8]) -> bool {
    let mut lines = rows.split(|byte| *byte == b'\n').take(EXAMINED_LINES);
    lines
        .find_map(|line| match () {
            () if RdbTools::RdbCli.ends_row(line) => Some(true),
            () if RdbTools::Plain.ends_row(line) => Some(false),
            () => None,
        })
        .unwrap_or(false)
}
