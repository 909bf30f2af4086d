//! What an input is: its first bytes decide, not its name.

mod answers;
pub(super) mod foreign;
pub(super) mod kind;
pub(super) mod looked;
mod own;
mod texts;

#[cfg(test)]
mod tests;

use super::cut::Layout;
use super::escape::Escape;
use super::formats::csv::{detect as csv, header};
use super::formats::json::Strings;
use super::formats::list::detect::{self as list, QuotedLines};
use super::formats::list::{doubt, evidence};
use super::formats::monitor::detect as log;
use super::formats::rdb::is_rdb;
use super::formats::rdb_csv::detect as memory;
use super::{Format, Options};
use crate::error::{Error, ErrorKind, Result};
use kind::Kind;
use looked::Looked;
use memchr::memchr;

/// How much of an input is looked at; a header must fit.
pub(super) const HEAD_BYTES: usize = 64 << 10;

/// How many lines of the head are looked at.
pub(super) const LOOKED_AT: usize = 100;

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
    /// Whether half a row stands before the first row.
    pub(super) is_cut: bool,
    /// Whether so little speaks for it that in a folder it isn't read.
    pub(super) is_slight: bool,
    /// How its keys are escaped, where that can be seen.
    pub(super) escape: Escape,
}

impl Recognised {
    pub(super) fn new(
        layout: Layout,
        format: Format,
        skip: usize,
        note: Option<&'static str>,
    ) -> Recognised {
        Recognised {
            layout,
            skip,
            name: format.name(),
            note,
            is_cut: false,
            is_slight: false,
            escape: Escape::Raw,
        }
    }
}

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
        foreign::refuse_utf16(head)?;
    }
    let mark = if head.starts_with(UTF8_MARK) {
        UTF8_MARK.len()
    } else {
        0
    };
    let text = &head[mark..];
    if !options.is_null_separated && !options.keep_cr {
        foreign::refuse_bare_returns(text)?;
    }
    let first = first_line(text, is_whole);
    let recognised = match options.format {
        Some(format @ (Format::RdbTools | Format::RdbCli)) => memory::said(text, first, format),
        Some(Format::Csv) => csv::rows(first, options)?,
        Some(Format::List) => list::keys(options),
        Some(Format::Monitor) => log::said(text),
        Some(Format::Json) => json(text, mark)?,
        Some(Format::Tally) => {
            let message = "expected a tally that `analyze --save` wrote, found something else";
            return Err(Error::new(ErrorKind::Input, message));
        }
        Some(Format::Rdb) => {
            let message =
                "expected the magic of an RDB file (REDIS0011, VALKEY080), found something else";
            return Err(Error::new(ErrorKind::Input, message));
        }
        None if options.is_null_separated => list::keys(options),
        None => guess(text, mark, first, options)?,
    };
    let recognised = Recognised {
        skip: recognised.skip + mark,
        ..recognised
    };
    Ok(match options.escape {
        Some(_) => recognised,
        None => unescaped(recognised, text, is_whole, options),
    })
}

