//! The charts of an analysis; a page of text leaves them out.

use super::super::chart::Bars;
use super::super::page::Page;
use super::{Analysis, ClassRow, SlotRow, Spread};
use crate::numbers::{bytes_text, count_text};
use crate::slot::SLOT_COUNT;
use std::io;

/// How many slots share a bar: 256 bars fit the width of a page.
const SLOTS_A_BAR: usize = 64;

/// Keys by slot, and bytes where they are known.
pub(super) fn slots(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    let spread = &analysis.distribution;
    slot_bars(page, "Keys", analysis, &spread.keys, count_text, |row| {
        row.keys
    })?;
    // Where a slot has nothing that is known, there is no bar.
    let of = |row: &SlotRow| row.size.known().unwrap_or(0);
    if let Some(bytes) = &spread.bytes {
        slot_bars(page, "Bytes", analysis, bytes, bytes_text, of)?;
    }
    if let Some(bytes) = &spread.bytes_at_least {
        let unit = "Bytes, without those of keys whose size is unknown,";
        slot_bars(page, unit, analysis, bytes, bytes_text, of)?;
    }
    Ok(())
}

fn slot_bars(
    page: &mut dyn Page,
    unit: &str,
    analysis: &Analysis,
    spread: &Spread,
    text: fn(u64) -> String,
    of: impl Fn(&SlotRow) -> u64,
) -> io::Result<()> {
    let mut heights = vec![0; SLOT_COUNT / SLOTS_A_BAR];
    for slot in &analysis.slots {
        let height: &mut u64 = &mut heights[usize::from(slot.slot) / SLOTS_A_BAR];
        *height = of(slot).max(*height);
    }
    let bars = Bars {
        heights,
        mean: Some(spread.mean),
        names: Box::new(|bar| format!("{}", (bar * SLOTS_A_BAR).min(SLOT_COUNT - 1))),
        height_text: text,
    };
    let caption = format!(
        "{unit} by slot: a bar is the fullest of {SLOTS_A_BAR} slots side by side, the line is the mean slot."
    );
    page.chart(&caption, &bars)
}

/// Keys by classes that double; a class without keys is a gap.
pub(super) fn classes(
    page: &mut dyn Page,
    classes: &[ClassRow],
    text: fn(u64) -> String,
) -> io::Result<()> {
    let mut heights = Vec::new();
    let mut edges = Vec::new();
    for class in classes {
        let mut from = edges.pop().unwrap_or(class.from);
        while from < class.from {
            edges.push(from);
            heights.push(0);
            from = from.saturating_mul(2).max(1);
        }
        edges.extend([class.from, class.to.saturating_add(1)]);
        heights.push(class.keys);
    }
    let bars = Bars {
        heights,
        mean: None,
        names: Box::new(move |bar| edges.get(bar).copied().map(text).unwrap_or_default()),
        height_text: count_text,
    };
    page.chart("Keys from one label up to the next.", &bars)
}
