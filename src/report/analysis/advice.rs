//! Advice on hot slots that no rebalance helps.

use super::super::key::base64_if_needed;
use super::super::rounding::rounded;
use super::{Scope, cut_mark};
use crate::cluster::ClusterView;
use crate::escape::key_text;
use crate::slot::Slot;
use crate::tally::{Family, Tally, Weight};
use serde::Serialize;

/// How many tags are looked at: more than so many can't each exceed a fair share of any cluster
/// that has trouble with them.
const LOOKED_AT: usize = 10;

/// A hash tag that is larger than a node's fair share: its slot can't be split.
#[derive(Debug, Serialize)]
pub struct Advice {
    /// `hash_tag_above_fair_share`.
    pub kind: &'static str,
    /// The hash tag.
    pub name: String,
    /// Whether only the beginning of the name was kept, or may have been: true or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_cut: Option<bool>,
    /// The tag's bytes, when the text isn't exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_base64: Option<String>,
    /// The slot that all its keys are in.
    pub slot: u16,
    /// What was weighed: `keys` or `bytes`.
    pub weight: &'static str,
    /// The tag's share of all.
    pub share: f64,
    /// What each node would have if all had the same.
    pub fair_share: f64,
    /// The same in words, with what to do.
    pub message: String,
}

/// Why no advice is given, if there is a reason: shares of a part say nothing of the whole that
/// nodes share.
pub(super) fn withheld(scope: &Scope, keys_left_out: u64) -> Option<&'static str> {
    match (keys_left_out, scope.is_whole()) {
        (0, true) => None,
        (0, false) => Some("part"),
        _ => Some("filtered"),
    }
}

/// Names the tags that put more than a node's fair share into one slot, by bytes, then by keys.
pub(super) fn advice(tally: &Tally, view: &ClusterView) -> Vec<Advice> {
    let nodes = view
        .primaries()
        .filter(|node| !node.slots.is_empty())
        .count();
    if nodes < 2 {
        return Vec::new();
    }
    let fair_share = 1.0 / nodes as f64;
    // A share of the bytes that are known is no share of all.
    let knows_all = tally.unsized_keys() == 0;
    [(Weight::Bytes, "bytes"), (Weight::Keys, "keys")]
        .into_iter()
        .filter(|(weight, _)| *weight == Weight::Keys || knows_all)
        .flat_map(|(weight, word)| {
            let tags = tally.heaviest(Family::HashTag, weight, LOOKED_AT);
            // An estimate must be above the fair share at its lower bound too.
            tags.into_iter()
                .filter(move |tag| tag.share.value - tag.share.error > fair_share)
                .map(move |tag| (tag, word))
        })
        .map(|(tag, word)| Advice {
            kind: "hash_tag_above_fair_share",
            name: key_text(&tag.name).into_owned(),
            name_cut: cut_mark(Some(&tag.name)),
            name_base64: base64_if_needed(&tag.name),
            slot: tag.slot.map_or(0, Slot::number),
            weight: word,
            share: rounded(tag.share.value),
            fair_share: rounded(fair_share),
            message: format!(
                "the hash tag `{}` puts {:.1} % of all {word} into one slot, more than a node's fair share of {:.1} %: \
                 no rebalance can spread it, its keys need other tags",
                tag.name.line(),
                tag.share.value * 100.0,
                fair_share * 100.0,
            ),
        })
        .collect()
}
