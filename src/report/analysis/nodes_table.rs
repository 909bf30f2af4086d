//! The nodes of an analysis as a table.

use super::super::page::{self, Page};
use super::texts::{percent, size_text};
use super::{Analysis, Bytes, NodeRow, Unassigned};
use crate::numbers::count_text;
use std::io;

/// What is told of some slots.
struct Figures {
    slots: usize,
    keys: u64,
    size: Bytes,
    operations: Option<u64>,
}

impl From<&NodeRow> for Figures {
    fn from(node: &NodeRow) -> Figures {
        Figures {
            slots: node.slots,
            keys: node.keys,
            size: node.size,
            operations: node.operations,
        }
    }
}

impl From<&Unassigned> for Figures {
    fn from(nobody: &Unassigned) -> Figures {
        Figures {
            slots: nobody.slots,
            keys: nobody.keys,
            size: nobody.size,
            operations: nobody.operations,
        }
    }
}

/// Writes what lies on each node, when a slot map is known.
pub(super) fn write(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    let Some(nodes) = &analysis.nodes else {
        return Ok(());
    };
    page.heading("Nodes")?;
    let mut header = vec!["node", "address", "slots"];
    if tells_keys(analysis) {
        header.extend(["keys", "share", "bytes", "share"]);
    }
    if analysis.operations.is_some() {
        header.extend(["operations", "share"]);
    }
    let nobody = analysis.unassigned.iter().filter(|nobody| nobody.slots > 0);
    let nobody = nobody.map(|nobody| row("nobody", String::new(), &nobody.into(), analysis));
    let rows = nodes
        .iter()
        .map(|node| row(&node.id[..8], address(node), &node.into(), analysis));
    page::table(page, &header, &[0, 1], rows.chain(nobody))
}

/// Logs alone say nothing of keys.
fn tells_keys(analysis: &Analysis) -> bool {
    analysis.totals.keys > 0 || analysis.operations.is_none()
}

fn address(node: &NodeRow) -> String {
    let failed = if node.failed { " (failed)" } else { "" };
    node.addr.clone().unwrap_or_else(|| "?".to_owned()) + failed
}

fn row(name: &str, address: String, figures: &Figures, analysis: &Analysis) -> Vec<String> {
    let totals = &analysis.totals;
    let mut cells = vec![name.to_owned(), address, count_text(figures.slots as u64)];
    if tells_keys(analysis) {
        cells.extend([
            count_text(figures.keys),
            share_of(Some(figures.keys), Some(totals.keys)),
            size_text(&figures.size),
            share_of(figures.size.bytes, totals.bytes),
        ]);
    }
    if let Some(operations) = &analysis.operations {
        let of_node = figures.operations.unwrap_or(0);
        cells.extend([
            count_text(of_node),
            share_of(Some(of_node), Some(operations.total)),
        ]);
    }
    cells
}

fn share_of(units: Option<u64>, total: Option<u64>) -> String {
    match (units, total) {
        (Some(units), Some(total)) => percent(units as f64 / total.max(1) as f64),
        _ => "?".to_owned(),
    }
}
