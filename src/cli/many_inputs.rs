//! Notes on many inputs: a line for a folder of thousands of files, not one each.

use super::input_notes::{counted, describe_findings, is_empty, path_text};
use super::inputs::some_of;
use super::terminal;
use crate::numbers::{count_text, counted_text};
use crate::tally::InputSummary;
use std::collections::{BTreeMap, BTreeSet};

/// How many different notes are said.
const SAID_NOTES: usize = 10;

/// How many inputs with rows that can't be read are said one by one.
const SAID_FAULTY: usize = 5;

/// Says what they were, kind by kind, and once what is to be said of several.
pub(super) fn describe(inputs: &[InputSummary]) {
    say_kinds(inputs);
    let barren: Vec<&InputSummary> = inputs.iter().filter(|input| is_empty(input)).collect();
    if !barren.is_empty() {
        let paths = barren.iter().map(|input| path_text(input));
        terminal::say(format!("nothing was counted in {}", some_of(paths)));
    }
    say_notes(inputs);
    let faulty = || {
        inputs
            .iter()
            .filter(|input| input.findings.row_errors.count() > 0)
    };
    for input in faulty().take(SAID_FAULTY) {
        let findings = crate::source::Findings {
            row_errors: input.findings.row_errors.clone(),
            ..Default::default()
        };
        describe_findings(
            &path_text(input),
            counted(input).1,
            Some(input.format),
            &findings,
            &input.path,
        );
    }
    let more = faulty().count().saturating_sub(SAID_FAULTY);
    if more > 0 {
        terminal::say(format!(
            "{} have rows that can't be read, or are damaged",
            counted_text(more as u64, "more input")
        ));
    }
}

/// How many inputs of each format there were, and what was counted in them.
fn say_kinds(inputs: &[InputSummary]) {
    let mut kinds: BTreeMap<&str, (u64, u64, &str)> = BTreeMap::new();
    for input in inputs {
        let (count, what) = counted(input);
        let kind = kinds.entry(input.format.name()).or_insert((0, 0, what));
        kind.0 += 1;
        // A tally file may say anything.
        kind.1 = kind.1.saturating_add(count);
    }
    let tallies: BTreeSet<_> = inputs
        .iter()
        .filter_map(|input| input.tally.as_ref())
        .collect();
    let from = match tallies.len() {
        0 => String::new(),
        count => format!(
            ", in {}",
            counted_text(count as u64, "saved tally").replace("tallys", "tallies")
        ),
    };
    let kinds = kinds.into_iter().map(|(format, (files, count, what))| {
        let on_what = if what == "operation" { " on keys" } else { "" };
        let counted = counted_text(count, what);
        format!(
            "{} read as {format}, {counted}{on_what}",
            counted_text(files, "input")
        )
    });
    let kinds: Vec<String> = kinds.collect();
    terminal::say(format!("{}{from}", kinds.join("; ")));
}

/// Says each note once, and of how many it holds.
fn say_notes(inputs: &[InputSummary]) {
    let mut notes: BTreeMap<&str, Vec<&InputSummary>> = BTreeMap::new();
    let (mut ambiguous, mut filtered) = (0u64, 0u64);
    for input in inputs {
        let own = input.note.as_deref().into_iter();
        for note in own.chain(input.findings.notes.iter().map(String::as_str)) {
            notes.entry(note).or_default().push(input);
        }
        ambiguous = ambiguous.saturating_add(input.findings.ambiguous_keys);
        filtered = filtered.saturating_add(input.findings.filtered_keys);
    }
    let mut notes: Vec<_> = notes.into_iter().collect();
    notes.sort_by_key(|(_, inputs)| std::cmp::Reverse(inputs.len()));
    for (note, inputs) in notes.iter().take(SAID_NOTES) {
        let paths = inputs.iter().map(|input| path_text(input));
        terminal::say(format!("{}: {note}", some_of(paths)));
    }
    if let Some(more) = notes.len().checked_sub(SAID_NOTES).filter(|more| *more > 0) {
        terminal::say(format!(
            "{} more notes on inputs; --json has all",
            count_text(more as u64)
        ));
    }
    let together = crate::source::Findings {
        ambiguous_keys: ambiguous,
        filtered_keys: filtered,
        ..Default::default()
    };
    let what = inputs.first().map_or("key", |input| counted(input).1);
    describe_findings("all inputs together", what, None, &together, "".as_ref());
}
