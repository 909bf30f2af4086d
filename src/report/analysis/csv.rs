//! The analysis as CSV, one row a slot.

use super::super::csv_guard::{cause, guarded};
use super::Known;
use crate::cluster::ClusterView;
use crate::slot::Slot;
use crate::tally::{KeptName, Tally};
use std::io::{self, Write};

/// Writes a row for each of the 16,384 slots: `slot,keys,bytes,expiring,biggest_key` (cut after 256
/// bytes, with `…` behind it), `biggest_key_bytes`,
/// `bytes_at_least,unsized_keys` when keys have no known size,
/// `operations` when there were logs of MONITOR, and `node_id,node_addr` when a slot map is known.
///
/// Bytes are empty where a key of the slot has no known size: then `bytes_at_least` has what the others
/// take, and `unsized_keys` says how many have none. A key that a spreadsheet would take for a formula
/// has an apostrophe before it; the JSON report has names as they are.
///
/// # Errors
/// When writing fails.
pub fn write(out: &mut dyn Write, tally: &Tally, view: Option<&ClusterView>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let mut header = vec![
        "slot",
        "keys",
        "bytes",
        "expiring",
        "biggest_key",
        "biggest_key_bytes",
    ];
    let lacks_sizes = tally.unsized_keys() > 0;
    if lacks_sizes {
        header.extend(["bytes_at_least", "unsized_keys"]);
    }
    if tally.operations().is_some() {
        header.push("operations");
    }
    if view.is_some() {
        header.extend(["node_id", "node_addr"]);
    }
    writer.write_record(&header).map_err(cause)?;
    let known = Known::of(tally);
    for slot in Slot::all() {
        let count = tally.slot(slot);
        let size = known.of_slots(count);
        let number = |known: Option<u64>| known.map(|known| known.to_string()).unwrap_or_default();
        let biggest = tally.biggest_key(slot);
        let name = biggest.map(|key| KeptName::from(key).text());
        let mut row = vec![
            slot.to_string(),
            count.keys.to_string(),
            number(size.bytes),
            count.expiring.to_string(),
            name.map(|name| guarded(&name).into_owned())
                .unwrap_or_default(),
            biggest
                .map(|key| key.size_bytes.to_string())
                .unwrap_or_default(),
        ];
        if lacks_sizes {
            row.extend([number(size.bytes_at_least), size.unsized_keys.to_string()]);
        }
        row.extend(
            tally
                .operations()
                .map(|operations| operations.slot(slot).to_string()),
        );
        if let Some(view) = view {
            let owner = view.map().owner(slot);
            let addr = owner
                .and_then(|id| view.node(id))
                .and_then(|node| node.addr.as_ref());
            row.push(owner.map(|id| id.to_string()).unwrap_or_default());
            row.push(
                addr.map(|addr| guarded(&addr.to_string()).into_owned())
                    .unwrap_or_default(),
            );
        }
        writer.write_record(&row).map_err(cause)?;
    }
    writer.flush()
}
