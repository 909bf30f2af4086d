//! The flags that filter keys.

use super::size::size;
use crate::cluster::ClusterView;
use crate::error::{Error, ErrorKind, Result};
use crate::slot::{SlotRange, SlotSet};
use crate::source::{Filter, Glob, KeyKind, Timestamp};
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
    #[arg(long = "db", value_name = "N", value_delimiter = ',', value_parser = database)]
    databases: Vec<u16>,
    /// Count only keys of at least so many bytes: 4096, 64kb, 10mb, 1gb.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    min_bytes: Option<u64>,
    /// Whether keys count that have expired at the time of --as-of: servers keep them until they
    /// are asked for or come across them. Keys whose time the input doesn't tell always count.
    #[arg(long, value_enum, value_name = "WHERE", default_value = "in")]
    expired: Expired,
    /// Count only keys of these slots: 0-100,866.
    #[arg(long, value_name = "SLOTS", value_delimiter = ',')]
    slots: Vec<SlotRange>,
    /// Count only keys in the slots of these nodes: the start of an id, an address or a host name
    /// of the slot map (--nodes, -h or -u).
    #[arg(long = "node", value_name = "NAME", value_delimiter = ',')]
    node_names: Vec<String>,
}

/// Whether expired keys count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Expired {
    /// They count.
    In,
    /// They don't.
    Out,
}

impl FilterArgs {
    /// What was typed, as sources take it; keys are taken as expired, or not, at `as_of`.
    ///
    /// # Errors
    /// When a node is named without a slot map, isn't in it, or owns no slot.
    pub(super) fn filter(&self, view: Option<&ClusterView>, as_of: Timestamp) -> Result<Filter> {
        Ok(Filter {
            globs: self
                .globs
                .iter()
                .map(|glob| Glob::new(glob.as_bytes()))
                .collect(),
            kinds: self.kinds.clone(),
            databases: self.databases.clone(),
            min_bytes: self.min_bytes,
            alive_at: (self.expired == Expired::Out).then_some(as_of),
            slots: self.wanted_slots(view)?,
        })
    }

    /// The slots that were named and that a named node owns; nothing when neither was named.
    fn wanted_slots(&self, view: Option<&ClusterView>) -> Result<Option<SlotSet>> {
        let named = (!self.slots.is_empty())
            .then(|| self.slots.iter().flat_map(|range| range.slots()).collect());
        if self.node_names.is_empty() {
            return Ok(named);
        }
        let Some(view) = view else {
            let message = "--node needs a slot map";
            return Err(Error::new(ErrorKind::Usage, message)
                .fix("pass --nodes FILE with a saved CLUSTER NODES, or -h HOST"));
        };
        let mut owned = SlotSet::new();
        for name in &self.node_names {
            owned.extend(slots_of_node(view, name)?.iter());
        }
        Ok(Some(match named {
            Some(named) => owned
                .iter()
                .filter(|slot| SlotSet::contains(&named, *slot))
                .collect(),
            None => owned,
        }))
    }
}

fn slots_of_node<'view>(view: &'view ClusterView, name: &str) -> Result<&'view SlotSet> {
    let node = view
        .resolve(name)
        .map_err(|error| error.context("--node"))?;
    if node.slots.is_empty() {
        let message = format!(
            "--node: the node `{}` owns no slot",
            crate::escape::quoted(name)
        );
        return Err(Error::new(ErrorKind::Usage, message).fix("name the primary of its shard"));
    }
    Ok(&node.slots)
}

fn database(text: &str) -> std::result::Result<u16, String> {
    let number = text.parse();
    number.map_err(|_| "expected the number of a database, 0 to 65535".to_owned())
}

fn kind(text: &str) -> std::result::Result<KeyKind, String> {
    let known = KeyKind::ALL.into_iter().find(|kind| kind.word() == text);
    known
        .or((text == "sortedset").then_some(KeyKind::Zset))
        .ok_or_else(|| {
            let words: Vec<&str> = KeyKind::ALL.iter().map(|kind| kind.word()).collect();
            format!("expected one of {}", words.join(", "))
        })
}
