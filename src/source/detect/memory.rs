//! The memory CSV of rdb-tools, and redis-rdb-cli's.

use super::super::Format;
use super::super::cut::Layout;
use super::super::rdb_tools::{HEADER, OLD_HEADER, RdbTools};
use super::{LOOKED_AT, Recognised};

/// Rows without a header, as the user says.
pub(super) fn headless(format: Format) -> Recognised {
    let rows = match format {
        Format::RdbCli => RdbTools::RdbCli,
        _ => RdbTools::Plain,
    };
    let note = "it has no header; its columns are taken to be those of rdb-tools";
    Recognised::new(Layout::RdbTools(rows), format, 0, Some(note))
}

/// rdb-tools: its header, or (pieces of a split file have none) a whole row of its own.
pub(super) fn rows(text: &[u8], first: &[u8], said: Option<Format>) -> Option<Recognised> {
    let bare = first.strip_suffix(b"\r").unwrap_or(first);
    let found = |rows, format, skip, note| {
        Some(Recognised::new(Layout::RdbTools(rows), format, skip, note))
    };
    let behind = (first.len() + 1).min(text.len());
    let is_rdb_cli = match said {
        Some(format) => format == Format::RdbCli,
        None => has_rdb_cli_rows(&text[behind..]),
    };
    if bare == HEADER.as_bytes() && is_rdb_cli {
        let note = Some(
            "it is the CSV of redis-rdb-cli: sizes with a unit are rounded, expiry times are read as UTC",
        );
        found(RdbTools::RdbCli, Format::RdbCli, behind, note)
    } else if bare == HEADER.as_bytes() {
        found(RdbTools::Plain, Format::RdbTools, behind, None)
    } else if bare == OLD_HEADER.as_bytes() {
        let note = Some("it has no expiry column: expiring keys are unknown");
        found(RdbTools::WithoutExpiry, Format::RdbTools, behind, note)
    } else if RdbTools::Plain.is_row(first) {
        let note = Some("it has no header; its rows are those of rdb-tools");
        found(RdbTools::Plain, Format::RdbTools, 0, note)
    } else {
        None
    }
}

/// The header is the same; the first line that ends a row tells.
fn has_rdb_cli_rows(rows: &[u8]) -> bool {
    let mut lines = rows.split(|byte| *byte == b'\n').take(LOOKED_AT);
    lines
        .find_map(|line| match () {
            () if RdbTools::RdbCli.ends_row(line) => Some(true),
            () if RdbTools::Plain.ends_row(line) => Some(false),
            () => None,
        })
        .unwrap_or(false)
}
