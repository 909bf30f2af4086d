//! Notes on a plan: what a person should know that its figures don't say.

use super::metric::Metric;
use super::model::{Limits, Model, NOBODY};
use super::node::Part;
use super::plan::{Note, NoteKind};
use super::problem::Problem;
use crate::numbers::counted_text;
use crate::slot::Slot;

/// The notes, by kind, then by node, then by slot.
pub(super) fn notes(
    problem: &Problem,
    model: &Model,
    at: &[u16],
    limits: Option<&[Limits]>,
    left: usize,
) -> Vec<Note> {
    let mut notes = Vec::new();
    if limits.is_some() {
        notes.extend(oversized_slots(problem, model, at));
        notes.extend(outside(problem, model, at));
        notes.extend(empty_primaries(problem, model));
        if model.weighs_nothing && !problem.objective.is_by_slots() {
            let message = format!(
                "{} is zero in every slot: planned by slots",
                problem.objective
            );
            notes.push(plain(NoteKind::NothingToWeigh, message));
        }
    }
    notes.extend(too_big(problem, model));
    let has_headroom = problem
        .nodes()
        .iter()
        .any(|node| node.headroom_bytes.is_some());
    if has_headroom && !problem.weights.knows(Metric::Bytes) {
        let message = "the input says no bytes of a slot: memory headroom isn't looked at";
        notes.push(plain(NoteKind::HeadroomUnknown, message.to_owned()));
    }
    let invented = problem
        .nodes()
        .iter()
        .filter(|node| node.is_invented)
        .count();
    if invented > 0 {
        let message = format!("{invented} of the nodes don't exist: the plan can't be applied");
        notes.push(plain(NoteKind::WhatIf, message));
    }
    if left > 0 {
        let message = format!(
            "the budget leaves {} unmoved",
            counted_text(left as u64, "slot")
        );
        notes.push(plain(NoteKind::BudgetReached, message));
    }
    let unassigned = problem.owner.unassigned();
    if !unassigned.is_empty() {
        let message = format!(
            "{} left alone, without an owner: {unassigned}",
            counted_text(unassigned.len() as u64, "slot")
        );
        notes.push(plain(NoteKind::Unassigned, message));
    }
    notes.sort_by_key(|note| (note.kind, note.node, note.slot));
    notes
}

fn plain(kind: NoteKind, message: String) -> Note {
    Note {
        kind,
        node: None,
        slot: None,
        message,
    }
}

/// Slots that alone are above the upper limit of the node where they end.
fn oversized_slots(problem: &Problem, model: &Model, at: &[u16]) -> Vec<Note> {
    let mut notes = Vec::new();
    for slot in Slot::all() {
        let node = at[slot.index()];
        if node == NOBODY || model.by_slots {
            continue;
        }
        let index = usize::from(node);
        let upper = model.within(index, problem.objective.threshold()).upper;
        let load = model.load[slot.index()];
        if load > upper && model.nodes[index].takes_part {
            let share = 100.0 * load as f64 / model.fair(index).max(1) as f64;
            let node = &problem.nodes()[index];
            let message = format!(
                "slot {slot} alone is {share:.0} % of the fair share of {}: no move can help, \
                 only splitting what is in it over several hash tags",
                node.name()
            );
            notes.push(Note {
                kind: NoteKind::OversizedSlot,
                node: Some(node.id),
                slot: Some(slot),
                message,
            });
        }
    }
    notes
}

/// Nodes that end outside the threshold.
fn outside(problem: &Problem, model: &Model, at: &[u16]) -> Vec<Note> {
    let mut load = vec![0_i64; model.nodes.len()];
    for (slot, node) in at.iter().enumerate() {
        if *node != NOBODY {
            load[usize::from(*node)] += model.load[slot];
        }
    }
    let mut notes = Vec::new();
    for (index, node) in problem.nodes().iter().enumerate() {
        let within = model.within(index, problem.objective.threshold());
        // Whole slots can't be nearer than one to a share, so counts have no such note.
        if model.nodes[index].capacity == 0 || model.by_slots {
            continue;
        }
        let kind = match load[index] {
            load if load > within.upper => NoteKind::AboveThreshold,
            load if load < within.lower => NoteKind::BelowThreshold,
            _ => continue,
        };
        let fair = model.fair(index).max(1) as f64;
        let percent = 100.0 * (load[index] as f64 / fair - 1.0);
        let message = format!("{} ends {percent:+.1} % from its fair share", node.name());
        notes.push(Note {
            kind,
            node: Some(node.id),
            slot: None,
            message,
        });
    }
    notes
}

fn empty_primaries(problem: &Problem, model: &Model) -> Vec<Note> {
    let is_left_out =
        |(index, part): &(usize, Part)| !model.nodes[*index].takes_part && *part == Part::Balanced;
    let parts = problem.nodes().iter().map(|node| node.part).enumerate();
    let note = |(index, _): (usize, Part)| {
        let node = &problem.nodes()[index];
        let message = format!("{} has no slots and takes no part", node.name());
        Note {
            kind: NoteKind::EmptyPrimary,
            node: Some(node.id),
            slot: None,
            message,
        }
    };
    parts.filter(is_left_out).map(note).collect()
}

fn too_big(problem: &Problem, model: &Model) -> Vec<Note> {
    let Some(limit) = problem.max_slot_bytes else {
        return Vec::new();
    };
    let is_big =
        |slot: &Slot| model.home[slot.index()] != NOBODY && model.bytes[slot.index()] > limit;
    let note = |slot: Slot| Note {
        kind: NoteKind::SlotAboveSizeLimit,
        node: problem.owner.owner(slot),
        slot: Some(slot),
        message: format!(
            "slot {slot} takes {} bytes, above the limit of {limit}, and stays",
            model.bytes[slot.index()]
        ),
    };
    Slot::all().filter(is_big).map(note).collect()
}
