//! Swaps slots of equal weight until they move in runs; slots that weigh nothing follow.

use super::assignment::Assignment;
use super::model::{Model, NOBODY};
use std::collections::BTreeMap;

/// The runs of slots that a node has in a row, ascending: the node, the first slot and the last.
pub(super) fn runs(at: &[u16]) -> Vec<(u16, (u16, u16))> {
    let mut runs: Vec<(u16, (u16, u16))> = Vec::new();
    for (slot, node) in at.iter().enumerate() {
        let slot = slot as u16;
        match runs.last_mut() {
            Some((last, (_, end))) if last == node && *end + 1 == slot => *end = slot,
            _ if *node == NOBODY => {}
            _ => runs.push((*node, (slot, slot))),
        }
    }
    runs
}

/// Among slots of one node that weigh and cost the same, it makes no
/// difference which of them go where: those at an end of the list go, each
/// target's in a row, so that runs stay whole.
pub(super) fn straighten(model: &Model, at: &mut [u16]) {
    let mut gives = vec![false; model.nodes.len()];
    for (slot, home) in model.home.iter().enumerate() {
        if *home != NOBODY && at[slot] != *home {
            gives[usize::from(*home)] = true;
        }
    }
    let class = |slot: &usize| {
        let slot = *slot;
        (
            model.home[slot],
            model.load[slot],
            model.cost[slot],
            model.bytes[slot],
            slot,
        )
    };
    let may_change = |slot: &usize| {
        let home = model.home[*slot];
        home != NOBODY && gives[usize::from(home)] && model.movable[*slot]
    };
    let mut slots: Vec<usize> = (0..at.len()).filter(may_change).collect();
    slots.sort_unstable_by_key(class);
    let alike = |a: &usize, b: &usize| {
        let (a, b) = (class(a), class(b));
        (a.0, a.1, a.2, a.3) == (b.0, b.1, b.2, b.3)
    };
    for slots in slots.chunk_by(alike).filter(|slots| slots.len() > 1) {
        let home = model.home[slots[0]];
        let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
        for slot in slots.iter().filter(|slot| at[**slot] != home) {
            *counts.entry(at[*slot]).or_default() += 1;
        }
        if !counts.is_empty() {
            arrange(home, slots, counts, at);
        }
    }
}

/// Deals the slots out: a target that owns what lies before the first of them
/// takes from the start, everybody else from the end.
fn arrange(home: u16, slots: &[usize], mut counts: BTreeMap<u16, usize>, at: &mut [u16]) {
    let (first, last) = (slots[0], slots[slots.len() - 1]);
    let before = first.checked_sub(1).map(|slot| at[slot]);
    let after = at.get(last + 1).copied();
    for slot in slots {
        at[*slot] = home;
    }
    let mut start = 0;
    let mut end = slots.len();
    if let Some((target, count)) = before.and_then(|before| counts.remove_entry(&before)) {
        for slot in &slots[..count] {
            at[*slot] = target;
        }
        start = count;
    }
    let neighbour = after.and_then(|after| counts.remove_entry(&after));
    for (target, count) in neighbour.into_iter().chain(counts) {
        for slot in &slots[end - count..end] {
            at[*slot] = target;
        }
        end -= count;
    }
    debug_assert!(start <= end, "no more slots go than there are");
}

/// Slots without load that must leave a drained node go to the others in runs,
/// so that the numbers of slots come out as even as may be.
pub(super) fn deal_weightless(assignment: &mut Assignment<'_>) {
    let model = assignment.model;
    let is_waiting = |slot: &u16| {
        let index = usize::from(*slot);
        let home = model.home[index];
        home != NOBODY
            && model.nodes[usize::from(home)].is_drained
            && model.movable[index]
            && model.load[index] == 0
    };
    let waiting: Vec<u16> = (0..model.home.len() as u16).filter(is_waiting).collect();
    if waiting.is_empty() {
        return;
    }
    let mut quota = quotas(assignment, waiting.len());
    let mut node = 0;
    for slot in waiting {
        let takes = |node: &usize| quota[*node] > 0 && assignment.has_memory(*node, slot);
        let all = quota.len();
        // On with the same node as long as it takes any: that is what makes a run.
        let next = (node..all).chain(0..node).find(takes);
        let any = next.or_else(|| {
            assignment
                .bearers()
                .find(|node| assignment.has_memory(*node, slot))
        });
        let Some(target) = any else {
            continue;
        };
        quota[target] = quota[target].saturating_sub(1);
        node = target;
        assignment.put(slot, target);
    }
}

/// How many of the slots each bearer takes: those with fewest slots for their capacity are filled first.
fn quotas(assignment: &Assignment<'_>, waiting: usize) -> Vec<usize> {
    let model = assignment.model;
    let mut has = vec![0_u64; model.nodes.len()];
    for node in assignment.at.iter().filter(|node| **node != NOBODY) {
        has[usize::from(*node)] += 1;
    }
    let mut quota = vec![0; model.nodes.len()];
    let key = |has: u64, node: usize| {
        let capacity = u128::from(model.nodes[node].capacity);
        std::cmp::Reverse(((u128::from(has + 1) << 64) / capacity, node))
    };
    let mut heap: std::collections::BinaryHeap<_> = assignment
        .bearers()
        .map(|node| key(has[node], node))
        .collect();
    for _ in 0..waiting {
        let Some(std::cmp::Reverse((_, node))) = heap.pop() else {
            break;
        };
        quota[node] += 1;
        has[node] += 1;
        heap.push(key(has[node], node));
    }
    quota
}
