//! The analysis as tables: text for a terminal, or an HTML page.

use super::super::page::{self, Page, Text};
use super::charts;
use super::texts::{about, about_percent, cause, percent, scope_text, shortened, size_text};
use super::{
    Analysis, ChiSquare, ClassRow, Families, FamilyRow, FileFinding, HotSlot, Spread, Totals,
};
use super::{nodes_table, operations_table};
use crate::escape::key_line;
use crate::numbers::{bytes_text, count_text, counted_text};
use std::io::{self, Write};

/// How many findings are told; each combination of files may have one.
const NAMED_FINDINGS: usize = 20;

/// Writes the analysis as tables of text.
///
/// # Errors
/// When writing fails.
pub fn write(out: &mut dyn Write, analysis: &Analysis) -> io::Result<()> {
    on(&mut Text::new(out), analysis)
}

/// Writes the analysis on any page.
pub(super) fn on(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    if let Some(operations) = &analysis.operations {
        operations_table::write(page, operations)?;
        // Logs alone say nothing of the keys that are there.
        if analysis.totals.keys == 0 {
            nodes_table::write(page, analysis)?;
            return findings(page, &analysis.findings);
        }
    }
    totals(page, analysis)?;
    distribution(page, analysis)?;
    hot_slots(page, "Hot slots by keys", &analysis.hot_slots.by_keys)?;
    let bytes = match analysis.totals.bytes_at_least {
        None => "bytes",
        Some(_) => "known bytes",
    };
    hot_slots(
        page,
        &format!("Hot slots by {bytes}"),
        &analysis.hot_slots.by_bytes,
    )?;
    big_keys(page, analysis)?;
    families(page, "Hash tags", bytes, &analysis.hash_tags)?;
    families(page, "Prefixes", bytes, &analysis.prefixes)?;
    types(page, analysis)?;
    encodings(page, analysis)?;
    histogram(page, "Sizes", "bytes", &analysis.sizes, bytes_text)?;
    histogram(
        page,
        "Key lengths",
        "length",
        &analysis.key_lengths,
        count_text,
    )?;
    expiry(page, analysis)?;
    databases(page, analysis)?;
    nodes_table::write(page, analysis)?;
    findings(page, &analysis.findings)?;
    advice(page, analysis)
}

fn totals(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    let totals = &analysis.totals;
    page.heading("Totals")?;
    let mut facts = vec![("keys", count_text(totals.keys))];
    facts.push(match totals.bytes {
        Some(bytes) => (
            "bytes",
            format!("{} ({})", count_text(bytes), bytes_text(bytes)),
        ),
        None => ("bytes", unknown_bytes(totals)),
    });
    facts.push(("expiring", count_text(totals.expiring)));
    let used = count_text(totals.slots_used as u64);
    facts.push(("slots used", format!("{used} of 16,384")));
    page.facts(&facts)
}

/// What is known of bytes where not all are.
fn unknown_bytes(totals: &Totals) -> String {
    let missing = counted_text(totals.unsized_keys, "key");
    let have = if totals.unsized_keys == 1 {
        "has"
    } else {
        "have"
    };
    match totals.bytes_at_least {
        Some(bytes) => format!(
            "at least {} ({}): {missing} {have} no size",
            count_text(bytes),
            bytes_text(bytes)
        ),
        None => "unknown: no input has sizes".to_owned(),
    }
}

fn distribution(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    let spread = &analysis.distribution;
    let row = |name: &str, spread: &Spread, unit: &str, text: fn(u64) -> String| {
        // The mean of a sparse keyspace is below one: whole units would hide it.
        let mean = if spread.mean < 1024.0 {
            format!("{:.1}{unit}", spread.mean)
        } else {
            text(spread.mean.round() as u64)
        };
        vec![
            name.to_owned(),
            text(spread.min),
            mean,
            text(spread.p50),
            text(spread.p99),
            text(spread.max),
            format!("{:.1}x", spread.skew),
            format!("{:.3}", spread.gini),
        ]
    };
    let mut rows = vec![row("keys", &spread.keys, "", count_text)];
    rows.extend(
        spread
            .bytes
            .as_ref()
            .map(|bytes| row("bytes", bytes, " B", bytes_text)),
    );
    rows.extend(
        spread
            .bytes_at_least
            .as_ref()
            .map(|bytes| row("known bytes", bytes, " B", bytes_text)),
    );
    let empty = spread.scope.slots.saturating_sub(analysis.slots.len());
    page.heading(&format!(
        "Per slot ({} of {} are empty; skew is max / mean)",
        count_text(empty as u64),
        scope_text(&spread.scope)
    ))?;
    page::table(
        page,
        &["", "min", "mean", "p50", "p99", "max", "skew", "Gini"],
        &[0],
        rows,
    )?;
    match (spread.scope.is_mixed(), spread.scope.is_vague()) {
        (true, _) => page.line(
            "Tallies of different slots were merged. Whether their keys are spread evenly isn't judged.",
        )?,
        (_, true) => page.line(
            "All other slots are empty, in runs that chance doesn't leave: this looks like a dump \
             of one node, or a few. Whether its keys are spread evenly isn't judged.",
        )?,
        _ => verdict(page, spread.chi_square.as_ref())?,
    }
    charts::slots(page, analysis)
}

