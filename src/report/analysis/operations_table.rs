//! Operations on keys as tables.

use super::super::page::{self, Page};
use super::OperationRows;
use super::texts::{about, about_percent, cause, percent, scope_text, shortened};
use crate::numbers::{count_text, counted_text};
use std::io;

/// How many commands a table shows; the JSON form has all.
const COMMANDS: usize = 20;

/// The commands that call scripts and functions.
const SCRIPT_CALLS: [&str; 6] = [
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "fcall",
    "fcall_ro",
];

/// Writes what logs of MONITOR had.
pub(super) fn write(page: &mut dyn Page, operations: &OperationRows) -> io::Result<()> {
    page.heading("Operations (a key of a command is one)")?;
    let mut facts = vec![("on keys", count_text(operations.total))];
    if operations.scripted > 0 {
        facts.push(("in scripts", in_scripts(operations)));
    }
    if let (Some(first), Some(seconds)) = (&operations.first, operations.seconds) {
        facts.push(("from", format!("{first}, {seconds:.1} seconds long")));
    }
    if let Some(rate) = operations.per_second {
        facts.push(("a second", format!("{rate:.1}")));
    }
    page.facts(&facts)?;
    if !operations.hot_slots.is_empty() {
        page.heading(&if operations.scope.is_whole() {
            "Hot slots by operations".to_owned()
        } else {
            format!(
                "Hot slots by operations (the mean is of {})",
                scope_text(&operations.scope)
            )
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

/// What scripts ran. Keys that they touch without being told are nowhere.
fn in_scripts(operations: &OperationRows) -> String {
    let commands = counted_text(operations.scripted, "command");
    let words = "not counted: of a script, the keys that its call names are";
    let rows = operations.commands.iter();
    let calls = rows.filter(|row| SCRIPT_CALLS.contains(&row.command));
    match calls.fold(0, |sum: u64, row| sum.saturating_add(row.keyless)) {
        0 => format!("{commands}, {words}"),
        1 => format!("{commands}, {words} (1 call names none)"),
        calls => format!(
            "{commands}, {words} ({} calls name none)",
            count_text(calls)
        ),
    }
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
