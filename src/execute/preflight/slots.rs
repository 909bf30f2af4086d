//! Who owns what, and what is on its way.

use super::Intent;
use crate::cluster::{ClusterView, Node, NodeId, OpenSlot, agreement};
use crate::execute::Move;
use crate::execute::families::Families;
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::survey::{NodeFacts, Survey};
use crate::slot::{Slot, SlotSet};

pub(super) fn uncovered(survey: &Survey) -> Vec<Finding> {
    survey
        .primaries()
        .filter_map(|(id, facts)| {
            let finding = uncovered_slots(&facts.addr.to_string(), &facts.view)?;
            Some(finding.about(id))
        })
        .collect()
}

pub(super) fn uncovered_slots(observer: &str, view: &ClusterView) -> Option<Finding> {
    let slots = view.map().unassigned();
    let first = slots.iter().next()?;
    let message = format!(
        "{observer} knows no owner for {} of the slots: {}",
        slots.len(),
        shortened(&slots)
    );
    let mend = "assign them with CLUSTER ADDSLOTS, or redis-cli --cluster fix";
    Some(Finding::error(FindingKind::SlotsUncovered, message, mend).at(first))
}

pub(super) fn disagreements(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    // What they disagree on while a slot is under way is a part of that.
    let under_way = intent.slots_under_way();
    let views: Vec<_> = survey
        .primaries()
        .map(|(id, facts)| (id, &facts.view))
        .collect();
    agreement::disagreements(&views)
        .into_iter()
        .filter_map(|found| {
            let slots: SlotSet = found
                .slots
                .iter()
                .filter(|slot| !under_way.contains(*slot))
                .collect();
            let first = slots.iter().next()?;
            let [one, other] = found.observers.map(|id| survey.name(id));
            let message = format!(
                "{one} and {other} disagree on the owner of {} slots: {}",
                slots.len(),
                shortened(&slots)
            );
            let mend = "wait some seconds for gossip; if it stays, find out who is right before \
                        anything moves";
            Some(Finding::error(FindingKind::OwnershipDisagreement, message, mend).at(first))
        })
        .collect()
}

pub(super) fn open_slots(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    // Primaries only: a replica of Valkey 8 and later repeats what its primary has open.
    for (id, facts) in survey.primaries() {
        let Some(myself) = facts.view.node(id) else {
            continue;
        };
        let place = facts.addr.to_string();
        for open in &myself.open {
            if is_part_of(id, *open, intent.ours, &intent.families) {
                continue;
            }
            all.push(
                match is_part_of(id, *open, intent.unfinished, &intent.families) {
                    true => own_open_slot(&place, id, *open, &facts.view),
                    false => open_slot(&place, id, *open, &facts.view),
                },
            );
        }
    }
    all
}

pub(super) fn open_slot(place: &str, node: NodeId, open: OpenSlot, view: &ClusterView) -> Finding {
    let mend = "somebody else moves it, or a move broke off: let that finish first, or close it \
                forward with slotkit resume --from-cluster";
    Finding::error(FindingKind::OpenSlot, what_is_open(place, open, view), mend)
        .about(node)
        .at(open.slot())
}

/// An open slot that the user's own journal knows.
fn own_open_slot(place: &str, node: NodeId, open: OpenSlot, view: &ClusterView) -> Finding {
    let message = format!(
        "{} since an earlier run of yours broke off",
        what_is_open(place, open, view)
    );
    let mend = "finish it with slotkit resume";
    Finding::error(FindingKind::OwnOpenSlot, message, mend)
        .about(node)
        .at(open.slot())
}

fn what_is_open(place: &str, open: OpenSlot, view: &ClusterView) -> String {
    let name = |id: NodeId| view.node(id).map_or_else(|| id.short(), Node::name);
    let state = match open {
        OpenSlot::Migrating { target, .. } => format!("MIGRATING to {}", name(target)),
        OpenSlot::Importing { source, .. } => format!("IMPORTING from {}", name(source)),
    };
    format!("slot {} is open on {place}: {state}", open.slot())
}

