//! A plan: the migrations in their order, what they cost, and the nodes before and after.

use super::fingerprint::{Fingerprint, Topology};
use super::metric::Metric;
use super::objective::Objective;
use crate::cluster::{NodeAddr, NodeId};
use crate::slot::Slot;

/// One slot from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The slot that moves.
    pub slot: Slot,
    /// Who owns it before.
    pub source: NodeId,
    /// Who owns it after.
    pub target: NodeId,
    /// How many keys it has, if the input says.
    pub keys: Option<u64>,
    /// How many bytes its keys take, if the input says.
    pub bytes: Option<u64>,
}

/// What one primary bears, before or after the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeState {
    /// The id of the primary.
    pub id: NodeId,
    /// The address at which it listens; none where nobody knows it.
    pub addr: Option<NodeAddr>,
    /// How many slots it owns.
    pub slots: u64,
    /// How many keys it holds, if the input says.
    pub keys: Option<u64>,
    /// How many bytes they take, if the input says.
    pub bytes: Option<u64>,
    /// Its part of the load of all nodes that take part, 0 to 1.
    pub load: f64,
    /// The part that would be fair: its capacity over that of all nodes that
    /// take part; 0 for a drained or excluded node.
    pub fair_load: f64,
    /// How many runs of contiguous slots it owns: its ranges in `CLUSTER SLOTS`.
    pub runs: u64,
    /// It neither gives nor takes.
    pub is_excluded: bool,
    /// Whether it doesn't exist: it stands for a node to be added.
    pub is_invented: bool,
}

impl NodeState {
    /// How far the load is above its fair part (or below, then negative), as a
    /// part of it; none when nothing is its fair part.
    pub fn deviation(&self) -> Option<f64> {
        (self.fair_load > 0.0).then(|| self.load / self.fair_load - 1.0)
    }
}

/// What a plan costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many slots move.
    pub slots: u64,
    /// How many keys move, if the input says.
    pub keys: Option<u64>,
    /// How many bytes move, if the input says.
    pub bytes: Option<u64>,
    /// No plan that keeps every node within the same limits moves fewer bytes. Where a budget
    /// cuts the plan short, this is about the whole plan: what moves and what remains.
    pub lower_bound_bytes: Option<u64>,
    /// What the plan was to move least of: bytes when the input has them, else keys, else slots.
    pub least: CostMetric,
    /// The lower bound in that measure.
    pub lower_bound: u64,
}

/// What is moved as little of as possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CostMetric {
    /// Bytes.
    Bytes,
    /// Keys, when no bytes are known.
    Keys,
    /// Slots, when nothing else is known.
    #[default]
    Slots,
}

impl CostMetric {
    /// The metric that costs are counted in.
    pub fn metric(self) -> Metric {
        match self {
            CostMetric::Bytes => Metric::Bytes,
            CostMetric::Keys => Metric::Keys,
            CostMetric::Slots => Metric::Slots,
        }
    }
}

/// Why a plan isn't what a person may have hoped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// One slot alone is above its node's fair share: no move can help.
    OversizedSlot,
    /// A node stays above the threshold.
    AboveThreshold,
    /// A node stays below the threshold.
    BelowThreshold,
    /// A slot stays where it is because it is above the size limit.
    SlotAboveSizeLimit,
    /// Memory headroom keeps a node from taking its share.
    Headroom,
    /// Memory headroom can't be looked at, since no bytes are known.
    HeadroomUnknown,
    /// A primary without slots doesn't take part.
    EmptyPrimary,
    /// Nodes that don't exist: the plan can't be applied.
    WhatIf,
    /// The budget cut the plan short.
    BudgetReached,
    /// The metric is zero everywhere; the plan is by slots instead.
    NothingToWeigh,
    /// Slots without owner are left alone.
    Unassigned,
}

