//! Finds slots without one owner, open slots, and keys where no client is sent.

use super::intent::Intent;
use super::nodes::imported_from_nobody;
use crate::cluster::slot_migrations::SlotMigrations;
use crate::cluster::{ClusterView, Node, NodeId, OpenSlot, agreement};
use crate::execute::Move;
use crate::execute::finding::{Finding, FindingKind, Severity};
use crate::execute::fix;
use crate::execute::fix::table;
use crate::execute::movement::Movement;
use crate::execute::shards::Shards;
use crate::execute::survey::{NodeFacts, Survey};
use crate::numbers::counted_text;
use crate::slot::{Slot, SlotSet};
use std::collections::BTreeMap;

pub(super) fn uncovered(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let slots_of = |moves: &[Move]| moves.iter().map(|task| task.slot).collect::<SlotSet>();
    let (ours, unfinished) = (slots_of(intent.ours), slots_of(intent.unfinished));
    let found = fix::uncovered_slots(survey).into_iter();
    let findings = found.filter_map(|(state, (slots, observers))| {
        let observer = *observers.iter().next()?;
        let names: Vec<String> = observers.iter().map(|id| survey.name(*id)).collect();
        let fix = state.fix(survey, observer, &slots);
        let finding = without_owner(&names, &slots, fix)?.about(observer);
        // They haven't heard yet what another node knows.
        let is_known = |slot: Slot| {
            let mut views = survey.primaries().map(|(_, facts)| &facts.view);
            views.any(|view| view.map().owner(slot).is_some())
        };
        if !slots.iter().all(is_known) {
            return Some(finding);
        }
        // Who imports a slot isn't told by gossip whose it is.
        let imports_all = |id: &NodeId| {
            let facts = survey.nodes.get(id);
            let imported = facts.map(|facts| imported_from_nobody(&facts.view));
            imported.is_some_and(|imported| slots.iter().all(|slot| imported.contains(slot)))
        };
        let is_part_of = |moved: &SlotSet| slots.iter().all(|slot| moved.contains(slot));
        if !observers.iter().all(imports_all) {
            return Some(finding.passing());
        }
        Some(if is_part_of(&ours) {
            Finding {
                severity: Severity::Warning,
                fix: table::FINISHING_FIXES.say(&[]),
                ..finding
            }
        } else if is_part_of(&unfinished) {
            Finding {
                fix: table::RESUME_FIXES.say(&[]),
                ..finding
            }
        } else {
            finding.passing()
        })
    });
    findings.collect()
}

/// Slots that every primary takes for another one's. What to do is said of those that were so in a
/// survey before this one too, while nothing moved; of those in hand the run itself tells.
pub(super) fn denied(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let is_in_hand = |slot: &Slot| intent.ours.iter().any(|task| task.slot == *slot);
    let slots = fix::denied(survey);
    let is_still = !matches!(intent.movement, Movement::Seen(_));
    let is_certain = |slot: &Slot| is_still && intent.denied_before.contains(*slot);
    let (certain, others): (Vec<Slot>, Vec<Slot>) = slots
        .iter()
        .filter(|slot| !is_in_hand(slot))
        .partition(is_certain);
    let observer = survey.primaries().map(|(id, _)| id).next();
    let certain = fix::by_state(survey, &certain.into_iter().collect()).into_iter();
    let certain = certain.filter_map(|(state, slots)| {
        let fix = state.fix(survey, observer?, &slots);
        without_anybody(&slots, fix)
    });
    let others: SlotSet = others.into_iter().collect();
    certain
        .chain(without_anybody(&others, table::DENIED_ONCE.say(&[])))
        .collect()
}

fn without_anybody(slots: &SlotSet, fix: String) -> Option<Finding> {
    let message = format!(
        "no node says that it owns {} of the slots, each takes another one for their owner: {}",
        slots.len(),
        slots.shortened()
    );
    uncovered_finding(slots, message, fix).map(Finding::passing)
}

