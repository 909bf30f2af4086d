//! Finds everything that makes moving slots unsafe, and names it with its fix.
//!
//! Pure: a [`Survey`] goes in, findings come out. `redis-cli` moves slots in
//! several of these states and leaves them open, or loses keys.

mod abilities;
mod blocked;
mod capacity;
mod functions;
mod intent;
mod members;
mod nodes;
mod other_movers;
mod replicas;
mod servers;
mod slots;

pub use blocked::{Blocks, blocked_by};
pub use intent::{Intent, LoginNeed};
pub use other_movers::undecided;
pub use replicas::without_replica;

use super::finding::Finding;
use super::survey::Survey;
use crate::cluster::{ClusterView, Node};

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
    all.extend(slots::denied(survey, intent));
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
