//! Recognises what slotkit itself writes, and is no input.

use super::first_lines::{FirstLines, is_number};
use super::other_text::OtherText;
use crate::slot::Slot;
use memchr::{memchr, memmem};

pub(super) fn kind(first_lines: &FirstLines<'_>) -> Option<OtherText> {
    const REPORT: &str =
        "name the dump that it was made from, or a tally that `analyze --save` wrote";
    let text = first_lines.text.trim_ascii_start();
    let name = if text.starts_with(b"{") {
        return json(text);
    } else if first_lines.first() == b"Totals" && first_lines.line(1).starts_with(b"keys ") {
        "slotkit's own report"
    } else if first_lines.first().starts_with(b"slot,keys,bytes,expiring") {
        "slotkit's own report, a row a slot"
    } else if is_plan(first_lines) {
        "slotkit's own plan"
    } else if first_lines.all(is_keyslot_line) {
        return Some(OtherText::new(
            "what slotkit keyslot prints",
            "take the slots off: cut -f2- FILE",
        ));
    } else {
        return None;
    };
    Some(OtherText::new(name, REPORT))
}

fn is_plan(first_lines: &FirstLines<'_>) -> bool {
    let has = |line: &[u8], words: &[&str]| {
        words
            .iter()
            .all(|word| memmem::find(line, word.as_bytes()).is_some())
    };
    let first = first_lines.first();
    first.starts_with(b"node ") && has(first, &["slots", "after"])
}

/// `866<TAB>hello`, where `hello` is in slot 866.
fn is_keyslot_line(line: &[u8]) -> bool {
    let Some(tab) = memchr(b'\t', line) else {
        return false;
    };
    let (slot, key) = (&line[..tab], &line[tab + 1..]);
    is_number(slot) && Slot::for_key(key).to_string().as_bytes() == slot
}

/// JSON of slotkit's: reports, plans, and journals of lines.
fn json(text: &[u8]) -> Option<OtherText> {
    const NEAR_BYTES: usize = 4_096;
    let near = &text[..text.len().min(NEAR_BYTES)];
    let inside = near[1..].trim_ascii_start();
    if inside.starts_with(b"\"record\":\"journal\"") {
        let fix = "it belongs to slotkit resume; name a dump";
        return Some(OtherText::new("a journal of slotkit", fix));
    }
    if !inside.starts_with(b"\"schema\":") {
        return None;
    }
    let is_plan = memmem::find(near, b"\"objective\":").is_some();
    Some(if is_plan {
        OtherText::new(
            "a plan of slotkit",
            "carry it out with slotkit apply; name the dump that it was made from",
        )
    } else {
        OtherText::new(
            "JSON that slotkit printed",
            "name the dump that it was made from, or a tally that `analyze --save` wrote",
        )
    })
}
