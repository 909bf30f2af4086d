//! The parts of an analysis; their names are those of the JSON form.

use super::{ChiSquare, Scope};
use serde::Serialize;
use serde::ser::SerializeMap;

/// The bytes of some keys, as far as they are known.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Bytes {
    /// How many bytes; unknown where one of the keys has no known size.
    pub bytes: Option<u64>,
    /// How many bytes the others take, where some of the keys have no known size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_at_least: Option<u64>,
    /// How many of the keys have no known size.
    #[serde(skip_serializing_if = "is_none")]
    pub unsized_keys: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Bytes {
    /// What is known of them.
    pub fn known(&self) -> Option<u64> {
        self.bytes.or(self.bytes_at_least)
    }
}

/// Everything together.
#[derive(Debug, Serialize)]
pub struct Totals {
    /// How many keys there are.
    pub keys: u64,
    /// How many bytes; unknown when a key has no known size.
    pub bytes: Option<u64>,
    /// How many bytes the others take, where some keys have no known size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_at_least: Option<u64>,
    /// How many of the keys expire.
    pub expiring: u64,
    /// How many slots have keys.
    pub slots_used: usize,
    /// How many keys have no known size.
    pub unsized_keys: u64,
}

/// How evenly keys and bytes lie over the slots.
#[derive(Debug, Serialize)]
pub struct Distribution {
    /// Over which slots the figures are.
    pub scope: Scope,
    /// How many of the 16,384 slots have no key.
    pub empty_slots: usize,
    /// How keys are spread over slots.
    pub keys: Spread,
    /// Bytes a slot; unknown when a key has no known size.
    pub bytes: Option<Spread>,
    /// Bytes a slot of the keys that have a known size, where others have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_at_least: Option<Spread>,
    /// Whether the keys lie as a uniform hash would put them; unknown with too few keys, and where
    /// the slots were guessed.
    pub chi_square: Option<ChiSquare>,
}

/// Figures over the slots of [`Distribution::scope`], empty ones too.
#[derive(Debug, Serialize)]
pub struct Spread {
    /// The least of a slot.
    pub min: u64,
    /// The mean of all slots.
    pub mean: f64,
    /// The median (nearest rank).
    pub p50: u64,
    /// The 99th percentile (nearest rank).
    pub p99: u64,
    /// The most of a slot.
    pub max: u64,
    /// How many times the mean the most is; 0 when there is nothing.
    pub skew: f64,
    /// The Gini coefficient: 0 when all slots are equal, near 1 when one has everything.
    pub gini: f64,
}

/// A slot with keys.
#[derive(Debug, Serialize)]
pub struct SlotRow {
    /// The slot, 0 to 16383.
    pub slot: u16,
    /// How many keys there are.
    pub keys: u64,
    /// How many bytes.
    #[serde(flatten)]
    pub size: Bytes,
    /// How many of the keys expire.
    pub expiring: u64,
}

/// The hottest slots, hottest first; of equals the lower one.
#[derive(Debug, Serialize)]
pub struct HotSlots {
    /// The slots with the most keys.
    pub by_keys: Vec<HotSlot>,
    /// By bytes, as far as they are known; empty when no key has a known size.
    pub by_bytes: Vec<HotSlot>,
}

/// A hot slot and why it is hot.
#[derive(Debug, Serialize)]
pub struct HotSlot {
    /// The slot, 0 to 16383.
    pub slot: u16,
    /// How many keys there are.
    pub keys: u64,
    /// How many bytes.
    #[serde(flatten)]
    pub size: Bytes,
    /// Its share of all keys, or of all bytes that are known.
    pub share: f64,
    /// How many times the mean slot it is.
    pub times_mean: f64,
    /// Why it is hot.
    pub cause: CauseRow,
}

