//! Operations on keys, for people.

use super::super::numbers::count_text;
use super::super::page::{self, Page};
use super::OperationRows;
use super::table::{about, about_percent, cause, percent, scope_text, shortened};
use std::io;

/// How many commands a table shows; the JSON form has all.
const COMMANDS: usize = 20;

/// Writes what logs of MONITOR had.
pub(super) fn write(page: &mut dyn Page, operations: &OperationRows) -> io::Result<()> {
    page.heading("Operations (a key of a command is one)")?;
    let mut facts = vec![("on keys", count_text(operations.total))];
    if operations.scripted > 0 {
        let scripted = count_text(operations.scripted);
        facts.push((
            "in scripts",
            format!("{scripted} commands, not counted again"),
        ));
    }
    if let (Some(first), Some(seconds)) = (&operations.first, operations.seconds) {
        facts.push(("from", format!("{first}, {seconds:.1} seconds long")));
    }
    if let Some(rate) = operations.per_second {
        facts.push(("a second", format!("{rate:.1}")));
    }
    page.facts(&facts)?;
    if !operations.hot_slots.is_empty() {
        page.heading(&match operations.scope.is_whole() {
            true => "Hot slots by operations".to_owned(),
            false => format!(
                "Hot slots by operations (the mean is of {})",
                scope_text(&operations.scope)
            ),
        })?;
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
        page::table(page, &header, &[4], rows)?;
        page.heading("Hot keys by operations")?;
        let rows = operations.hot_keys.iter().map(|key| {
            vec![
                about(key.operations, key.error_operations, count_text),
                about_percent(key.share, key.error),
                key.slot.to_string(),
                shortened(&key.key),
            ]
        });
        page::table(page, &["operations", "share", "slot", "key"], &[3], rows)?;
    }
    commands(page, operations)
}

fn commands(page: &mut dyn Page, operations: &OperationRows) -> io::Result<()> {
    if operations.commands.is_empty() {
        return Ok(());
    }
    page.heading("Commands (heavy: their time grows with the size of what they work on)")?;
    let rows = operations.commands.iter().take(COMMANDS).map(|row| {
        vec![
            row.command.to_owned(),
            count_text(row.operations),
            count_text(row.keyless),
            if row.heavy { "heavy" } else { "" }.to_owned(),
        ]
    });
    let header = ["command", "operations", "calls without a key", ""];
    page::table(page, &header, &[0, 3], rows)
}
