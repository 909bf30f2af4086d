//! The report of `analyze`: what a tally says, as figures.
//!
//! The JSON form is one document, `schema` 2, with the names of the structs
//! here; `docs/analyze.schema.json` has every field. Bytes are `null` wherever a key has no known size (of
//! a module, of a list); then `unsized_keys` says how many have none, and `bytes_at_least` what the
//! others take. A `cause` is counted when `exact` is true; otherwise it is estimated from a sample, and
//! `error` is by how much the share may be off, with 95 % confidence. Slots that
//! were looked at twice ([`crate::tally::count_inputs_twice`] with [`slots_for_second_pass`]) have counted ones.

mod advice;
#[cfg(feature = "cli")]
mod charts;
pub mod csv;
mod evenness;
mod expiry;
mod families;
mod files;
#[cfg(feature = "cli")]
pub mod html;
mod nodes;
#[cfg(feature = "cli")]
mod nodes_table;
mod operations;
#[cfg(feature = "cli")]
mod operations_table;
mod rows;
mod scope;
#[cfg(feature = "cli")]
pub mod table;
#[cfg(feature = "cli")]
mod texts;
mod uncertain_slots;

pub use advice::Advice;
pub use evenness::ChiSquare;
pub use expiry::{Expiry, Horizon};
pub use families::{BigKeyRow, Families, FamilyRow};
pub use files::{FileFinding, findings as file_findings};
pub use operations::{CommandRow, HotKeyRow, HotOperationSlot, OperationRows, OperationSlot};
pub use rows::*;
pub use scope::Scope;
pub use uncertain_slots::slots_for_second_pass;

use super::key::base64_if_needed;
use super::rounding::rounded;
use crate::cluster::ClusterView;
use crate::escape::key_text;
use crate::slot::{SLOT_COUNT, Slot};
use crate::source::{Encoding, Timestamp};
use crate::tally::{
    Cause, Class, Family, GroupCount, InputSummary, KeptName, Outcome, Share, SlotCount, Tally,
    Weight,
};
use evenness::{chi_square, gini};
use serde::Serialize;
use uncertain_slots::fullest;

/// The version of the JSON form. In the first, `bytes` were those of the keys with a known size.
const SCHEMA: u32 = 2;

/// A report of a tally, ready to be written.
#[derive(Debug, Serialize)]
pub struct Analysis {
    /// The version of this form.
    pub schema: u32,
    /// What was counted over all slots.
    pub totals: Totals,
    /// How evenly keys and bytes lie over slots.
    pub distribution: Distribution,
    /// The slots with keys, ascending.
    pub slots: Vec<SlotRow>,
    /// The slots with the most keys and with the most bytes.
    pub hot_slots: HotSlots,
    /// What became of the second look at hot slots: `done`, `not_needed` (also where nobody asked for one),
    /// `impossible` or `changed`.
    pub second_pass: &'static str,
    /// The biggest keys of all slots, the biggest first.
    pub big_keys: Vec<BigKeyRow>,
    /// The heaviest hash tags.
    pub hash_tags: Families,
    /// The heaviest prefixes: what stands before a delimiter, and the delimiter.
    pub prefixes: Families,
    /// What a prefix is.
    pub prefix_rule: PrefixRule,
    /// The types with keys.
    pub types: Types,
    /// The encodings with keys.
    pub encodings: Vec<EncodingRow>,
    /// The lengths of keys in bytes, by powers of two: the classes with keys, ascending.
    pub key_lengths: Vec<ClassRow>,
    /// The sizes of keys in bytes where they are known, the same way.
    pub sizes: Vec<ClassRow>,
    /// How soon keys expire; nothing when no time is known.
    pub expiry: Option<Expiry>,
    /// The databases with keys, ascending.
    pub databases: Vec<DatabaseRow>,
    /// What logs of MONITOR had, when there were any.
    pub operations: Option<OperationRows>,
    /// The primaries, by id, when a slot map is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<NodeRow>>,
    /// What lies in slots that no node owns, when a slot map is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unassigned: Option<Unassigned>,
    /// What no rebalance can fix, when a slot map is known; nothing where keys were left out, or
    /// are those of a part of the slots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Vec<Advice>>,
    /// Why there is no advice, where it was withheld: `filtered` or `part`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice_withheld: Option<&'static str>,
    /// What is wrong with RDB files together, or with one and the slot map.
    pub findings: Vec<FileFinding>,
    /// The inputs, in the order given.
    pub inputs: Vec<InputRow>,
}

