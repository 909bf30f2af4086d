//! Tables for people: columns that line up, no lines around them.

use comfy_table::{Cell, CellAlignment, Table};
use std::io::{self, Write};

/// Writes a table; the columns of these numbers are aligned left, all others right.
///
/// # Errors
/// When writing fails.
pub(super) fn write(
    out: &mut dyn Write,
    header: &[&str],
    left: &[usize],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header.iter().map(Cell::new));
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        let alignment = if left.contains(&index) {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        };
        column.set_cell_alignment(alignment);
        column.set_padding((1, 1));
    }
    for line in table.lines() {
        writeln!(out, " {}", line.trim_end())?;
    }
    Ok(())
}