/// Slots without an owner in a view that was saved: nobody can be asked more.
pub(super) fn uncovered_of_view(observer: &str, view: &ClusterView) -> Option<Finding> {
    let slots = view.map().unassigned();
    without_owner(&[observer.to_owned()], &slots, table::SAVED_VIEW.say(&[]))
}

fn without_owner(observers: &[String], slots: &SlotSet, fix: String) -> Option<Finding> {
    let verb = match observers.len() {
        1 => "knows",
        _ => "know",
    };
    let message = format!(
        "{} {verb} no owner for {} of the slots: {}",
        fix::listed(observers),
        slots.len(),
        slots.shortened()
    );
    uncovered_finding(slots, message, fix)
}

/// None where it is about no slot.
fn uncovered_finding(slots: &SlotSet, message: String, fix: String) -> Option<Finding> {
    let first = slots.iter().next()?;
    let finding = Finding::error(FindingKind::SlotsUncovered, message, fix);
    Some(finding.at(first).among(slots.clone()))
}

pub(super) fn disagreements(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    // What they disagree on while a slot is under way is a part of that.
    let under_way = intent.slots_under_way();
    let views: Vec<_> = survey
        .primaries()
        .map(|(id, facts)| (id, &facts.view))
        .collect();
    let mut all = Vec::new();
    for found in agreement::disagreements(&views) {
        let [one, other] = found.observers.map(|id| survey.name(id));
        let mut by_claim: BTreeMap<fix::Claim, SlotSet> = BTreeMap::new();
        for slot in found.slots.iter().filter(|slot| !under_way.contains(*slot)) {
            let claim = fix::claims(survey, slot);
            by_claim.entry(claim).or_default().insert(slot);
        }
        for (claim, slots) in by_claim {
            let message = format!(
                "{one} and {other} disagree on the owner of {}: {}",
                counted_text(slots.len() as u64, "slot"),
                slots.shortened()
            );
            let fix = fix::disagreement(survey, &claim);
            let finding = Finding::error(FindingKind::OwnershipDisagreement, message, fix);
            let first = slots.iter().next();
            all.extend(first.map(|first| finding.passing().at(first).among(slots)));
        }
    }
    all
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
            if is_part_of(id, *open, intent.ours, &intent.shards) {
                continue;
            }
            let is_own = is_part_of(id, *open, intent.unfinished, &intent.shards);
            let fix = fix::open_slot(survey, open.other(), is_own, &intent.movement);
            all.push(if is_own {
                own_open_slot(&place, id, *open, &facts.view, fix)
            } else {
                open_slot(&place, id, *open, &facts.view, fix)
            });
        }
    }
    all
}

/// An open slot in a view that was saved: nobody can be asked more.
pub(super) fn open_of_view(
    place: &str,
    node: NodeId,
    open: OpenSlot,
    view: &ClusterView,
) -> Finding {
    open_slot(place, node, open, view, table::SAVED_VIEW.say(&[]))
}

fn open_slot(
    place: &str,
    node: NodeId,
    open: OpenSlot,
    view: &ClusterView,
    fix: String,
) -> Finding {
    Finding::error(FindingKind::OpenSlot, what_is_open(place, open, view), fix)
        .about(node)
        .at(open.slot())
}