/// Whether an open slot belongs to one of these moves, whoever of their families took over.
fn is_part_of(node: NodeId, open: OpenSlot, moves: &[Move], families: &Families) -> bool {
    let is_of = |id: NodeId, meant: NodeId| id == meant || families.are_kin(id, meant);
    let (source, target) = match open {
        OpenSlot::Migrating { target, .. } => (node, target),
        OpenSlot::Importing { source, .. } => (source, node),
    };
    moves.iter().any(|task| {
        // What was cleared up in part is open from the owner, on one of either family.
        let is_kin = families.are_kin(target, task.source) || is_of(target, task.target);
        let is_importing = matches!(open, OpenSlot::Importing { .. });
        let is_cleared = is_importing && is_of(source, task.target) && is_kin;
        let is_way = is_of(source, task.source) && is_of(target, task.target);
        let is_left_over = families.is_beside(open.slot(), target);
        task.slot == open.slot() && (is_way || is_cleared || is_left_over)
    })
}

/// Keys where no client is sent: harmless until the node is given their slot.
pub(super) fn orphans(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    for (id, facts) in survey.primaries() {
        let arrives = |slot: &Slot| {
            let mut moves = intent.moves.iter();
            moves.any(|task| task.target == id && task.slot == *slot)
        };
        let is_of = |moves: &[Move], slot: &Slot| {
            let mut moves = moves.iter().filter(|task| task.slot == *slot);
            moves.any(|task| task.target == id || intent.families.are_kin(task.target, id))
        };
        let (own, others): (Vec<_>, Vec<_>) = facts
            .orphans
            .iter()
            .filter(|(slot, _)| !is_of(intent.ours, slot))
            .partition(|(slot, _)| is_of(intent.unfinished, slot));
        all.extend(half_moved(facts, &own).map(|finding| finding.about(id)));
        let (coming, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(slot, _)| arrives(slot));
        all.extend(orphaned(facts, &coming, true).map(|finding| finding.about(id)));
        all.extend(orphaned(facts, &others, false).map(|finding| finding.about(id)));
    }
    all
}

/// Keys of slots that the user's own journal knows: where both nodes have forgotten that they were
/// open, nothing else shows that these keys were on their way, and are nowhere else.
fn half_moved(facts: &NodeFacts, found: &[(&Slot, &u64)]) -> Option<Finding> {
    let first = found.first()?.0;
    let keys: u64 = found.iter().map(|(_, keys)| **keys).sum();
    let message = format!(
        "{} has {keys} keys in {} slots that it doesn't own, brought there by an earlier run of yours \
         that broke off",
        facts.addr,
        found.len(),
    );
    let mend = "finish it with slotkit resume: they may be nowhere else";
    Some(Finding::error(FindingKind::OwnOpenSlot, message, mend).at(*first))
}

fn orphaned(facts: &NodeFacts, found: &[(&Slot, &u64)], is_coming: bool) -> Option<Finding> {
    let first = found.first()?.0;
    let keys: u64 = found.iter().map(|(_, keys)| **keys).sum();
    let slots: SlotSet = found.iter().map(|(slot, _)| **slot).collect();
    let message = format!(
        "{} has {keys} keys in {} slots that it doesn't own: {}",
        facts.addr,
        slots.len(),
        shortened(&slots)
    );
    let mend = "look at them there (CLUSTER GETKEYSINSLOT), and delete those that the slot's owner \
                has, or shouldn't have";
    let finding = match is_coming {
        true => Finding::error(
            FindingKind::OrphanedKeys,
            format!("{message}; it is to receive these slots, and they would be alive again"),
            mend,
        ),
        false => Finding::warning(FindingKind::OrphanedKeys, message, mend),
    };
    Some(finding.at(*first))
}

/// The first runs of a set, for a message.
fn shortened(slots: &SlotSet) -> String {
    const MOST: usize = 5;
    let runs = slots.ranges();
    let shown: Vec<String> = runs.iter().take(MOST).map(ToString::to_string).collect();
    let more = if runs.len() > MOST { " …" } else { "" };
    format!("{}{more}", shown.join(" "))
}
