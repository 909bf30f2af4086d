//! Formats figures and names for the tables.

use super::{Bytes, CauseRow, Scope};
use crate::escape::key_line;
use crate::numbers::{bytes_text, count_text};

/// How many characters of a name fit a table.
const NAME_CHARS: usize = 48;

/// Bytes as far as they are known.
pub(super) fn size_text(size: &Bytes) -> String {
    match (size.bytes, size.bytes_at_least) {
        (Some(bytes), _) => bytes_text(bytes),
        (None, Some(bytes)) => format!("≥ {}", bytes_text(bytes)),
        (None, None) => "?".to_owned(),
    }
}

/// Over which slots figures are.
pub(super) fn scope_text(scope: &Scope) -> String {
    let slots = count_text(scope.slots as u64);
    match scope.kind {
        "chosen" => format!("{slots} chosen slots"),
        "part" if scope.is_mixed() => format!("{slots} slots of merged tallies"),
        "part" => format!("about {slots} slots with keys"),
        _ => slots,
    }
}

/// Why a slot is hot.
pub(super) fn cause(cause: &CauseRow) -> String {
    let words = match cause.kind {
        "key" => "one key",
        "hash_tag" => "one hash tag",
        "prefix" => "one prefix",
        _ => {
            return match cause.sampled {
                None => "many keys".to_owned(),
                Some(0) => "many keys; the sample has none of them".to_owned(),
                Some(sampled) => {
                    format!(
                        "many keys, as far as a sample of {} tells",
                        count_text(sampled)
                    )
                }
            };
        }
    };
    let about = if cause.exact { "" } else { "about " };
    let share = about.to_owned() + &about_percent(cause.share, cause.error);
    match &cause.name {
        Some(name) => format!("{words}, {}: {share} of the slot", shortened(name)),
        None => format!("{words}: {share} of the slot"),
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A number, with how far it may be off where it is an estimate.
pub(super) fn about(units: u64, error: Option<u64>, text: fn(u64) -> String) -> String {
    match error {
        Some(error) => format!("~{} ± {}", text(units), text(error)),
        None => text(units),
    }
}

/// A share, with how far it may be off where it is an estimate.
pub(super) fn about_percent(share: f64, error: Option<f64>) -> String {
    match error {
        Some(error) => format!("{} ± {}", percent(share), percent(error)),
        None => percent(share),
    }
}

pub(super) fn shortened(name: &str) -> String {
    let name = key_line(name.as_bytes()).into_owned();
    if name.chars().count() <= NAME_CHARS {
        return format!("`{name}`");
    }
    let start: String = name.chars().take(NAME_CHARS).collect();
    format!("`{start}…`")
}
