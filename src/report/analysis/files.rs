//! Findings on files: damage, and RDB files that can't be the snapshots of different nodes.
//!
//! Of the primaries of a cluster no slot is in two files, and none is in a file of a node that
//! doesn't own it. No file says which node wrote it: it is taken for the file of the primary (or of
//! a replica of it) that owns most of its slots, if that is more than half of them.

use crate::cluster::{ClusterView, Node, OpenSlot};
use crate::error::fix_by_both_names;
use crate::numbers::count_text;
use crate::slot::{Slot, SlotSet};
use crate::tally::InputSummary;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How many runs of slots a message names; the JSON has them all.
const NAMED_RUNS: usize = 8;

/// Something about the files that makes their sums, or the keys in them, doubtful.
#[derive(Debug, Serialize)]
pub struct FileFinding {
    /// `damaged`: a file that ends at damage; `same_slots`: files with the same slots; `shared_slots`:
    /// slots in several files; `outside_node`: slots in a file whose node doesn't own them.
    pub kind: &'static str,
    /// The same in words.
    pub message: String,
    /// What to do about it.
    #[serde(flatten, serialize_with = "fix_by_both_names")]
    pub fix: String,
    /// The files, in the order given.
    pub files: Vec<String>,
    /// Of `outside_node` the id of the node whose file it is.
    pub node: Option<String>,
    /// Of `outside_node` the id of the node that owns the slots; nothing when nobody does.
    pub owner: Option<String>,
    /// How many slots it is about.
    pub slots: usize,
    /// The slots as runs, ascending: `7`, `0-5460`.
    pub runs: Vec<String>,
}

/// A file with keys, and the slots that they are in.
struct NodeFile<'run> {
    path: String,
    slots: &'run SlotSet,
}

/// What is wrong with each file, with the files together, and with each where a slot map is known.
pub fn findings(inputs: &[InputSummary], view: Option<&ClusterView>) -> Vec<FileFinding> {
    let files: Vec<NodeFile<'_>> = inputs
        .iter()
        .filter_map(|input| {
            let slots = input.slots.as_ref().filter(|slots| !slots.is_empty())?;
            let path = input.path.display().to_string();
            Some(NodeFile { path, slots })
        })
        .collect();
    let groups = copies(&files);
    let mut findings: Vec<FileFinding> = inputs.iter().filter_map(damaged).collect();
    let copies = groups.iter().filter(|group| group.len() > 1);
    findings.extend(copies.map(|group| same_slots(&files, group)));
    let firsts: Vec<usize> = groups.iter().map(|group| group[0]).collect();
    findings.extend(shared(&files, &firsts));
    if let Some(view) = view {
        let moving = moving(view);
        findings.extend(
            files
                .iter()
                .flat_map(|file| outside(file, view, &moving))
                .collect::<Vec<_>>(),
        );
    }
    findings
}

/// The primary whose file this is: it owns more than half of its slots.
pub(super) fn node_of<'view>(slots: &SlotSet, view: &'view ClusterView) -> Option<&'view Node> {
    let total = slots.len();
    view.primaries()
        .find(|node| 2 * common(slots, &node.slots) > total)
}

fn common(one: &SlotSet, other: &SlotSet) -> usize {
    one.iter().filter(|slot| other.contains(*slot)).count()
}

