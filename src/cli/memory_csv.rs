//! `analyze --output memory-csv`: RDB files as rows of keys.

use super::input::{InputArgs, describe_findings};
use super::inputs::inputs_of;
use super::progress::BytesBar;
use super::terminal;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::report::{MemoryCsv, counted_text};
use crate::source::{self, Filter, Input, KeyBatch, KeySource, Source, Waiting};
use crate::tally::Progress;
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
    guards: bool,
) -> Result<bool> {
    let options = source::Options {
        wants_longest: true,
        ..args.options(filter)?.source
    };
    let inputs = inputs_of(inputs)?;
    let waiting = Waiting::all(&inputs, &options)?;
    for (input, waiting) in inputs.iter().zip(&waiting) {
        refuse_other(input, waiting)?;
    }
    let written = |cause| Error::io("<stdout>", cause);
    let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut csv = MemoryCsv::new(out, guards).map_err(written)?;
    let bar = BytesBar::new();
    let mut batch = KeyBatch::new();
    let (mut is_damaged, mut before) = (false, 0);
    let total_bytes = waiting.iter().map(|input| input.length).sum();
    for (input, waiting) in inputs.iter().zip(waiting) {
        let mut source = Source::of(waiting.open(&options)?, &options)?;
        let mut keys = 0;
        while source.next_batch(&mut batch)? {
            keys += batch.len() as u64;
            csv.write(&batch).map_err(written)?;
            bar.set(Progress {
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
        describe_findings(&path, "key", source.findings(), input.path());
        is_damaged |= source.findings().faults.count() > 0;
    }
    drop(bar);
    let guarded = csv.finish().map_err(written)?;
    if guarded > 0 {
        terminal::say(format!(
            "{} that a spreadsheet would take for a formula: an apostrophe stands before it; --raw-keys leaves it out",
            counted_text(guarded, "key")
        ));
    }
    Ok(is_damaged)
}

fn refuse_other(input: &Input, waiting: &Waiting<'_>) -> Result<()> {
    if waiting.is_snapshot {
        return Ok(());
    }
    let message = format!("expected an RDB file, found {}", waiting.format);
    Err(Error::new(ErrorKind::Input, message)
        .at(Position::file(input.path()))
        .mend("--output memory-csv is written from RDB files"))
}
