//! A plan as a table: each primary before and after, what moves, and how near that is to the least.

use crate::numbers::{count_text, counted_text};
use crate::plan::{CostMetric, NodeState, Plan, Remaining};
use comfy_table::{CellAlignment, ColumnConstraint, Table, presets};
use std::fmt::Write as _;

/// What the table says beyond the plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many bytes a second the movers were seen to move; for the estimate of the time.
    pub bytes_per_second: Option<u64>,
}

/// The table, the cost and the notes, each line ended.
pub fn render(plan: &Plan, options: Options) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(text, "{}", nodes(plan));
    let _ = writeln!(text, "{}", cost(plan, options));
    if let Some(remaining) = plan.remaining() {
        let _ = writeln!(text, "{}", left(remaining));
    }
    if !plan.is_empty() {
        let _ = writeln!(text, "{}", ranges(plan));
    }
    for note in plan.notes() {
        let _ = writeln!(text, "note: {}", note.message);
    }
    text
}

fn nodes(plan: &Plan) -> Table {
    let knows_keys = plan.before().iter().any(|node| node.keys.is_some());
    let knows_bytes = plan.before().iter().any(|node| node.bytes.is_some());
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header = vec!["node", "id", "slots", "after", "runs", "after"];
    if knows_keys {
        header.extend(["keys", "after"]);
    }
    if knows_bytes {
        header.extend(["bytes", "after"]);
    }
    header.extend(["load", "after", "over/under", "after"]);
    table.set_header(header);
    for (before, after) in plan.before().iter().zip(plan.after()) {
        let mut row = vec![name(before), before.id.short()];
        row.extend([before.slots.to_string(), after.slots.to_string()]);
        row.extend([before.runs.to_string(), after.runs.to_string()]);
        if knows_keys {
            row.extend([before.keys, after.keys].map(|keys| count_text(keys.unwrap_or(0))));
        }
        if knows_bytes {
            row.extend([before.bytes, after.bytes].map(|bytes| size(bytes.unwrap_or(0))));
        }
        row.extend([before, after].map(|node| format!("{:.2} %", 100.0 * node.load)));
        row.extend([before, after].map(deviation));
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        // The first column says who it is; without a margin it starts where the other lines do.
        if index == 0 {
            column.set_padding((0, 1));
        }
        if index > 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}

fn name(node: &NodeState) -> String {
    match &node.addr {
        // A host comes from a file or a server: it must not break the line.
        Some(addr) => crate::escape::shown_addr(&addr.to_string()),
        None if node.is_invented => "(to be added)".to_owned(),
        None => "(no address)".to_owned(),
    }
}

fn deviation(node: &NodeState) -> String {
    match node.deviation() {
        // What rounds to nothing has no sign to speak of.
        Some(deviation) if deviation.abs() < 0.0005 => "+0.0 %".to_owned(),
        Some(deviation) => format!("{:+.1} %", 100.0 * deviation),
        None if node.is_excluded => "excluded".to_owned(),
        None => "-".to_owned(),
    }
}

fn cost(plan: &Plan, options: Options) -> String {
    let cost = plan.cost();
    if plan.is_empty() {
        return format!(
            "Nothing to move: by {} every node is as near its fair share as whole slots allow, \
             or within {} %.",
            plan.objective(),
            plan.objective().threshold().percent()
        );
    }
    let mut text = format!("{} to move", counted_text(cost.slots, "slot"));
    if let Some(keys) = cost.keys {
        let _ = write!(text, ", {}", counted_text(keys, "key"));
    }
    if let Some(bytes) = cost.bytes {
        let _ = write!(text, ", {}", size(bytes));
    }
    let (moved, rest) = (in_measure(plan), remaining_in_measure(plan));
    let bound = amount(cost.least, cost.lower_bound);
    match rest {
        // The bound is about the whole plan, not about the part within the budget.
        Some(rest) => {
            let whole = amount(cost.least, moved + rest);
            let _ = write!(
                text,
                "; the whole plan moves {whole}, and none less than {bound}"
            );
        }
        None => {
            let _ = write!(text, "; no plan moves less than {bound}");
        }
    }
    if cost.lower_bound > 0 {
        let whole = moved + rest.unwrap_or(0);
        let _ = write!(text, " ({:.2}x)", whole as f64 / cost.lower_bound as f64);
    }
    match (cost.bytes, options.bytes_per_second) {
        (Some(bytes), Some(rate)) => {
            let _ = write!(text, "; about {}", duration(bytes / rate.max(1)));
        }
        (None, Some(_)) => text.push_str("; how long is unknown, since the input has no bytes"),
        (_, None) => {}
    }
    text.push('.');
    text
}

/// What clients read with CLUSTER SLOTS, before and after.
fn ranges(plan: &Plan) -> String {
    let (before, after) = (plan.runs_before(), plan.runs_after());
    format!(
        "Clients read {} of slots before, {} after.",
        counted_text(before, "range"),
        count_text(after)
    )
}

/// What moves, in what was to be least.
fn in_measure(plan: &Plan) -> u64 {
    let cost = plan.cost();
    match cost.least {
        CostMetric::Bytes => cost.bytes.unwrap_or(0),
        CostMetric::Keys => cost.keys.unwrap_or(0),
        CostMetric::Slots => cost.slots,
    }
}

fn remaining_in_measure(plan: &Plan) -> Option<u64> {
    let remaining = plan.remaining()?;
    match plan.cost().least {
        CostMetric::Bytes => remaining.bytes,
        CostMetric::Keys => remaining.keys,
        CostMetric::Slots => Some(remaining.slots),
    }
}

fn amount(least: CostMetric, amount: u64) -> String {
    match least {
        CostMetric::Bytes => size(amount),
        CostMetric::Keys => counted_text(amount, "key"),
        CostMetric::Slots => counted_text(amount, "slot"),
    }
}

fn left(remaining: Remaining) -> String {
    let mut text = format!(
        "Beyond the budget: {}",
        counted_text(remaining.slots, "slot")
    );
    if let Some(keys) = remaining.keys {
        let _ = write!(text, ", {}", counted_text(keys, "key"));
    }
    if let Some(bytes) = remaining.bytes {
        let _ = write!(text, ", {}", size(bytes));
    }
    text.push('.');
    text
}

/// Bytes in the largest binary unit that leaves a whole part.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let power = (bytes.ilog2() / 10).min(6);
    let scaled = bytes as f64 / (1_u64 << (10 * power)) as f64;
    format!("{scaled:.2} {}", UNITS[power as usize - 1])
}

fn duration(seconds: u64) -> String {
    match seconds {
        0 => "a second".to_owned(),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1 << 30), "1.00 GiB");
        assert_eq!(size(u64::MAX), "16.00 EiB");
        assert_eq!(duration(3725), "1 h 2 min");
        assert_eq!(counted_text(1, "slot"), "1 slot");
        assert_eq!(counted_text(2000, "slot"), "2,000 slots");
    }
}