/// How keys are written, where nobody said; and what a list may be instead.
fn unescaped(recognised: Recognised, text: &[u8], is_whole: bool, options: &Options) -> Recognised {
    if matches!(recognised.layout, Layout::Monitor | Layout::Json(_)) {
        return recognised;
    }
    let is_guessed = options.format.is_none() && !options.is_null_separated;
    let is_list = is_guessed && recognised.name == Format::List.name();
    let quoted = match is_list {
        true => list::quoted_lines(text, is_whole),
        false => QuotedLines::Few,
    };
    let (escape, doubt) = match quoted {
        QuotedLines::All => (
            Escape::Quoted,
            Some(
                "its keys are quoted as redis-cli prints them; if the quotes are theirs, pass --escape raw",
            ),
        ),
        QuotedLines::Most => (
            Escape::Raw,
            Some(
                "most of its lines are quoted as redis-cli prints keys, and not all: the quotes are taken for \
                 parts of the keys; with --quoted the other lines are said",
            ),
        ),
        QuotedLines::Few => (recognised.escape, None),
    };
    let of_escapes =
        || doubt::of_escapes(text, recognised.is_cut).filter(|_| escape == Escape::Raw);
    Recognised {
        escape,
        // Slots may be wrong: that matters more than what else is to be said.
        note: doubt.or_else(of_escapes).or(recognised.note),
        ..recognised
    }
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

fn guess(text: &[u8], mark: usize, first: &[u8], options: &Options) -> Result<Recognised> {
    foreign::refuse_packed(text)?;
    if let Some(recognised) = memory::headed(text, first, None) {
        return Ok(recognised);
    }
    if let Some(recognised) = log::rows(text) {
        return Ok(recognised);
    }
    let names_columns = options.key_column.is_some() || options.delimiter.is_some();
    if names_columns || !header::delimiters_with_key(first, options).is_empty() {
        return csv::rows(first, options);
    }
    if let Some(recognised) = memory::piece(text, None) {
        return Ok(recognised);
    }
    if foreign::is_append_only(text) {
        let message = "expected keys, found the commands of an append-only file";
        return Err(Error::new(ErrorKind::Input, message).mend(
            "analyze an RDB file (BGSAVE writes one), or let the server rewrite the append-only \
             file with an RDB preamble (aof-use-rdb-preamble yes, then BGREWRITEAOF)",
        ));
    }
    if foreign::is_array_of_strings(text) {
        return json(text, mark);
    }
    if foreign::has_rubbish(text) {
        let message = "expected a CSV with a header or a list of keys, found binary data";
        return Err(Error::new(ErrorKind::Input, message)
            .mend("if these are keys, one a line, pass --format list; separated by NUL, -0"));
    }
    foreign::refuse_nuls(text)?;
    list(text, options)
}

/// What the first bytes of what was taken for a list of keys look like, when they hardly are one; for whoever reads any
/// lines as keys.
pub fn doubt_of_list(head: &[u8]) -> Option<String> {
    let looked = Looked::at(head);
    if let Some(kind) = Kind::sure(&looked) {
        return Some(format!("it looks like {}: {}", kind.name, kind.mend));
    }
    (list::quoted_lines(head, false) == QuotedLines::All).then(|| {
        "its lines are quoted as redis-cli prints keys, and the quotes are taken for parts of the keys: without --no-raw \
         redis-cli writes them as they are"
            .to_owned()
    })
}

/// A JSON array of strings.
fn json(text: &[u8], mark: usize) -> Result<Recognised> {
    let blanks = text.len() - text.trim_ascii_start().len();
    if text.get(blanks) != Some(&b'[') {
        let message = "expected a JSON array of strings, found no `[`";
        return Err(Error::new(ErrorKind::Input, message).mend("leave --format out"));
    }
    let layout = Layout::Json(Strings {
        begin: (mark + blanks) as u64,
    });
    Ok(Recognised::new(layout, Format::Json, blanks, None))
}

/// A list of keys, where something speaks for one; else what it is instead.
fn list(text: &[u8], options: &Options) -> Result<Recognised> {
    // Whoever says how a list is quoted says that it is one.
    if options.escape == Some(Escape::Quoted) {
        return Ok(list::keys(options));
    }
    let looked = Looked::at(text);
    if let Some(kind) = Kind::sure(&looked) {
        return Err(kind.error());
    }
    if list::quoted_lines(text, true) == QuotedLines::All {
        return Ok(list::keys(options));
    }
    match doubt::kind(&looked) {
        Some(kind) => Err(kind.error()),
        None if evidence::is_list(&looked) => Ok(Recognised {
            is_slight: evidence::is_slight(&looked),
            ..list::keys(options)
        }),
        None => Err(Kind::likely(&looked).error()),
    }
}

fn first_line(text: &[u8], is_whole: bool) -> &[u8] {
    match memchr(b'\n', text) {
        Some(end) => &text[..end],
        None if is_whole => text,
        // A line this long is no header.
        None => &[],
    }
}