fn findings(page: &mut dyn Page, findings: &[FileFinding]) -> io::Result<()> {
    if !findings.is_empty() {
        page.heading("Findings")?;
    }
    for finding in findings.iter().take(NAMED_FINDINGS) {
        let message = key_line(finding.message.as_bytes()).into_owned();
        page.line(&format!("{message}."))?;
        page.line(&format!("  {}.", finding.fix))?;
    }
    match findings.len().saturating_sub(NAMED_FINDINGS) {
        0 => Ok(()),
        more => page.line(&format!(
            "And {} more (--json has all).",
            count_text(more as u64)
        )),
    }
}

fn advice(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    let advice = analysis.advice.as_deref().unwrap_or_default();
    let withheld = analysis.advice_withheld.map(|why| match why {
        "filtered" => "filters left keys out",
        _ if analysis.distribution.scope.is_mixed() => "tallies of different slots were merged",
        _ => "these are the keys of a part of the slots",
    });
    if !advice.is_empty() || withheld.is_some() {
        page.heading("Advice")?;
    }
    if let Some(why) = withheld {
        page.line(&format!(
            "No advice on hash tags: {why}, and shares of a part say nothing of the whole."
        ))?;
    }
    advice
        .iter()
        .try_for_each(|advice| page.line(&format!("Slot {}: {}.", advice.slot, advice.message)))
}

/// What the spread means, in words.
fn verdict(page: &mut dyn Page, chi_square: Option<&ChiSquare>) -> io::Result<()> {
    let Some(chi_square) = chi_square else {
        return page.line("Too few keys to tell whether they are spread as a uniform hash would.");
    };
    let words = match (chi_square.verdict, chi_square.explained_by) {
        ("uneven", Some(_)) => {
            "more uneven than a uniform hash explains: hash tags put keys together"
        }
        ("uneven", None) => {
            "more uneven than a uniform hash explains, and hash tags are not why: see the hot slots"
        }
        ("slightly_uneven", Some(_)) => {
            "a little less even than random names, too little to matter: hash tags put keys together"
        }
        ("slightly_uneven", None) => {
            "a little less even than random names, too little to matter: ids in sequence are, \
             since CRC16 is linear"
        }
        ("too_even", _) => {
            "more even than random names: ids in sequence are, since CRC16 is linear, and so are \
             names chosen for their slots"
        }
        _ => "as even as a uniform hash makes them",
    };
    let value = count_text(chi_square.value.round() as u64);
    page.line(&format!(
        "The keys are {words} (chi-square {value}, z {:.1}).",
        chi_square.z
    ))
}

fn big_keys(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    if analysis.big_keys.is_empty() {
        return Ok(());
    }
    page.heading("Big keys")?;
    let rows = analysis.big_keys.iter().map(|key| {
        vec![
            bytes_text(key.bytes),
            key.slot.to_string(),
            shortened(&key.key),
        ]
    });
    page::table(page, &["bytes", "slot", "key"], &[2], rows)?;
    match analysis.totals.unsized_keys {
        0 => Ok(()),
        1 => page.line("1 key has no size: it may be bigger."),
        more => page.line(&format!(
            "{} keys have no size: there may be bigger ones among them.",
            count_text(more)
        )),
    }
}

fn families(page: &mut dyn Page, title: &str, bytes: &str, families: &Families) -> io::Result<()> {
    let lists = [("keys", &families.by_keys), (bytes, &families.by_bytes)];
    let has_slots = families.by_keys.iter().any(|row| row.slot.is_some());
    for (unit, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        page.heading(&format!("{title} by {unit}"))?;
        let rows = list.iter().map(family);
        if has_slots {
            page::table(page, &[unit, "share", "name", "slot"], &[2], rows)?;
        } else {
            page::table(page, &[unit, "share", "name"], &[2], rows)?;
        }
    }
    Ok(())
}

