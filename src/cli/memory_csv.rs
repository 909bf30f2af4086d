//! `analyze --output memory-csv`: RDB files as rows of keys.

use super::input_args::InputArgs;
use super::input_notes::describe_findings;
use super::inputs::{describe_skipped_files, inputs_of, some_of};
use super::progress::BytesBar;
use super::terminal;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::numbers::counted_text;
use crate::report::{Changed, MemoryCsv};
use crate::source::{
    self, Escape, Filter, Format, FormulaGuard, Input, KeyBatch, KeySource, QueuedInput, Source,
};
use crate::tally::{Pass, Progress};
use std::ffi::OsString;
use std::io::{self, BufWriter};

/// Writes the keys of RDB files to stdout; returns whether any was damaged.
///
/// # Errors
/// When an input can't be read or isn't an RDB file, or writing fails.
pub(super) fn run(
    inputs: &[OsString],
    args: &InputArgs,
    filter: Filter,
    guard: FormulaGuard,
) -> Result<bool> {
    let escape = args.escape().unwrap_or(Escape::Hex);
    if let Escape::Json | Escape::Csv = escape {
        let message = "--escape json and csv are forms that are read, not written";
        return Err(Error::new(ErrorKind::Usage, message).fix("leave --escape out, which is exact"));
    }
    let options = source::Options {
        wants_longest: true,
        ..args.options(filter)?.source
    };
    let inputs = inputs_of(inputs)?;
    let (queued, skipped_files) = QueuedInput::open_all(&inputs, &options)?;
    describe_skipped_files(&skipped_files);
    let of_folders = |queued: &QueuedInput<'_>| matches!(queued.input, Input::Found(_));
    let (queued, others): (Vec<_>, Vec<_>) = queued
        .into_iter()
        .partition(|queued| queued.format.is_snapshot() || !of_folders(queued));
    queued.iter().try_for_each(refuse_other)?;
    if !others.is_empty() {
        let paths = others.iter().map(|other| other.input.path().display());
        terminal::say(format!("{}: no RDB file, and not written", some_of(paths)));
    }
    let written = |cause| Error::io("<stdout>", cause);
    let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut csv = MemoryCsv::new(out, escape, guard).map_err(written)?;
    let bar = BytesBar::new();
    let mut batch = KeyBatch::new();
    let (mut is_damaged, mut before) = (false, 0);
    let total_bytes = queued.iter().map(|input| input.length).sum();
    for queued in queued {
        let input = queued.input;
        let mut source = Source::of(queued.open(&options)?, &options)?;
        let mut keys = 0;
        while source.next_batch(&mut batch)? {
            keys += batch.len() as u64;
            csv.write(&batch).map_err(written)?;
            bar.set(Progress {
                pass: Pass::First,
                read_bytes: before + source.read_bytes(),
                total_bytes,
            });
        }
        before += source.read_bytes();
        let path = input.path().display().to_string();
        terminal::say(format!(
            "{path}: read as rdb, {}",
            counted_text(keys, "key")
        ));
        describe_findings(
            &path,
            "key",
            Some(Format::RDB),
            source.findings(),
            input.path(),
        );
        is_damaged |= source.findings().row_errors.count() > 0;
    }
    drop(bar);
    describe_changed(csv.finish().map_err(written)?, escape);
    Ok(is_damaged)
}

/// Says what of the keys isn't in the CSV as it is.
fn describe_changed(changed: Changed, escape: Escape) {
    if changed.escaped > 0 {
        let exactness = match escape {
            Escape::Hex => {
                "slotkit reads them back as they were; --escape raw leaves them as they are"
            }
            Escape::Quoted => "slotkit reads them back as they were with --escape quoted",
            _ => {
                "this form can't tell an escape from a key with the same text; without --escape it is exact"
            }
        };
        terminal::say(format!(
            "{} with escapes: {exactness}",
            counted_text(changed.escaped, "key")
        ));
    }
    if changed.guarded > 0 {
        terminal::say(format!(
            "{} that a spreadsheet would take for a formula: an apostrophe stands before it, which slotkit takes off \
             again; --raw-keys leaves it out",
            counted_text(changed.guarded, "key")
        ));
    }
    if changed.late > 0 {
        terminal::say(format!(
            "{} that expires in the year 9999 or later is written as its end",
            counted_text(changed.late, "key")
        ));
    }
}

fn refuse_other(queued: &QueuedInput<'_>) -> Result<()> {
    if queued.format.is_snapshot() {
        return Ok(());
    }
    let message = format!("expected an RDB file, found {}", queued.format);
    Err(Error::new(ErrorKind::Input, message)
        .at(Position::file(queued.input.path()))
        .fix("--output memory-csv is written from RDB files"))
}
