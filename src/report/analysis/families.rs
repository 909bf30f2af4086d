//! The biggest keys, and the heaviest hash tags and prefixes, as rows of a report.

use super::super::key::base64_if_needed;
use super::super::rounding::{rounded, rounded_up};
use super::{cut_mark, whole_length};
use crate::escape::key_text;
use crate::slot::Slot;
use crate::tally::{Family, KeptName, Named, Tally, Weight};
use serde::Serialize;

/// One of the biggest keys.
#[derive(Debug, Serialize)]
pub struct BigKeyRow {
    /// The key as text, cut where it is long.
    pub key: String,
    /// The key's bytes, when the text isn't exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_base64: Option<String>,
    /// Its length in bytes, where only the beginning of it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_bytes: Option<u64>,
    /// The slot of the key, 0 to 16383.
    pub slot: u16,
    /// How many bytes it takes.
    pub bytes: u64,
}

/// The heaviest families of keys.
#[derive(Debug, Serialize)]
pub struct Families {
    /// By keys, heaviest first.
    pub by_keys: Vec<FamilyRow>,
    /// By bytes, heaviest first; empty when no key has a known size.
    pub by_bytes: Vec<FamilyRow>,
}

/// Keys with one hash tag or prefix.
#[derive(Debug, Serialize)]
pub struct FamilyRow {
    /// The tag or prefix.
    pub name: String,
    /// Whether only the beginning of the name was kept, or may have been: true or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_cut: Option<bool>,
    /// The name's bytes, when the text isn't exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_base64: Option<String>,
    /// The slot of a hash tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u16>,
    /// How many keys, in the list by keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<u64>,
    /// How many bytes, in the list by bytes, where every key has a known size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How many bytes those keys take that have a known size, where others have none or may have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_at_least: Option<u64>,
    /// How many of the keys have no known size, where there are such keys; unknown where a sample
    /// doesn't tell.
    #[serde(skip_serializing_if = "is_zero")]
    pub unsized_keys: Option<u64>,
    /// Their share of all keys, or of all bytes that are known.
    pub share: f64,
    /// Whether they were counted, not estimated.
    pub exact: bool,
    /// By how much an estimated share may be off, with 95 % confidence for all of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// The same in keys, in the list by keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_keys: Option<u64>,
    /// The same in bytes, in the list by bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_bytes: Option<u64>,
}

/// The biggest keys, biggest first.
pub(super) fn big_keys(tally: &Tally, top: usize) -> Vec<BigKeyRow> {
    let keys = tally.big_keys().into_iter().take(top);
    keys.map(|big| {
        let name = KeptName::from(&big);
        BigKeyRow {
            key: key_text(&name).into_owned(),
            key_base64: base64_if_needed(&name),
            key_bytes: whole_length(&name),
            slot: big.slot.number(),
            bytes: big.size_bytes,
        }
    })
    .collect()
}

/// The heaviest tags or prefixes.
pub(super) fn families(tally: &Tally, family: Family, top: usize) -> Families {
    let rows = |weight| {
        let named = tally.heaviest(family, weight, top);
        named.into_iter().map(|named| row(named, weight)).collect()
    };
    let (by_keys, by_bytes) = rayon::join(|| rows(Weight::Keys), || rows(Weight::Bytes));
    Families { by_keys, by_bytes }
}

fn is_zero(count: &Option<u64>) -> bool {
    *count == Some(0)
}

fn row(named: Named, weight: Weight) -> FamilyRow {
    let is_exact = named.share.error == 0.0;
    let are_all_known = named.unsized_keys == Some(0);
    let error_of = |wanted| (!is_exact && weight == wanted).then_some(named.error_units);
    FamilyRow {
        name: key_text(&named.name).into_owned(),
        name_cut: cut_mark(Some(&named.name)),
        name_base64: base64_if_needed(&named.name),
        slot: named.slot.map(Slot::number),
        keys: (weight == Weight::Keys).then_some(named.units),
        bytes: (weight == Weight::Bytes && are_all_known).then_some(named.units),
        bytes_at_least: (weight == Weight::Bytes && !are_all_known).then_some(named.units),
        unsized_keys: named.unsized_keys,
        share: rounded(named.share.value),
        exact: is_exact,
        error: (!is_exact).then(|| rounded_up(named.share.error)),
        error_keys: error_of(Weight::Keys),
        error_bytes: error_of(Weight::Bytes),
    }
}