impl NoteKind {
    /// Every kind of note.
    pub const ALL: [NoteKind; 11] = [
        NoteKind::OversizedSlot,
        NoteKind::AboveThreshold,
        NoteKind::BelowThreshold,
        NoteKind::SlotAboveSizeLimit,
        NoteKind::Headroom,
        NoteKind::HeadroomUnknown,
        NoteKind::EmptyPrimary,
        NoteKind::WhatIf,
        NoteKind::BudgetReached,
        NoteKind::NothingToWeigh,
        NoteKind::Unassigned,
    ];

    /// The name in plan files.
    pub const fn name(self) -> &'static str {
        match self {
            NoteKind::OversizedSlot => "giant_slot",
            NoteKind::AboveThreshold => "above_threshold",
            NoteKind::BelowThreshold => "below_threshold",
            NoteKind::SlotAboveSizeLimit => "slot_above_size_limit",
            NoteKind::Headroom => "headroom",
            NoteKind::HeadroomUnknown => "headroom_unknown",
            NoteKind::EmptyPrimary => "empty_primary",
            NoteKind::WhatIf => "what_if",
            NoteKind::BudgetReached => "budget_reached",
            NoteKind::NothingToWeigh => "nothing_to_weigh",
            NoteKind::Unassigned => "unassigned",
        }
    }
}

/// Something that a person should know of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// The node it is about.
    pub node: Option<NodeId>,
    /// The slot it is about.
    pub slot: Option<Slot>,
    /// The same in words.
    pub message: String,
}

/// What a budget left undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// How many slots the whole plan would still move.
    pub slots: u64,
    /// How many keys, if the input says.
    pub keys: Option<u64>,
    /// How many bytes, if the input says.
    pub bytes: Option<u64>,
}

/// The moves, what they are for and what they cost. Immutable: made by
/// [`plan`](super::plan()) or read from a file.
///
/// # For whoever runs it
/// Migrations may run side by side, but two that touch the same node must
/// finish in the plan's order: a node's memory headroom may depend on what
/// left before. Each slot moves once.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(super) objective: Objective,
    pub(super) topology: Topology,
    pub(super) before: Vec<NodeState>,
    pub(super) after: Vec<NodeState>,
    pub(super) migrations: Vec<Migration>,
    pub(super) cost: Cost,
    pub(super) remaining: Option<Remaining>,
    pub(super) notes: Vec<Note>,
}

impl Plan {
    /// What the plan was to even out.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// Who owned what when the plan was made; nodes that don't exist are not in it.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The fingerprint of the topology that the plan was made from.
    pub fn made_from(&self) -> Fingerprint {
        self.topology.fingerprint()
    }

    /// Every primary before the plan, by id.
    pub fn before(&self) -> &[NodeState] {
        &self.before
    }

    /// Every primary after the plan, by id.
    pub fn after(&self) -> &[NodeState] {
        &self.after
    }

    /// The moves, in the order of execution.
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// What the plan costs.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// What the budget left undone; none when nothing remains.
    pub fn remaining(&self) -> Option<Remaining> {
        self.remaining
    }

    /// What a person should know, in a stable order.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// How many runs of slots all primaries have before: the ranges that `CLUSTER SLOTS` lists.
    pub fn runs_before(&self) -> u64 {
        self.before.iter().map(|node| node.runs).sum()
    }

    /// How many runs of slots all primaries have after the plan.
    pub fn runs_after(&self) -> u64 {
        self.after.iter().map(|node| node.runs).sum()
    }

    /// Whether no slot is to move.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }

    /// Whether every node of it exists, so that it can be run.
    pub fn can_be_applied(&self) -> bool {
        !self.before.iter().any(|node| node.is_invented)
    }

    /// The primary of this id, as it was before.
    pub fn node(&self, id: NodeId) -> Option<&NodeState> {
        let index = self.before.binary_search_by_key(&id, |node| node.id).ok()?;
        self.before.get(index)
    }
}