/// Files with nearly the same slots, in groups: a replica's file, or an older one, may differ a little.
fn copies(files: &[NodeFile<'_>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let is_copy = |group: &&mut Vec<usize>| {
            let first = files[group[0]].slots;
            let most = first.len().max(file.slots.len());
            common(first, file.slots) * 10 >= most * 9
        };
        match groups.iter_mut().find(is_copy) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

/// Nobody knows what follows the damage, and a decoder sees it late.
fn damaged(input: &InputSummary) -> Option<FileFinding> {
    let damage = input.findings.row_errors.damage()?;
    let message = damage.to_error(&input.path).one_line();
    let fix = "copy the file again, or write it anew; what stands shortly before the damage may be wrong too";
    let files = vec![input.path.display().to_string()];
    Some(finding("damaged", message, fix, files, &SlotSet::new()))
}

fn same_slots(files: &[NodeFile<'_>], group: &[usize]) -> FileFinding {
    let slots = files[group[0]].slots;
    let names = names(files, group);
    let message = format!(
        "{} hold the same slots ({}): their keys are counted {} times",
        list(&names),
        count_text(slots.len() as u64),
        group.len()
    );
    let fix = "of a primary and its replicas, and of files of different times, analyze one; servers \
                that are no cluster share slots by nature";
    finding("same_slots", message, fix, names, slots)
}

/// How many combinations of files are told one by one.
const MOST_COMBINATIONS: usize = 16;

/// Slots that several files have: a finding for each combination of files, or one for all where there are
/// very many, as of servers that are no cluster.
fn shared(files: &[NodeFile<'_>], chosen: &[usize]) -> Vec<FileFinding> {
    let mut shared: BTreeMap<Vec<usize>, SlotSet> = BTreeMap::new();
    for slot in Slot::all() {
        let holders: Vec<usize> = chosen
            .iter()
            .copied()
            .filter(|file| files[*file].slots.contains(slot))
            .collect();
        if holders.len() > 1 {
            shared.entry(holders).or_default().insert(slot);
        }
    }
    if shared.len() > MOST_COMBINATIONS {
        return vec![shared_by_many(files, &shared)];
    }
    shared
        .into_iter()
        .map(|(holders, slots)| {
            let names = names(files, &holders);
            let message = format!("{} in {}", slots_text(&slots), list(&names));
            let fix = "one node serves a slot: the files are of different moments of a move, or \
                        keys were left behind (`slotkit check` on the live cluster tells)";
            finding("shared_slots", message, fix, names, &slots)
        })
        .collect()
}

fn shared_by_many(files: &[NodeFile<'_>], shared: &BTreeMap<Vec<usize>, SlotSet>) -> FileFinding {
    let holders: BTreeSet<usize> = shared.keys().flatten().copied().collect();
    let names = names(files, &holders.into_iter().collect::<Vec<_>>());
    let mut slots = SlotSet::new();
    for some in shared.values() {
        slots.extend(some.iter());
    }
    let message = format!(
        "{} in several of {} files, in {} combinations",
        slots_text(&slots),
        names.len(),
        count_text(shared.len() as u64)
    );
    let fix = "servers that are no cluster share slots by nature; of a cluster, analyze one file of each \
                primary, all of one moment";
    finding("shared_slots", message, fix, names, &slots)
}

/// Slots of a file that its node doesn't own, by their owner; those that are just being moved too,
/// and it is said.
fn outside(file: &NodeFile<'_>, view: &ClusterView, moving: &SlotSet) -> Vec<FileFinding> {
    let Some(node) = node_of(file.slots, view) else {
        return Vec::new();
    };
    let mut by_owner: BTreeMap<_, SlotSet> = BTreeMap::new();
    for slot in file.slots.iter() {
        let owner = view.map().owner(slot);
        if owner != Some(node.id) {
            by_owner.entry(owner).or_default().insert(slot);
        }
    }
    let of_owner = |(owner, slots): (Option<_>, SlotSet)| {
        let owner = owner.and_then(|id| view.node(id));
        let being_moved = common(&slots, moving);
        let mut message = format!(
            "{} in {}, the file of {}, but belong to {}",
            slots_text(&slots),
            file.path,
            node.name(),
            owner.map_or_else(|| "nobody".to_owned(), Node::name),
        );
        if being_moved > 0 {
            message += &format!("; {} of them being moved", count_text(being_moved as u64));
        }
        let fix = "clients don't see these keys, unless the slots are being moved; `slotkit check` \
                    on the live cluster tells";
        FileFinding {
            node: Some(node.id.to_string()),
            owner: owner.map(|owner| owner.id.to_string()),
            ..finding(
                "outside_node",
                message,
                fix,
                vec![file.path.clone()],
                &slots,
            )
        }
    };
    by_owner.into_iter().map(of_owner).collect()
}

/// The slots that some node has open.
fn moving(view: &ClusterView) -> SlotSet {
    view.open_slots()
        .map(|(_, open)| match open {
            OpenSlot::Migrating { slot, .. } | OpenSlot::Importing { slot, .. } => slot,
        })
        .collect()
}

fn finding(
    kind: &'static str,
    message: String,
    fix: &str,
    files: Vec<String>,
    slots: &SlotSet,
) -> FileFinding {
    FileFinding {
        kind,
        message,
        fix: fix.to_owned(),
        files,
        node: None,
        owner: None,
        slots: slots.len(),
        runs: slots.ranges().iter().map(ToString::to_string).collect(),
    }
}

fn names(files: &[NodeFile<'_>], chosen: &[usize]) -> Vec<String> {
    chosen
        .iter()
        .map(|index| files[*index].path.clone())
        .collect()
}

/// `a`, `a and b`, `a, b and c`.
fn list(names: &[String]) -> String {
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// `slot 7 is`, `3 slots (0-1, 7) are`.
fn slots_text(slots: &SlotSet) -> String {
    let runs = slots.ranges();
    let named: Vec<String> = runs
        .iter()
        .take(NAMED_RUNS)
        .map(ToString::to_string)
        .collect();
    let named = named.join(", ");
    match (slots.len(), runs.len().saturating_sub(NAMED_RUNS)) {
        (1, _) => format!("slot {named} is"),
        (count, 0) => format!("{} slots ({named}) are", count_text(count as u64)),
        (count, more) => format!(
            "{} slots ({named} and {} more runs) are",
            count_text(count as u64),
            count_text(more as u64)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn very_many_combinations_of_files_are_told_at_once() {
        let told = |count: u16| {
            // Slot `s` is in each file whose bit it has.
            let sets: Vec<SlotSet> = (0..count)
                .map(|file| {
                    Slot::all()
                        .filter(|slot| slot.number() < 64 && slot.number() >> file & 1 == 1)
                        .collect()
                })
                .collect();
            let files: Vec<NodeFile<'_>> = sets
                .iter()
                .enumerate()
                .map(|(file, slots)| NodeFile {
                    path: format!("{file}.rdb"),
                    slots,
                })
                .collect();
            shared(&files, &(0..files.len()).collect::<Vec<_>>())
        };
        let few = told(4);
        assert_eq!(few.len(), 6 + 4 + 1, "every combination of two to four");
        let many = told(5);
        assert_eq!(many.len(), 1);
        assert_eq!((many[0].files.len(), many[0].slots), (5, 64 - 2 * 6));
        assert!(
            many[0]
                .message
                .contains("in several of 5 files, in 26 combinations"),
            "{}",
            many[0].message
        );
    }
}
