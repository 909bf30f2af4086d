//! Checks that every node knows of the same nodes. The one that was asked first may be the one that
//! doesn't know: right after a `MEET` it has nowhere to move slots to, and knows nothing of it.

use crate::cluster::{Node, NodeId};
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::fix::table;
use crate::execute::survey::{NodeFacts, Survey};
use std::collections::BTreeMap;

/// How many nodes are named that don't know another one.
const NAMED_MAX: usize = 3;

/// Nodes that some know and others don't.
pub(super) fn unknown(survey: &Survey) -> Vec<Finding> {
    let mut known: BTreeMap<NodeId, &NodeFacts> = BTreeMap::new();
    for facts in survey.nodes.values() {
        for node in facts.view.nodes().iter().filter(|node| is_met(node)) {
            known.entry(node.id).or_insert(facts);
        }
    }
    let tell = |(id, knows): (&NodeId, &&NodeFacts)| {
        let unknown = survey.nodes.iter();
        let unknown = unknown.filter(|(_, facts)| !facts.view.node(*id).is_some_and(is_met));
        let unknown: Vec<(NodeId, &NodeFacts)> =
            unknown.map(|(other, facts)| (*other, facts)).collect();
        if unknown.is_empty() {
            return None;
        }
        let named = unknown.iter().take(NAMED_MAX);
        let named: Vec<String> = named.map(|(_, facts)| facts.addr.to_string()).collect();
        let more = match unknown.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "node {} is known to {}, and not to {}{more}",
            name(survey, knows, *id),
            knows.addr,
            named.join(", ")
        );
        let fix = table::MEMBERS_DIFFER.say(&[]);
        // Only between primaries a slot can move; a SETSLOT that names a node that one of them
        // doesn't know is refused.
        let is_primary =
            |id: NodeId, facts: &NodeFacts| facts.view.node(id).is_some_and(Node::is_primary);
        let is_able = survey
            .nodes
            .get(id)
            .is_some_and(|facts| is_primary(*id, facts));
        let forbids = is_able
            && unknown
                .iter()
                .any(|(other, facts)| is_primary(*other, facts));
        let finding = if forbids {
            Finding::error(FindingKind::NotAcquainted, message, fix)
        } else {
            Finding::warning(FindingKind::NotAcquainted, message, fix)
        };
        Some(finding.passing().about(*id))
    };
    known.iter().filter_map(tell).collect()
}

/// Nodes that are being met: they have no id of their own yet. One that never answers is forgotten.
pub(super) fn handshakes(survey: &Survey) -> Vec<Finding> {
    let mut met: BTreeMap<String, &NodeFacts> = BTreeMap::new();
    for facts in survey.nodes.values() {
        let fresh = facts
            .view
            .nodes()
            .iter()
            .filter(|node| node.flags.handshake);
        for node in fresh {
            met.entry(node.name()).or_insert(facts);
        }
    }
    let tell = |(name, facts): (String, &NodeFacts)| {
        let message = format!(
            "{} is just meeting {name}, which hasn't answered yet",
            facts.addr
        );
        let fix = table::HANDSHAKE.say(&[]);
        Finding::warning(FindingKind::NotAcquainted, message, fix).passing()
    };
    met.into_iter().map(tell).collect()
}

/// A node in handshake goes by an id that isn't its own.
fn is_met(node: &Node) -> bool {
    !node.flags.handshake
}

fn name(survey: &Survey, knows: &NodeFacts, id: NodeId) -> String {
    match survey.nodes.get(&id) {
        Some(facts) => facts.addr.to_string(),
        None => knows.view.node(id).map_or_else(|| id.short(), Node::name),
    }
}
