//! The causes that make a slot hot, and how certain one is.

use super::hot_slot_names::DominantName;
use super::{KeptName, Share};
use crate::slot::Slot;

/// From which share of a slot on a key is nearly all of it: its cause though other keys share its
/// hash tag.
const NEARLY_ALL: f64 = 0.9;

/// How much larger a prefix's share of a slot must be than its share of all:
/// a prefix that is as frequent everywhere explains nothing.
const PREFIX_LIFT: f64 = 2.0;

/// What makes a slot hot.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// One key.
    Key {
        /// The key, where its name was kept: of a key without a size it isn't.
        name: Option<KeptName>,
        /// Its share of the slot.
        share: Share,
    },
    /// The keys of one hash tag: they can't be spread without another tag.
    HashTag {
        /// The tag.
        name: KeptName,
        /// Its share of the slot.
        share: Share,
    },
    /// Keys with one prefix, which is much rarer in other slots.
    Prefix {
        /// The key's part up to the first delimiter.
        name: KeptName,
        /// Its share of the slot.
        share: Share,
    },
    /// Many keys that have nothing in common.
    ManyKeys {
        /// How many keys of the slot were looked at when not all were: what they have in common may not
        /// have been seen in so few. None when all were counted.
        sampled: Option<u64>,
    },
}

/// Which of two is the cause: a key that is nearly all; a hash tag of several keys that is more; else
/// the key.
fn key_or_tag(
    key: Option<(Option<KeptName>, Share)>,
    tag: Option<(KeptName, Share)>,
) -> Option<Cause> {
    let share_of_key = key.as_ref().map_or(0.0, |(_, share)| share.value);
    match (key, tag) {
        (_, Some((name, share))) if share_of_key < NEARLY_ALL.min(share.value) => {
            Some(Cause::HashTag { name, share })
        }
        (key, _) => key.map(|(name, share)| Cause::Key { name, share }),
    }
}

/// A cause, and whether it is certain that there is no other.
pub(super) struct Judged {
    pub(super) cause: Cause,
    is_sure: bool,
}

impl Judged {
    /// Judges what was found in a slot, of which so many keys were looked at where not all were.
    pub(super) fn new(
        key: Option<(Option<KeptName>, Share)>,
        tag: DominantName,
        prefix: DominantName,
        looked_at: u64,
    ) -> Judged {
        let of_key = key
            .as_ref()
            .map_or(0.0, |(_, share)| share.value - share.error);
        if let Some(cause) = key_or_tag(key, tag.found) {
            let is_sure = tag.is_sure || of_key >= NEARLY_ALL;
            let is_sure = is_sure && is_counted(&cause);
            return Judged { cause, is_sure };
        }
        let is_sure = tag.is_sure && prefix.is_sure;
        let sampled = (!is_sure).then_some(looked_at);
        let cause = match prefix.found {
            Some((name, share)) => Cause::Prefix { name, share },
            None => Cause::ManyKeys { sampled },
        };
        Judged { cause, is_sure }
    }
}

fn is_counted(cause: &Cause) -> bool {
    match cause {
        Cause::Key { share, .. } | Cause::HashTag { share, .. } | Cause::Prefix { share, .. } => {
            share.error == 0.0
        }
        Cause::ManyKeys { sampled } => sampled.is_none(),
    }
}

/// Those of some slots that aren't certain.
pub(super) fn doubtful(slots: &[Slot], judged: &[Judged]) -> Vec<Slot> {
    let each = slots.iter().zip(judged);
    each.filter(|(_, judged)| !judged.is_sure)
        .map(|(slot, _)| *slot)
        .collect()
}

/// Judges a prefix by its share of the slot and of all.
pub(super) fn judge_lift(share: Share, overall: Share, prefix: DominantName) -> DominantName {
    let is_special = share.value >= PREFIX_LIFT * overall.value;
    let is_margin = (share.value - PREFIX_LIFT * overall.value).abs() < PREFIX_LIFT * overall.error;
    DominantName {
        found: prefix.found.filter(|_| is_special),
        is_sure: prefix.is_sure && !is_margin,
    }
}