/// An open slot that the user's own journal knows.
fn own_open_slot(
    place: &str,
    node: NodeId,
    open: OpenSlot,
    view: &ClusterView,
    fix: String,
) -> Finding {
    let message = format!(
        "{} since an earlier run of yours broke off",
        what_is_open(place, open, view)
    );
    Finding::error(FindingKind::OwnOpenSlot, message, fix)
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

/// Whether an open slot belongs to one of these moves, whoever of their shards took over.
fn is_part_of(node: NodeId, open: OpenSlot, moves: &[Move], shards: &Shards) -> bool {
    let is_of = |id: NodeId, meant: NodeId| id == meant || shards.are_in_one(id, meant);
    let (source, target) = match open {
        OpenSlot::Migrating { target, .. } => (node, target),
        OpenSlot::Importing { source, .. } => (source, node),
    };
    moves.iter().any(|task| {
        // What was cleared up in part is open from the owner, on one of either shard.
        let is_of_shard = shards.are_in_one(target, task.source) || is_of(target, task.target);
        let is_importing = matches!(open, OpenSlot::Importing { .. });
        let is_cleared = is_importing && is_of(source, task.target) && is_of_shard;
        let is_way = is_of(source, task.source) && is_of(target, task.target);
        let is_left_over = shards.is_left_over(open.slot(), target);
        task.slot == open.slot() && (is_way || is_cleared || is_left_over)
    })
}

/// Keys where no client is sent: harmless until the node is given their slot.
pub(super) fn orphaned_keys(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    for (id, facts) in survey.primaries() {
        let arrives = |slot: &Slot| {
            let mut moves = intent.moves.iter();
            moves.any(|task| task.target == id && task.slot == *slot)
        };
        let is_of = |moves: &[Move], slot: &Slot| {
            let mut moves = moves.iter().filter(|task| task.slot == *slot);
            moves.any(|task| task.target == id || intent.shards.are_in_one(task.target, id))
        };
        let (own, others): (Vec<_>, Vec<_>) = facts
            .orphaned
            .iter()
            .filter(|(slot, _)| !is_of(intent.ours, slot) && !is_imported(facts, **slot))
            .partition(|(slot, _)| is_of(intent.unfinished, slot));
        all.extend(half_moved(facts, &own).map(|finding| finding.about(id)));
        let (coming, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(slot, _)| arrives(slot));
        for (found, is_coming) in [(&coming, true), (&others, false)] {
            let finding = orphaned_finding(survey, id, facts, found, is_coming);
            all.extend(finding.map(|finding| finding.about(id)));
        }
    }
    all
}

/// Whether the servers bring this slot here by themselves: its keys are on their way.
fn is_imported(facts: &NodeFacts, slot: Slot) -> bool {
    match &facts.migrations {
        SlotMigrations::UnderWay(jobs) => jobs.iter().any(|job| job.slots.contains(slot)),
        SlotMigrations::Unknown(_) => false,
    }
}

/// Keys of slots that the user's own journal knows: where both nodes have forgotten that they were
/// open, nothing else shows that these keys were on their way, and are nowhere else.
fn half_moved(facts: &NodeFacts, found: &[(&Slot, &u64)]) -> Option<Finding> {
    let first = found.first()?.0;
    let keys = found
        .iter()
        .fold(0_u64, |sum, (_, keys)| sum.saturating_add(**keys));
    let message = format!(
        "{} has {} in {} that it doesn't own, brought there by an earlier run of yours that broke off",
        facts.addr,
        counted_text(keys, "key"),
        counted_text(found.len() as u64, "slot"),
    );
    let fix = table::HALF_MOVED.say(&[]);
    let slots = found.iter().map(|(slot, _)| **slot).collect();
    let finding = Finding::error(FindingKind::OwnOpenSlot, message, fix);
    Some(finding.at(*first).among(slots))
}

fn orphaned_finding(
    survey: &Survey,
    node: NodeId,
    facts: &NodeFacts,
    found: &[(&Slot, &u64)],
    is_coming: bool,
) -> Option<Finding> {
    let first = found.first()?.0;
    let keys = found
        .iter()
        .fold(0_u64, |sum, (_, keys)| sum.saturating_add(**keys));
    let slots: SlotSet = found.iter().map(|(slot, _)| **slot).collect();
    let message = format!(
        "{} has {} in {} that it doesn't own: {}",
        facts.addr,
        counted_text(keys, "key"),
        counted_text(slots.len() as u64, "slot"),
        slots.shortened()
    );
    let fix = fix::orphaned(survey, node, &slots);
    let finding = if is_coming {
        Finding::error(
            FindingKind::OrphanedKeys,
            format!("{message}; it is to receive these slots, and they would be alive again"),
            fix,
        )
    } else {
        Finding::warning(FindingKind::OrphanedKeys, message, fix)
    };
    Some(finding.at(*first).among(slots))
}