/// Why a slot is hot.
#[derive(Debug, Serialize)]
pub struct CauseRow {
    /// `key`, `hash_tag`, `prefix` or `many_keys`.
    pub kind: &'static str,
    /// The key, tag or prefix; none for many keys, and for a key whose name wasn't kept.
    pub name: Option<String>,
    /// Whether only the beginning of the name was kept, or may have been: true or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_cut: Option<bool>,
    /// The length of the whole name in bytes, when it was cut and that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_bytes: Option<u64>,
    /// The name's bytes, when the text isn't exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_base64: Option<String>,
    /// Its share of the slot; 1 for many keys.
    pub share: f64,
    /// Whether it was counted: the share isn't estimated, no key of the slot is without a known size
    /// where bytes are weighed, and that keys have nothing in common was seen of all of them.
    pub exact: bool,
    /// By how much an estimated share may be off, with 95 % confidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// Of many keys: how many of the slot were looked at, where not all were. What they have in common
    /// may not have been seen in so few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<u64>,
}

/// Types by name.
#[derive(Debug)]
pub struct Types(pub Vec<(&'static str, Group)>);

impl Serialize for Types {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, group) in &self.0 {
            map.serialize_entry(name, group)?;
        }
        map.end()
    }
}

/// Keys of a type.
#[derive(Debug, Serialize)]
pub struct Group {
    /// How many keys there are.
    pub keys: u64,
    /// How many bytes.
    #[serde(flatten)]
    pub size: Bytes,
}

/// Keys of an encoding.
#[derive(Debug, Serialize)]
pub struct EncodingRow {
    /// The encoding, as `OBJECT ENCODING` names it.
    pub encoding: &'static str,
    /// How many keys there are.
    pub keys: u64,
    /// How many bytes.
    #[serde(flatten)]
    pub size: Bytes,
}

/// A class of a histogram.
#[derive(Debug, Serialize)]
pub struct ClassRow {
    /// The smallest number of the class.
    pub from: u64,
    /// The largest number of the class.
    pub to: u64,
    /// How many keys there are.
    pub keys: u64,
    /// The sum of their lengths or sizes.
    pub sum: u64,
}

/// How keys are told apart to name families of them.
#[derive(Debug, Serialize)]
pub struct PrefixRule {
    /// What ends a part of a key.
    pub delimiter: String,
    /// How many parts a prefix has at most.
    pub depth: u8,
}

/// Keys of a database.
#[derive(Debug, Serialize)]
pub struct DatabaseRow {
    /// The number of the database.
    pub db: u16,
    /// How many keys there are.
    pub keys: u64,
    /// How many bytes.
    #[serde(flatten)]
    pub size: Bytes,
}

/// What lies on a primary.
#[derive(Debug, Serialize)]
pub struct NodeRow {
    /// The id of the node.
    pub id: String,
    /// Its address, when it is known.
    pub addr: Option<String>,
    /// How many slots it owns.
    pub slots: usize,
    /// How many keys lie in them.
    pub keys: u64,
    /// How many bytes.
    #[serde(flatten)]
    pub size: Bytes,
    /// How many of the keys expire.
    pub expiring: u64,
    /// How many operations on keys in its slots, when there were logs of MONITOR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<u64>,
    /// Whether the map says that it has failed.
    pub failed: bool,
}

/// What lies in slots without an owner.
#[derive(Debug, Serialize)]
pub struct Unassigned {
    /// How many slots have no owner.
    pub slots: usize,
    /// How many keys lie in them.
    pub keys: u64,
    /// How many bytes.
    #[serde(flatten)]
    pub size: Bytes,
    /// How many operations on keys in them, when there were logs of MONITOR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<u64>,
}

/// An input and what it was.
#[derive(Debug, Serialize)]
pub struct InputRow {
    /// Its path, or `<stdin>`.
    pub path: String,
    /// What it was taken for.
    pub format: &'static str,
    /// How many keys were read.
    pub keys: u64,
    /// How many operations on keys were read from a log of MONITOR.
    pub operations: u64,
    /// How many rows couldn't be read.
    pub skipped: u64,
    /// How many keys the filters left out.
    pub filtered: u64,
    /// The id of the primary whose slots an RDB file has, when a slot map is known and it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}