fn family(row: &FamilyRow) -> Vec<String> {
    let keys = row.keys.map(|keys| about(keys, row.error_keys, count_text));
    let bytes = row
        .bytes
        .map(|bytes| about(bytes, row.error_bytes, bytes_text));
    let at_least = row
        .bytes_at_least
        .map(|bytes| format!("≥ {}", about(bytes, row.error_bytes, bytes_text)));
    let mut cells = vec![
        keys.or(bytes).or(at_least).unwrap_or_default(),
        about_percent(row.share, row.error),
        shortened(&row.name),
    ];
    cells.extend(row.slot.map(|slot| slot.to_string()));
    cells
}

fn hot_slots(page: &mut dyn Page, title: &str, slots: &[HotSlot]) -> io::Result<()> {
    if slots.is_empty() {
        return Ok(());
    }
    page.heading(title)?;
    let header = ["slot", "keys", "bytes", "share", "times mean", "cause"];
    let rows = slots.iter().map(|slot| {
        vec![
            slot.slot.to_string(),
            count_text(slot.keys),
            size_text(&slot.size),
            percent(slot.share),
            format!("{:.1}x", slot.times_mean),
            cause(&slot.cause),
        ]
    });
    page::table(page, &header, &[5], rows)
}

fn types(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    if analysis.types.0.is_empty() {
        return Ok(());
    }
    page.heading("Types")?;
    let total = analysis.totals.keys;
    let rows = analysis.types.0.iter().map(|(name, group)| {
        vec![
            (*name).to_owned(),
            count_text(group.keys),
            percent(group.keys as f64 / total as f64),
            size_text(&group.size),
        ]
    });
    page::table(page, &["type", "keys", "share", "bytes"], &[0], rows)
}

fn encodings(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    if analysis.encodings.is_empty() {
        return Ok(());
    }
    page.heading("Encodings")?;
    let rows = analysis.encodings.iter().map(|row| {
        vec![
            row.encoding.to_owned(),
            count_text(row.keys),
            percent(row.keys as f64 / analysis.totals.keys.max(1) as f64),
            size_text(&row.size),
        ]
    });
    page::table(page, &["encoding", "keys", "share", "bytes"], &[0], rows)
}

fn histogram(
    page: &mut dyn Page,
    title: &str,
    unit: &str,
    classes: &[ClassRow],
    text: fn(u64) -> String,
) -> io::Result<()> {
    if classes.is_empty() {
        return Ok(());
    }
    page.heading(title)?;
    charts::classes(page, classes, text)?;
    let keys: u64 = classes
        .iter()
        .fold(0, |sum, class| sum.saturating_add(class.keys));
    let rows = classes.iter().map(|class| {
        vec![
            text(class.from),
            text(class.to),
            count_text(class.keys),
            percent(class.keys as f64 / keys.max(1) as f64),
            bytes_text(class.sum),
        ]
    });
    let from = format!("{unit} from");
    page::table(page, &[&from, "to", "keys", "share", "together"], &[], rows)
}

fn expiry(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    let Some(expiry) = &analysis.expiry else {
        return Ok(());
    };
    page.heading(&format!("Expiry (from {})", expiry.as_of))?;
    let words = |within: &str| match within {
        "past" => "expired".to_owned(),
        "later" => "later".to_owned(),
        within => format!("within {within}"),
    };
    let rows = expiry.horizon.iter().filter(|row| row.keys > 0).map(|row| {
        vec![
            words(row.within),
            count_text(row.keys),
            percent(row.share),
            size_text(&row.size),
        ]
    });
    page::table(page, &["expires", "keys", "share", "bytes"], &[0], rows)?;
    let or = |is_open: bool, words| if is_open { words } else { "" };
    // Far days are counted by the year; times of four-digit years sort as text.
    let of_last = if expiry.resolution == "day" && expiry.last.as_str() > "2149-06-07" {
        "year"
    } else {
        expiry.resolution
    };
    page.line(&format!(
        "The first expires in the {} from {}{}, half of them by that from {}, the last in {} from {}{}.",
        expiry.resolution,
        expiry.first,
        or(expiry.first_or_earlier, " or earlier"),
        expiry.median,
        if of_last == expiry.resolution { "that".to_owned() } else { format!("the {of_last}") },
        expiry.last,
        or(expiry.last_or_later, " or later"),
    ))?;
    match expiry.unknown {
        0 => Ok(()),
        1 => page.line("1 more key expires at a time that the input doesn't tell."),
        unknown => page.line(&format!(
            "{} more keys expire at a time that the input doesn't tell.",
            count_text(unknown)
        )),
    }
}

fn databases(page: &mut dyn Page, analysis: &Analysis) -> io::Result<()> {
    if analysis.databases.is_empty() {
        return Ok(());
    }
    page.heading("Databases")?;
    let rows = analysis.databases.iter().map(|database| {
        vec![
            database.db.to_string(),
            count_text(database.keys),
            size_text(&database.size),
        ]
    });
    page::table(page, &["database", "keys", "bytes"], &[], rows)
}
