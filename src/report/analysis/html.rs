//! The analysis as an HTML page.

use super::super::html::Html;
use super::{Analysis, table};
use crate::numbers::count_text;
use std::io::{self, Write};

/// Writes the analysis as one HTML document: the tables of the text, with charts.
///
/// # Errors
/// When writing fails.
pub fn write(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    let mut page = Html::default();
    table::on(&mut page, analysis)?;
    page.write(out, &title(analysis))
}

/// What was read, so that pages can be told apart.
fn title(analysis: &Analysis) -> String {
    match analysis.inputs.as_slice() {
        [input] => format!("slotkit: {}", input.path),
        inputs => format!("slotkit: {} inputs", count_text(inputs.len() as u64)),
    }
}