impl Analysis {
    /// Works a report out; `top` is the length of its lists, `as_of` the time from which is told how
    /// soon keys expire.
    pub fn new(
        outcome: &Outcome,
        view: Option<&ClusterView>,
        top: usize,
        as_of: Timestamp,
    ) -> Analysis {
        let tally = &outcome.tally;
        let known = Known::of(tally);
        let slots: Vec<SlotRow> = Slot::all()
            .map(|slot| slot_row(slot, tally.slot(slot), known))
            .filter(|row| row.keys > 0)
            .collect();
        let scope = Scope::new(tally.coverage(), &tally.used_slots());
        let withheld = advice::withheld(&scope, left_out(outcome));
        let hot = |weight| hot_slots(tally, weight, known, &scope, top);
        let heaviest = |family| families::families(tally, family, top);
        // These go through the samples, each for itself.
        let ((by_keys, by_bytes), (hash_tags, prefixes)) = rayon::join(
            || {
                rayon::join(
                    || hot(Weight::Keys),
                    || {
                        if known.0 {
                            hot(Weight::Bytes)
                        } else {
                            Vec::new()
                        }
                    },
                )
            },
            || rayon::join(|| heaviest(Family::HashTag), || heaviest(Family::Prefix)),
        );
        Analysis {
            schema: SCHEMA,
            totals: totals(tally, known, slots.len()),
            distribution: distribution(tally, known, scope),
            slots,
            hot_slots: HotSlots { by_keys, by_bytes },
            second_pass: outcome.second_pass.word(),
            big_keys: families::big_keys(tally, top),
            hash_tags,
            prefixes,
            types: Types(
                tally
                    .kinds()
                    .map(|(kind, count)| (kind.word(), group(count, known)))
                    .collect(),
            ),
            prefix_rule: PrefixRule {
                delimiter: key_text(tally.prefixes().delimiter()).into_owned(),
                depth: tally.prefixes().depth(),
            },
            encodings: encodings(tally, known),
            key_lengths: tally.key_lengths().map(class_row).collect(),
            sizes: tally.sizes().map(class_row).collect(),
            expiry: expiry::expiry(tally, known, as_of),
            databases: tally
                .databases()
                .map(|(db, count)| DatabaseRow {
                    db,
                    keys: count.keys,
                    size: known.of_group(count),
                })
                .collect(),
            operations: operations::operations(tally, top),
            nodes: view.map(|view| nodes::rows(tally, view, known)),
            unassigned: view.map(|view| nodes::unassigned(tally, view, known)),
            advice: view.map(|view| match withheld {
                None => advice::advice(tally, view),
                Some(_) => Vec::new(),
            }),
            advice_withheld: withheld.filter(|_| view.is_some()),
            findings: files::findings(&outcome.inputs, view),
            inputs: outcome
                .inputs
                .iter()
                .map(|input| input_row(input, view))
                .collect(),
        }
    }
}

/// How many keys filters left out.
fn left_out(outcome: &Outcome) -> u64 {
    let inputs = outcome.inputs.iter();
    let filtered = inputs.map(|input| input.findings.filtered_keys);
    filtered.fold(0, u64::saturating_add)
}

/// Whether bytes are known.
#[derive(Clone, Copy)]
struct Known(bool);

impl Known {
    /// A log of MONITOR alone tells of no keys, not that there are none.
    fn of(tally: &Tally) -> Known {
        let has_keys = tally.total().keys > 0 || tally.operations().is_none();
        Known(has_keys && tally.knows_bytes())
    }

    /// The bytes of so many keys.
    fn size(self, keys: u64, bytes: u64, unsized_keys: u64) -> Bytes {
        Bytes {
            bytes: (self.0 && unsized_keys == 0).then_some(bytes),
            bytes_at_least: (self.0 && unsized_keys > 0 && unsized_keys < keys).then_some(bytes),
            unsized_keys,
        }
    }

    fn of_slots(self, count: SlotCount) -> Bytes {
        self.size(count.keys, count.bytes, count.unsized_keys)
    }

    fn of_group(self, count: GroupCount) -> Bytes {
        self.size(count.keys, count.bytes, count.unsized_keys)
    }
}

fn totals(tally: &Tally, known: Known, slots_used: usize) -> Totals {
    let total = tally.total();
    let size = known.of_slots(total);
    Totals {
        keys: total.keys,
        bytes: size.bytes,
        bytes_at_least: size.bytes_at_least,
        expiring: total.expiring,
        slots_used,
        unsized_keys: tally.unsized_keys(),
    }
}

fn slot_row(slot: Slot, count: SlotCount, known: Known) -> SlotRow {
    SlotRow {
        slot: slot.number(),
        keys: count.keys,
        size: known.of_slots(count),
        expiring: count.expiring,
    }
}

fn group(count: GroupCount, known: Known) -> Group {
    Group {
        keys: count.keys,
        size: known.of_group(count),
    }
}

/// The encodings that inputs told.
fn encodings(tally: &Tally, known: Known) -> Vec<EncodingRow> {
    let told = tally
        .encodings()
        .filter(|(encoding, _)| *encoding != Encoding::Unknown);
    told.map(|(encoding, count)| EncodingRow {
        encoding: encoding.word(),
        keys: count.keys,
        size: known.of_group(count),
    })
    .collect()
}

