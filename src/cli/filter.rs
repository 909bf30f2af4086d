//! Flags that say which keys count.

use crate::slot::{SlotRange, SlotSet};
use crate::source::{Filter, Glob, KeyKind};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Which keys count.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct FilterArgs {
    /// Count only keys that match this glob, as in `SCAN MATCH`; several: any of them.
    #[arg(long = "match", value_name = "GLOB")]
    globs: Vec<OsString>,
    /// Count only keys of these types: string, list, set, zset, hash, stream, module.
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = kind)]
    kinds: Vec<KeyKind>,
    /// Count only keys of these databases.
    #[arg(long = "db", value_name = "N", value_delimiter = ',')]
    databases: Vec<u16>,
    /// Count only keys of at least so many bytes: 4096, 64kb, 10mb, 1gb.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    min_bytes: Option<u64>,
    /// Count only keys of these slots: 0-100,866.
    #[arg(long, value_name = "SLOTS", value_delimiter = ',')]
    slots: Vec<SlotRange>,
}

impl FilterArgs {
    /// What was typed, as sources take it.
    pub(super) fn filter(&self) -> Filter {
        let slots: SlotSet = self.slots.iter().flat_map(|range| range.slots()).collect();
        Filter {
            globs: self
                .globs
                .iter()
                .map(|glob| Glob::new(glob.as_bytes()))
                .collect(),
            kinds: self.kinds.clone(),
            databases: self.databases.clone(),
            min_bytes: self.min_bytes,
            slots: (!self.slots.is_empty()).then_some(slots),
        }
    }
}

fn kind(text: &str) -> Result<KeyKind, String> {
    let known = KeyKind::ALL.into_iter().find(|kind| kind.word() == text);
    known
        .or((text == "sortedset").then_some(KeyKind::Zset))
        .ok_or_else(|| {
            let words: Vec<&str> = KeyKind::ALL.iter().map(|kind| kind.word()).collect();
            format!("expected one of {}", words.join(", "))
        })
}

/// Bytes with the units of redis.conf: `kb` is 1,024, `k` is 1,000.
fn size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let unit_at = lower
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(unit_at);
    let factor = match unit {
        "" | "b" => Some(1),
        "k" => Some(1000),
        "kb" => Some(1 << 10),
        "m" => Some(1_000_000),
        "mb" => Some(1 << 20),
        "g" => Some(1_000_000_000),
        "gb" => Some(1u64 << 30),
        _ => None,
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor));
    bytes.ok_or_else(|| "expected bytes such as 4096, 64kb, 10mb or 1gb".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_units_of_redis_conf() {
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("64kb"), Ok(65_536));
        assert_eq!(size("1K"), Ok(1000));
        for text in ["", "kb", "-1", "1.5mb", "1tb", "99999999999999999gb"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
