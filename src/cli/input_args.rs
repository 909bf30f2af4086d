//! The flags that say how inputs are read, and notes on how that went; shared by every command that reads keys.

use super::input_notes::{counted, describe_findings, is_empty, path_text};
use super::inputs::{describe_skipped_files, inputs_of};
use super::many_inputs;
use super::progress::BytesBar;
use super::size::size;
use super::terminal;
use crate::error::{Error, ErrorKind, Result};
use crate::numbers::counted_text;
use crate::slot::SlotSet;
use crate::source::{self, Allocator, Command, Escape, Filter, Format, OnError, SizeOf};
use crate::tally::{self, InputSummary, Operations, Outcome, Prefixes, SecondPass, Tally};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// How inputs are read.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Input")]
pub(super) struct InputArgs {
    /// What the inputs are; seen from their content when it isn't said.
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    format: Option<Format>,
    /// What a row that can't be read means: stop at the first one, or count it, pass over it and
    /// end with exit code 2. Of a damaged file, packed or RDB, skip keeps what stands before the damage.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "stop")]
    on_error: OnErrorArg,
    /// The CSV column with the key [default: key].
    #[arg(long, value_name = "NAME")]
    key_column: Option<String>,
    /// The CSV column with the size in bytes [default: size_in_bytes, size, bytes or another usual name].
    #[arg(long, value_name = "NAME")]
    size_column: Option<String>,
    /// What separates the CSV's fields: one character, or `tab` [default: as in the header].
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// How the tool that wrote the dump escaped keys (rdb-tools' --escape; `quoted` is redis-cli's
    /// way) [default: raw, or what the first keys or slotkit's own header say]; with --output memory-csv, how its keys
    /// are escaped [default: hex].
    #[arg(long, value_enum, value_name = "HOW")]
    escape: Option<EscapeArg>,
    /// Listed keys are quoted as `redis-cli --no-raw` prints them; the same as --escape quoted.
    #[arg(long, conflicts_with = "escape")]
    quoted: bool,
    /// The inputs are lists of keys that end with a NUL byte, not with a newline.
    #[arg(short = '0', long, conflicts_with_all = ["format", "keep_cr"])]
    null: bool,
    /// A carriage return at the end of a listed key belongs to the key.
    #[arg(long)]
    keep_cr: bool,
    /// What ends a part of a key where prefixes are listed: 1 to 8 bytes.
    #[arg(long, value_name = "TEXT", default_value = ":")]
    prefix_delimiter: OsString,
    /// How many parts the prefixes that are listed have at most.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=i64::from(tally::MAX_DEPTH)))]
    prefix_depth: u8,
    /// The longest row: 65536, 64kb, 100mb; 1kb to 1gb.
    #[arg(long, value_name = "SIZE", default_value = "16mb", value_parser = row_bytes)]
    max_row_bytes: usize,
    /// What the size of a key in an RDB file means.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "memory")]
    size: SizeArg,
    /// The allocator of the server that wrote an RDB file, which no file tells (`INFO memory` does:
    /// mem_allocator) [default: jemalloc-5.3.1 for Redis 8.0 and Valkey 9.0 or newer, else jemalloc-5.3.0].
    #[arg(long, value_enum, value_name = "ALLOCATOR")]
    allocator: Option<AllocatorArg>,
    /// Read an RDB file without verifying its checksum.
    #[arg(long)]
    no_verify: bool,
    /// How many threads read and count [default: as many as the machine has, 8 at most].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Reads the name of a format.
fn format_parser() -> impl TypedValueParser<Value = Format> {
    let possible =
        source::all_formats().map(|format| PossibleValue::new(format.name()).help(format.help()));
    PossibleValuesParser::new(possible).try_map(|name| {
        source::all_formats()
            .find(|format| format.name() == name)
            .ok_or("no format has that name")
    })
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SizeArg {
    /// What it takes in the memory of the server that wrote the file, estimated
    /// (docs/memory-model.md).
    Memory,
    /// The bytes that it takes in the file.
    Serialized,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum AllocatorArg {
    /// jemalloc up to 5.3.0, which Redis and Valkey bring along.
    #[value(name = "jemalloc-5.3.0")]
    Jemalloc530,
    /// jemalloc since 5.3.1, as distributions have it: less for allocations above 32 KiB.
    #[value(name = "jemalloc-5.3.1")]
    Jemalloc531,
    /// glibc's.
    Libc,
}

impl From<AllocatorArg> for Allocator {
    fn from(arg: AllocatorArg) -> Allocator {
        match arg {
            AllocatorArg::Jemalloc530 => Allocator::Jemalloc530,
            AllocatorArg::Jemalloc531 => Allocator::Jemalloc531,
            AllocatorArg::Libc => Allocator::Libc,
        }
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum EscapeArg {
    /// Not at all.
    Raw,
    /// Bytes outside printable ASCII as \x0A.
    Print,
    /// Bytes that aren't UTF-8 as \xE9, the text in latin-1.
    Utf8,
    /// Keys with a byte outside printable ASCII in base64.
    Base64,
    /// In double quotes, as redis-cli prints keys on a terminal.
    Quoted,
    /// Control characters, quotes and what is no UTF-8 as \x0A, and a backslash that would look like one too:
    /// exact. slotkit's own form, and what --output memory-csv writes.
    Hex,
    /// As a string of JSON, where in double quotes: the oldest versions of rdb-tools.
    Json,
    /// As a field of standard CSV, where in double quotes: rdb-tools' rows that another program wrote anew.
    Csv,
}

impl From<EscapeArg> for Escape {
    fn from(arg: EscapeArg) -> Escape {
        match arg {
            EscapeArg::Raw => Escape::Raw,
            EscapeArg::Print => Escape::Print,
            EscapeArg::Utf8 => Escape::Utf8,
            EscapeArg::Base64 => Escape::Base64,
            EscapeArg::Quoted => Escape::Quoted,
            EscapeArg::Hex => Escape::Hex,
            EscapeArg::Json => Escape::Json,
            EscapeArg::Csv => Escape::Csv,
        }
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum OnErrorArg {
    /// Stop at the first.
    Stop,
    /// Count it and pass over it.
    Skip,
}

fn row_bytes(text: &str) -> Result<usize, String> {
    let bytes = size(text)?;
    let is_sane = (1 << 10..=1 << 30).contains(&bytes);
    is_sane
        .then_some(bytes as usize)
        .ok_or_else(|| "expected 1kb to 1gb".to_owned())
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte]
            if *byte != b'"' && !byte.is_ascii_alphanumeric() && !matches!(byte, b'\n' | b'\r') =>
        {
            Ok(*byte)
        }
        _ => Err(
            "expected one character that is no letter, digit, quote or line end, or `tab`"
                .to_owned(),
        ),
    }
}

impl InputArgs {
    /// How keys are escaped, where it was said.
    pub(super) fn escape(&self) -> Option<Escape> {
        if self.quoted {
            Some(Escape::Quoted)
        } else {
            self.escape.map(Escape::from)
        }
    }

    /// What was typed, as the tally takes it.
    pub(super) fn options(&self, filter: Filter) -> Result<tally::Options> {
        let delimiter = self.prefix_delimiter.as_bytes();
        let prefixes = Prefixes::new(delimiter, self.prefix_depth).ok_or_else(|| {
            let message = format!(
                "--prefix-delimiter: expected 1 to {} bytes, found {}",
                tally::MAX_DELIMITER_BYTES,
                delimiter.len()
            );
            Error::new(ErrorKind::Usage, message)
        })?;
        Ok(tally::Options {
            source: source::Options {
                format: self.format,
                key_column: self.key_column.clone(),
                size_column: self.size_column.clone(),
                delimiter: self.delimiter,
                escape: self.escape(),
                is_null_separated: self.null,
                filter,
                keep_cr: self.keep_cr,
                on_error: match self.on_error {
                    OnErrorArg::Stop => OnError::Stop,
                    OnErrorArg::Skip => OnError::Skip,
                },
                max_row_bytes: self.max_row_bytes,
                size: match self.size {
                    SizeArg::Memory => SizeOf::Memory,
                    SizeArg::Serialized => SizeOf::Serialized,
                },
                allocator: self.allocator.map(Allocator::from),
                verifies: !self.no_verify,
                ..source::Options::default()
            },
            threads: self.threads.map(usize::from),
            prefixes,
        })
    }

    /// Tallies what a filter lets pass of inputs with a progress bar, and says what they were and what was passed over.
    ///
    /// The caller ends with exit code 2 when [`Outcome::skipped`] isn't 0.
    ///
    /// # Errors
    /// As [`tally::count_inputs`].
    #[cfg(feature = "live")]
    pub(super) fn tally(&self, inputs: &[OsString], filter: Filter) -> Result<Outcome> {
        self.tally_twice(inputs, filter, &|_| SlotSet::new())
    }

    /// The same, with a second look at slots in doubt.
    ///
    /// # Errors
    /// As [`tally::count_inputs_twice`].
    pub(super) fn tally_twice(
        &self,
        inputs: &[OsString],
        filter: Filter,
        in_doubt: &dyn Fn(&Tally) -> SlotSet,
    ) -> Result<Outcome> {
        let inputs = inputs_of(inputs)?;
        let bar = BytesBar::new();
        let options = self.options(filter)?;
        let outcome =
            tally::count_inputs_twice(&inputs, &options, in_doubt, &|progress| bar.set(progress))?;
        drop(bar);
        describe(&outcome);
        Ok(outcome)
    }
}

/// Says on stderr what the inputs were, and what of them wasn't counted.
fn describe(outcome: &Outcome) {
    match outcome.inputs.len() {
        0..=SAID_ALONE => outcome.inputs.iter().for_each(describe_input),
        _ => many_inputs::describe(&outcome.inputs),
    }
    describe_skipped_files(&outcome.skipped_files);
    if let Some(operations) = outcome.tally.operations() {
        warn_of_unknown_commands(operations);
    }
    describe_second_pass(&outcome.second_pass);
    let unsized_keys = outcome.tally.unsized_keys();
    if unsized_keys > 0 {
        let (have, them) = match unsized_keys {
            1 => ("has", "it"),
            _ => ("have", "them"),
        };
        terminal::say(format!(
            "{} {have} no size in the input, so that bytes are unknown for {them}",
            counted_text(unsized_keys, "key")
        ));
    }
}

/// Says where causes of hot slots are told from a sample though a second look was meant for them.
fn describe_second_pass(second: &SecondPass) {
    match second {
        SecondPass::None | SecondPass::NotNeeded | SecondPass::Done => {}
        SecondPass::Impossible { path } => terminal::say(format!(
            "{}: can't be read a second time, which would make certain why slots are hot: a sample tells it; \
             files can",
            path.display()
        )),
        SecondPass::Changed { path, error } => {
            let path = path
                .as_deref()
                .map_or_else(|| "an input".to_owned(), |path| path.display().to_string());
            let why = error
                .as_ref()
                .map_or_else(String::new, |error| format!(" ({error})"));
            terminal::say(format!(
                "warning: {path} has changed while it was read{why}: the report is of what was read first, and why \
                 slots are hot is told from a sample"
            ));
        }
    }
}

/// How many inputs have lines of their own; more are said together.
const SAID_ALONE: usize = 20;

fn describe_input(input: &InputSummary) {
    let path = path_text(input);
    let (count, what) = counted(input);
    let on_what = if what == "operation" { " on keys" } else { "" };
    terminal::say(format!(
        "{path}: read as {}, {}{on_what}",
        input.format,
        counted_text(count, what),
    ));
    if let Some(note) = &input.note {
        terminal::say(format!("{path}: {note}"));
    }
    if is_empty(input) {
        terminal::say(format!("{path}: it has no {what}s"));
    }
    describe_findings(
        &path,
        what,
        Some(input.format),
        &input.findings,
        &input.path,
    );
}

/// Calls of commands that aren't known may have keys, which nobody counts then.
fn warn_of_unknown_commands(operations: &Operations) {
    let commands = operations.commands().into_iter();
    let unknown = commands.filter(|(command, _)| *command == Command::OTHER);
    let calls: u64 = unknown.map(|(_, count)| count.keyless).sum();
    if calls > 0 {
        terminal::say(format!(
            "warning: {} of commands that slotkit doesn't know (a module's?): where they have keys, these \
             aren't counted",
            counted_text(calls, "call")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_row_has_units_and_bounds() {
        assert_eq!(row_bytes("16mb"), Ok(source::MAX_ROW_BYTES), "the default");
        assert_eq!(row_bytes("1024"), Ok(1024));
        for text in ["1023", "2gb", "-1", "many"] {
            assert!(row_bytes(text).is_err(), "{text}");
        }
    }
}