fn class_row(class: Class) -> ClassRow {
    ClassRow {
        from: class.from,
        to: class.to,
        keys: class.keys,
        sum: class.sum,
    }
}

fn units(tally: &Tally, slot: Slot, weight: Weight) -> u64 {
    match weight {
        Weight::Keys => tally.slot(slot).keys,
        Weight::Bytes => tally.slot(slot).bytes,
    }
}

fn distribution(tally: &Tally, known: Known, scope: Scope) -> Distribution {
    let of_each = |weight| -> Vec<u64> {
        let slots = scope.slots();
        slots.map(|slot| units(tally, slot, weight)).collect()
    };
    let keys = of_each(Weight::Keys);
    let are_all_known = tally.unsized_keys() == 0;
    Distribution {
        empty_slots: SLOT_COUNT - tally.used_slots().len(),
        // A guess that follows the keys is no ground to judge how they lie, nor are parts of slots.
        chi_square: if scope.is_vague() {
            None
        } else {
            chi_square(&keys, tally.pairs_of_tags())
        },
        keys: spread(keys),
        bytes: (known.0 && are_all_known).then(|| spread(of_each(Weight::Bytes))),
        bytes_at_least: (known.0 && !are_all_known).then(|| spread(of_each(Weight::Bytes))),
        scope,
    }
}

fn spread(mut units: Vec<u64>) -> Spread {
    units.sort_unstable();
    // Nearest rank: the smallest value that at least this part of the slots doesn't exceed.
    let rank = |percent: usize| units[(units.len() * percent).div_ceil(100) - 1];
    let total: u64 = units
        .iter()
        .fold(0, |total, next| total.saturating_add(*next));
    let mean = total as f64 / units.len() as f64;
    let max = rank(100);
    Spread {
        min: units[0],
        mean: rounded(mean),
        p50: rank(50),
        p99: rank(99),
        max,
        gini: gini(&units),
        skew: if total == 0 {
            0.0
        } else {
            rounded(max as f64 / mean)
        },
    }
}

fn hot_slots(
    tally: &Tally,
    weight: Weight,
    known: Known,
    scope: &Scope,
    top: usize,
) -> Vec<HotSlot> {
    let slots = fullest(top, |slot| units(tally, slot, weight));
    let total = tally.total();
    let total = match weight {
        Weight::Keys => total.keys,
        Weight::Bytes => total.bytes,
    };
    let causes = tally.causes(&slots, weight);
    slots
        .iter()
        .zip(causes)
        .map(|(slot, cause)| {
            let share = units(tally, *slot, weight) as f64 / total as f64;
            let count = tally.slot(*slot);
            HotSlot {
                slot: slot.number(),
                keys: count.keys,
                size: known.of_slots(count),
                share: rounded(share),
                times_mean: rounded(scope.times_mean(share)),
                cause: cause_row(cause, weight == Weight::Bytes && count.unsized_keys > 0),
            }
        })
        .collect()
}

/// A cause; of bytes that aren't all known nothing is exact.
fn cause_row(cause: Cause, lacks_bytes: bool) -> CauseRow {
    let sampled = match cause {
        Cause::ManyKeys { sampled } => sampled,
        _ => None,
    };
    let (kind, name, share) = match cause {
        Cause::Key { name, share } => ("key", name, share),
        Cause::HashTag { name, share } => ("hash_tag", Some(name), share),
        Cause::Prefix { name, share } => ("prefix", Some(name), share),
        Cause::ManyKeys { .. } => (
            "many_keys",
            None,
            Share {
                value: 1.0,
                error: 0.0,
            },
        ),
    };
    CauseRow {
        kind,
        name: name.as_deref().map(|name| key_text(name).into_owned()),
        name_cut: cut_mark(name.as_ref()),
        name_bytes: name.as_ref().and_then(whole_length),
        name_base64: name.as_deref().and_then(base64_if_needed),
        share: rounded(share.value),
        exact: share.error == 0.0 && sampled.is_none() && !lacks_bytes,
        error: (share.error > 0.0).then(|| rounded(share.error)),
        sampled,
    }
}

/// Whether a name is only the beginning of one, or may be; nothing when it is whole.
fn cut_mark(name: Option<&KeptName>) -> Option<bool> {
    name.map(KeptName::is_cut).filter(|is_cut| *is_cut)
}

/// How long a name is of which only the beginning was kept, where that is known.
fn whole_length(name: &KeptName) -> Option<u64> {
    name.length.filter(|_| name.is_cut())
}

fn input_row(input: &InputSummary, view: Option<&ClusterView>) -> InputRow {
    let of_node = input.slots.as_ref().zip(view);
    InputRow {
        path: input.path.display().to_string(),
        format: input.format.name(),
        keys: input.keys,
        operations: input.operations,
        skipped: input.findings.row_errors.count(),
        filtered: input.findings.filtered_keys,
        node: of_node
            .and_then(|(slots, view)| files::node_of(slots, view))
            .map(|node| node.id.to_string()),
    }
}
