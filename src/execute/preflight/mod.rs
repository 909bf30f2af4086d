//! Everything that makes moving slots unsafe, named, with its mend.
//!
//! Pure: a [`Survey`] goes in, findings come out. `redis-cli` moves slots in
//! several of these states and leaves them open, or loses keys.

mod capacity;
mod nodes;
mod servers;
mod slots;

pub use capacity::without_replica;

use super::Move;
use super::families::Families;
use super::finding::Finding;
use super::survey::Survey;
use crate::cluster::{ClusterView, Node, NodeId};
use crate::slot::SlotSet;
use std::collections::BTreeMap;

/// What is to be done, for the checks that depend on it.
#[derive(Clone, Debug, Default)]
pub struct Intent<'a> {
    /// The moves that are planned.
    pub moves: &'a [Move],
    /// The moves of an earlier run that are under way and will be finished first.
    pub ours: &'a [Move],
    /// The moves of an earlier run of this user that are under way and stay so.
    pub unfinished: &'a [Move],
    /// Who was a replica of whom when those began.
    pub families: Families,
    /// Whether the source has to log in on the target, and with a user's name.
    pub login: LoginNeed,
    /// The bytes that each target receives, where that is known.
    pub incoming_bytes: BTreeMap<NodeId, u64>,
}

impl Intent<'_> {
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
    let mut all = Vec::new();
    all.extend(nodes::unreachable(survey, intent));
    all.extend(nodes::states(survey, intent));
    all.extend(nodes::failed(survey, intent));
    all.extend(slots::uncovered(survey));
    all.extend(slots::disagreements(survey, intent));
    all.extend(slots::open_slots(survey, intent));
    all.extend(slots::orphans(survey, intent));
    all.extend(nodes::unacquainted(survey));
    all.extend(nodes::strangers(survey, intent));
    all.extend(servers::versions(survey, intent));
    all.extend(servers::epochs(survey));
    all.extend(servers::permissions(survey));
    all.extend(servers::databases(survey));
    all.extend(capacity::memory(survey, intent));
    all.extend(capacity::last_slots(survey, intent));
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
            .filter_map(|node| nodes::failed_node(&observer, node, &SlotSet::default())),
    );
    all.extend(slots::uncovered_slots(&observer, view));
    all.extend(
        view.open_slots()
            .map(|(id, open)| slots::open_slot(&observer, id, open, view)),
    );
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    all
}

#[cfg(test)]
mod tests;
