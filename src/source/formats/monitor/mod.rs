//! Logs of MONITOR: what clients asked of a server, a command a line.
//!
//! A key of a command is an *operation*: `MGET a b` is two. Commands that a script ran aren't
//! counted again, since the script's call has its keys.

mod detect;
mod line;
mod prefix;

use crate::source::batch::KeyBatch;
use crate::source::calls::joined_spans;
use crate::source::facts::KeyFacts;
use crate::source::format::Counts;
use crate::source::format::Format;
use crate::source::row_errors::{RowError, RowErrors, excerpt};
use crate::source::row_layout::RowStart;
use crate::source::row_layout::{KeyDetails, KeyForm, RowLayout};
pub(super) use detect::{guess, said};
use line::{Arguments, head, split};
use memchr::memchr;
use prefix::{command_at, is_ok, without_colours};

/// The lines of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log;

impl RowLayout for Log {
    fn next_start(&self, bytes: &[u8], from: usize, is_last: bool) -> RowStart {
        RowStart::behind(b'\n', bytes, from, is_last)
    }

    fn look_behind(&self) -> Option<usize> {
        Some(1)
    }

    fn read_rows(&self, batch: &mut KeyBatch, rows: usize, row_errors: &mut RowErrors) {
        read_rows(batch, rows, row_errors);
    }

    fn key_details(&self) -> KeyDetails {
        KeyDetails {
            databases: true,
            counted: "operations",
            ..KeyDetails::NAMES
        }
    }

    fn key_form(&self) -> KeyForm {
        KeyForm::OwnEscapes
    }
}

impl Format {
    /// What MONITOR prints: a command a line.
    pub const MONITOR: Format = Format {
        counts: Counts::Operations,
        ..Format::of_keys(
            "monitor",
            "What MONITOR prints: operations on keys are counted, not keys",
        )
    };
}

/// Whether a line begins as a command does: the time, the client, and the quote of the command's name.
fn begins_command(line: &[u8]) -> bool {
    head(without_plus(line)).is_some() || has_command(&without_colours(line))
}

/// Whether a line without colours begins with a command, or has one behind something else.
fn has_command(line: &[u8]) -> bool {
    head(without_plus(line)).is_some() || command_at(line).is_some()
}

/// Whether a line has nothing: it is empty, or the `OK` at the beginning.
fn is_blank(line: &[u8]) -> bool {
    let line = without_cr(line.strip_suffix(b"\n").unwrap_or(line));
    is_ok_or_empty(line) || {
        let plain = without_colours(line);
        is_ok_or_empty(&plain) || is_ok(&plain)
    }
}

fn is_ok_or_empty(line: &[u8]) -> bool {
    matches!(without_plus(without_cr(line)), b"OK" | b"")
}

/// Reads the next lines of the block.
fn read_rows(batch: &mut KeyBatch, rows: usize, row_errors: &mut RowErrors) {
    let block = std::mem::take(&mut batch.block);
    let mut arguments = Arguments::default();
    let mut key = Vec::new();
    while batch.cursor < batch.end && batch.len() + batch.calls.keyless.len() < rows {
        let start = batch.cursor;
        let place = memchr(b'\n', &block[start..batch.end]);
        let end = place.map_or(batch.end, |place| start + place);
        batch.cursor = end + usize::from(place.is_some());
        let line = without_cr(&block[start..end]);
        if is_ok_or_empty(line) {
            continue;
        }
        let command = without_plus(line);
        let begin = start + line.len() - command.len();
        let is_read = read_line(batch, begin, command, &mut arguments, &mut key)
            || read_wrapped(batch, start, line, &mut arguments, &mut key);
        if is_read {
            continue;
        }
        if place.is_none() {
            // Only the input's last line has no newline: its writer, or a copy of the log, ended inside it.
            batch.cut_lines += 1;
        } else {
            row_errors.push(RowError {
                byte: batch.offset + start as u64,
                line: None,
                field: None,
                message: format!(
                    "expected a line of MONITOR such as `1795370754.356650 [0 127.0.0.1:47358] \"GET\" \"key\"`, found {}",
                    excerpt(line)
                ),
            });
        }
    }
    batch.block = block;
}

/// Reads a line that has colours, or a command behind something else; false when it has none. One that is
/// blank without these is read too.
#[cold]
fn read_wrapped(
    batch: &mut KeyBatch,
    start: usize,
    line: &[u8],
    arguments: &mut Arguments,
    key: &mut Vec<u8>,
) -> bool {
    let plain = without_colours(line);
    let plain = without_cr(&plain);
    let whole = without_plus(plain);
    if is_ok_or_empty(plain) || is_ok(plain) {
        return true;
    }
    if plain.len() < line.len() && read_line(batch, start, whole, arguments, key) {
        return true;
    }
    // Without colours a line is shorter: each key still has a place of its own in it.
    command_at(plain)
        .is_some_and(|begin| read_line(batch, start + begin, &plain[begin..], arguments, key))
}

/// Reads one line; false when it isn't one of MONITOR. Then nothing of it counts.
fn read_line(
    batch: &mut KeyBatch,
    start: usize,
    line: &[u8],
    arguments: &mut Arguments,
    key: &mut Vec<u8>,
) -> bool {
    let Some(head) = split(line, arguments) else {
        return false;
    };
    if head.is_scripted {
        batch.calls.scripted += 1;
        return true;
    }
    let command = arguments.command(line);
    let facts = KeyFacts {
        db: head.db,
        command: Some(command),
        ..KeyFacts::UNKNOWN
    };
    let before = batch.len();
    let mut is_sound = true;
    arguments.keys(line, command, |at| {
        key.clear();
        is_sound &= arguments.unescape(line, at, key);
        // Each key has a place of its own, as rows of dumps have.
        batch.push_unescaped(start + arguments.place(at), key, facts);
    });
    if !is_sound {
        batch.truncate(before);
        return false;
    }
    if batch.len() == before {
        batch.calls.keyless.push(command);
    }
    let time = Some((head.time_us, head.time_us));
    batch.calls.span_us = joined_spans(batch.calls.span_us, time);
    true
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A line without the sign that the protocol puts before it: logs taken without a client have it.
fn without_plus(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"+").unwrap_or(line)
}
