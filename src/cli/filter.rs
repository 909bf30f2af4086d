//! Flags that say which keys count.

use super::size::size;
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
