//! Finds everything that makes moving slots unsafe, and names it with its mend.
//!
//! Pure: a [`Survey`] goes in, findings come out. `redis-cli` moves slots in
//! several of these states and leaves them open, or loses keys.

mod abilities;
mod blocked;
mod capacity;
mod functions;
mod members;
mod nodes;
mod other_movers;
mod replicas;
mod servers;
mod slots;

pub use blocked::{Blocks, blocked_by};
pub use other_movers::undecided;
pub use replicas::without_replica;
pub(in crate::execute) use slots::shortened;

use super::Move;
use super::bystanders;
use super::finding::Finding;
use super::journal::Running;
use super::movement::Movement;
use super::mover::Doubtful;
use super::shards::Shards;
use super::survey::Survey;
use crate::cluster::{ClusterView, Node, NodeId};
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
    /// Why the journal can't be read, where it can't.
    pub unreadable_journal: Option<String>,
    /// The keys that an earlier run has named, and that nobody has decided about.
    pub undecided: Vec<Doubtful>,
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
    fn carried_out(&self) -> impl Iterator<Item = &Move> {
        self.ours.iter().chain(self.moves)
    }

    /// Whether nothing is to move yet: then any node may have any part.
    fn is_open(&self) -> bool {
        self.carried_out().next().is_none()
    }

    /// Whether a node gives slots away, or may.
    fn gives(&self, id: NodeId) -> bool {
        self.is_open() || self.carried_out().any(|task| task.source == id)
    }

    /// Whether a node receives slots, or may.
    fn receives(&self, id: NodeId) -> bool {
        self.is_open() || self.carried_out().any(|task| task.target == id)
    }

    /// Whether slots move from one of these nodes to the other.
    fn moves_between(&self, source: NodeId, target: NodeId) -> bool {
        let mut moves = self.carried_out();
        moves.any(|task| task.source == source && task.target == target)
    }

    /// The dead nodes that are passed over: only by a run that goes on with what is open, and with
    /// nothing else.
    fn passed_over(&self, survey: &Survey) -> BTreeSet<NodeId> {
        let ours: BTreeSet<&Move> = self.ours.iter().collect();
        let goes_on = |task: &Move| ours.contains(task);
        if self.running.is_some() || self.ours.is_empty() || !self.moves.iter().all(goes_on) {
            return BTreeSet::new();
        }
        let in_hand = match self.moves.is_empty() {
            true => self.ours,
            false => self.moves,
        };
        bystanders::passed_over(&survey.views(), &self.shards, in_hand)
    }

    /// The slots of moves that an earlier run began.
    fn slots_under_way(&self) -> SlotSet {
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

/// All findings, errors first, in a stable order.
pub fn findings(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let passed = intent.passed_over(survey);
    let mut all = Vec::new();
    all.extend(other_movers::runs(intent));
    all.extend(undecided(&intent.undecided));
    all.extend(other_movers::movement(survey, intent));
    all.extend(other_movers::migrations(survey, intent));
    all.extend(nodes::unreachable(survey, intent, &passed));
    all.extend(nodes::states(survey, intent, &passed));
    all.extend(nodes::failed(survey, intent, &passed));
    all.extend(slots::uncovered(survey, intent));
    all.extend(slots::disagreements(survey, intent));
    all.extend(slots::open_slots(survey, intent));
    all.extend(slots::orphaned_keys(survey, intent));
    all.extend(nodes::unacquainted(survey));
    all.extend(members::unknown(survey));
    all.extend(members::handshakes(survey));
    all.extend(nodes::not_primaries(survey, intent));
    all.extend(replicas::not_following(survey, intent));
    all.extend(servers::versions(survey, intent));
    all.extend(servers::epochs(survey));
    all.extend(abilities::obstacles(survey, intent));
    all.extend(abilities::dumps(survey, intent));
    all.extend(servers::databases(survey));
    all.extend(capacity::memory(survey, intent));
    all.extend(capacity::last_slots(survey, intent));
    all.extend(functions::findings(survey, intent));
    // A stable sort: within a severity the order of the checks stays.
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    all
}

/// What a single view, such as a saved one, shows of all this.
pub fn findings_of_view(view: &ClusterView) -> Vec<Finding> {
    let observer = view
        .myself()
        .map_or_else(|| "CLUSTER NODES".to_owned(), Node::name);
    let mut all: Vec<Finding> = Vec::new();
    all.extend(
        view.nodes()
            .iter()
            .filter_map(|node| nodes::failed_of_view(&observer, node)),
    );
    all.extend(slots::uncovered_of_view(&observer, view));
    all.extend(
        view.open_slots()
            .map(|(id, open)| slots::open_of_view(&observer, id, open, view)),
    );
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    all
}

#[cfg(test)]
mod tests;
