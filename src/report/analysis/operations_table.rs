//! Operations on keys, for people.

use super::super::numbers::count_text;
use super::super::table;
use super::OperationRows;
use super::table::{cause, percent, shortened};
use std::io::{self, Write};

/// How many commands a table shows; the JSON form has all.
const COMMANDS: usize = 20;

/// Writes what logs of MONITOR had.
pub(super) fn write(out: &mut dyn Write, operations: &OperationRows) -> io::Result<()> {
    writeln!(out, "Operations (a key of a command is one)")?;
    writeln!(out, "  on keys     {}", count_text(operations.total))?;
    if operations.scripted > 0 {
        let scripted = count_text(operations.scripted);
        writeln!(out, "  in scripts  {scripted} commands, not counted again")?;
    }
    if let (Some(first), Some(seconds)) = (&operations.first, operations.seconds) {
        writeln!(out, "  from        {first}, {seconds:.1} seconds long")?;
    }
    if let Some(rate) = operations.per_second {
        writeln!(out, "  a second    {rate:.1}")?;
    }
    if !operations.hot_slots.is_empty() {
        writeln!(out, "\nHot slots by operations")?;
        let rows = operations.hot_slots.iter().map(|slot| {
            vec![
                slot.slot.to_string(),
                count_text(slot.operations),
                percent(slot.share),
                format!("{:.1}x", slot.times_mean),
                cause(&slot.cause),
            ]
        });
        let header = ["slot", "operations", "share", "times mean", "cause"];
        table::write(out, &header, &[4], rows)?;
        writeln!(out, "\nHot keys by operations")?;
        let rows = operations.hot_keys.iter().map(|key| {
            let about = if key.exact { "" } else { "~" };
            let error = key.error.map(|error| format!(" ± {}", percent(error)));
            vec![
                format!("{about}{}", count_text(key.operations)),
                percent(key.share) + &error.unwrap_or_default(),
                key.slot.to_string(),
                shortened(&key.key),
            ]
        });
        table::write(out, &["operations", "share", "slot", "key"], &[3], rows)?;
    }
    commands(out, operations)
}

fn commands(out: &mut dyn Write, operations: &OperationRows) -> io::Result<()> {
    if operations.commands.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nCommands (heavy: their time grows with the size of what they work on)"
    )?;
    let rows = operations.commands.iter().take(COMMANDS).map(|row| {
        vec![
            row.command.to_owned(),
            count_text(row.operations),
            count_text(row.keyless),
            if row.heavy { "heavy" } else { "" }.to_owned(),
        ]
    });
    let header = ["command", "operations", "calls without a key", ""];
    table::write(out, &header, &[0, 3], rows)
}
