//! The formats of inputs, each in a folder of its own: what it is called, what recognises it, and what
//! reads it. A new one is a folder, and its lines here.

mod csv;
mod json;
mod list;
mod monitor;
mod rdb;
mod rdb_csv;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use csv::PASSED_QUOTES;
pub use list::doubt_of_list;
pub(super) use rdb::is_rdb;

use super::detect::{Beginning, Recognised, foreign};
use super::format::Format;
use super::options::Options;
use crate::error::{Error, ErrorKind, Result};

/// Reads an input as what the user says that it is.
type Said = fn(&Beginning<'_>) -> Result<Recognised>;

/// Recognises an input; nothing when it is something else.
type Guess = fn(&Beginning<'_>) -> Result<Option<Recognised>>;

/// The formats that the user may name, in the order of the help.
const FORMATS: [(Format, Said); 8] = [
    (Format::RDB_TOOLS, rdb_csv::said),
    (Format::RDB_CLI, rdb_csv::said_rdb_cli),
    (Format::CSV, csv::said),
    (Format::LIST, list::said),
    (Format::RDB, rdb::said),
    (Format::MONITOR, monitor::said),
    (Format::JSON, json::said),
    (Format::TALLY, no_tally),
];

/// Who is asked what an input is, one after another: whoever is surer comes first.
const GUESSES: [Guess; 8] = [
    no_packed,
    rdb_csv::guess_headed,
    monitor::guess,
    csv::guess,
    rdb_csv::guess_piece,
    no_append_only,
    json::guess,
    list::guess,
];

/// Every format that the user may name.
pub(crate) fn all() -> impl Iterator<Item = Format> {
    FORMATS.iter().map(|(format, _)| *format)
}

/// Recognises an input by its first bytes. `is_whole` says that there are no more.
///
/// # Errors
/// When it is empty, or nothing that can be read; the caller adds the place.
pub(super) fn recognise(head: &[u8], is_whole: bool, options: &Options) -> Result<Recognised> {
    if head.is_empty() {
        return Err(Error::new(
            ErrorKind::Input,
            "expected keys, found an empty file",
        ));
    }
    if let Some(recognised) = rdb::by_magic(head, options.format)? {
        return Ok(recognised);
    }
    let beginning = Beginning::of(head, is_whole, options)?;
    let said = FORMATS
        .iter()
        .find(|(format, _)| Some(*format) == options.format);
    let recognised = match said {
        Some((_, said)) => said(&beginning)?,
        None if options.is_null_separated => list::said(&beginning)?,
        None => guess(&beginning)?,
    };
    Ok(beginning.whole(recognised))
}

fn guess(beginning: &Beginning<'_>) -> Result<Recognised> {
    for guess in GUESSES {
        if let Some(recognised) = guess(beginning)? {
            return Ok(recognised);
        }
    }
    // The last one that is asked says what else it is.
    list::said(beginning)
}

fn no_packed(beginning: &Beginning<'_>) -> Result<Option<Recognised>> {
    foreign::refuse_packed(beginning.text).map(|()| None)
}

fn no_append_only(beginning: &Beginning<'_>) -> Result<Option<Recognised>> {
    if !foreign::is_append_only(beginning.text) {
        return Ok(None);
    }
    let message = "expected keys, found the commands of an append-only file";
    Err(Error::new(ErrorKind::Input, message).fix(
        "analyze an RDB file (BGSAVE writes one), or let the server rewrite the append-only \
         file with an RDB preamble (aof-use-rdb-preamble yes, then BGREWRITEAOF)",
    ))
}

/// What hasn't the magic of a tally isn't one, whatever the user says.
fn no_tally(_: &Beginning<'_>) -> Result<Recognised> {
    let message = "expected a tally that `analyze --save` wrote, found something else";
    Err(Error::new(ErrorKind::Input, message))
}
