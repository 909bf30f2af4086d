//! Describes what is to be done, for the checks that depend on it.

use crate::cluster::NodeId;
use crate::execute::Move;
use crate::execute::bystanders;
use crate::execute::journal::Running;
use crate::execute::movement::Movement;
use crate::execute::mover::KeyInDoubt;
use crate::execute::shards::Shards;
use crate::execute::survey::Survey;
use crate::slot::SlotSet;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done, for the checks that depend on it.
#[derive(Clone, Debug, Default)]
pub struct Intent<'a> {
    /// The moves that are planned.
    pub moves: &'a [Move],
    /// The moves of an earlier run that are under way and will be finished first.
    pub ours: &'a [Move],
    /// The moves of an earlier run of this user that are under way and stay so.
    pub unfinished: &'a [Move],
    /// A run of this user that is moving slots now; what it has begun counts as `ours`.
    pub running: Option<Running>,
    /// What several looks at open slots have shown.
    pub movement: Movement,
    /// The slots that every primary took for another one's in the survey before.
    pub denied_before: SlotSet,
    /// Why the journal can't be read, where it can't.
    pub unreadable_journal: Option<String>,
    /// The keys that an earlier run has named, and that nobody has decided about.
    pub undecided: Vec<KeyInDoubt>,
    /// Whether function libraries that a target lacks are copied to it first.
    pub copies_functions: bool,
    /// Who was a replica of whom when those began.
    pub shards: Shards,
    /// Whether the source has to log in on the target, and with a user's name.
    pub login: LoginNeed,
    /// The bytes that each target receives, where that is known.
    pub incoming_bytes: BTreeMap<NodeId, u64>,
    /// How far behind a replica counts as one, in bytes; none where the user said that they don't
    /// matter.
    pub max_replica_lag_bytes: Option<u64>,
}

impl Intent<'_> {
    /// The moves that are carried out.
    pub(super) fn carried_out(&self) -> impl Iterator<Item = &Move> {
        self.ours.iter().chain(self.moves)
    }

    /// Whether nothing is to move yet: then any node may have any part.
    pub(super) fn is_open(&self) -> bool {
        self.carried_out().next().is_none()
    }

    /// Whether a node gives slots away, or may.
    pub(super) fn gives(&self, id: NodeId) -> bool {
        self.is_open() || self.carried_out().any(|task| task.source == id)
    }

    /// Whether a node receives slots, or may.
    pub(super) fn receives(&self, id: NodeId) -> bool {
        self.is_open() || self.carried_out().any(|task| task.target == id)
    }

    /// Whether slots move from one of these nodes to the other.
    pub(super) fn moves_between(&self, source: NodeId, target: NodeId) -> bool {
        let mut moves = self.carried_out();
        moves.any(|task| task.source == source && task.target == target)
    }

    /// The dead nodes that are passed over: only by a run that goes on with what is open, and with
    /// nothing else.
    pub(super) fn passed_over(&self, survey: &Survey) -> BTreeSet<NodeId> {
        let ours: BTreeSet<&Move> = self.ours.iter().collect();
        let goes_on = |task: &Move| ours.contains(task);
        if self.running.is_some() || self.ours.is_empty() || !self.moves.iter().all(goes_on) {
            return BTreeSet::new();
        }
        let in_hand = if self.moves.is_empty() {
            self.ours
        } else {
            self.moves
        };
        bystanders::passed_over(&survey.views(), &self.shards, in_hand)
    }

    /// The slots of moves that an earlier run began.
    pub(super) fn slots_under_way(&self) -> SlotSet {
        let moves = self.ours.iter().chain(self.unfinished);
        moves.map(|task| task.slot).collect()
    }
}

/// What `MIGRATE` must be able to do to log in on the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginNeed {
    /// The cluster has no password.
    #[default]
    Nothing,
    /// `MIGRATE … AUTH`.
    Password,
    /// `MIGRATE … AUTH2`.
    User,
}
