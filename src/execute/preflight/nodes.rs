//! Whether every node is there, well, and known to the others.

use super::Intent;
use crate::cluster::{LinkState, Node, NodeId};
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::survey::{NodeFacts, Survey};
use std::collections::BTreeSet;

pub(super) fn unreachable(survey: &Survey) -> Vec<Finding> {
    let replicas: BTreeSet<NodeId> = survey
        .nodes
        .values()
        .flat_map(|facts| facts.view.nodes())
        .filter(|node| !node.is_primary())
        .map(|node| node.id)
        .collect();
    survey
        .unreachable
        .iter()
        .map(|(id, reason)| {
            let mend = "start it, or take it out of the cluster with CLUSTER FORGET on every node";
            let message = format!("node {id} can't be reached: {reason}");
            let finding = match replicas.contains(id) {
                true => Finding::warning(FindingKind::NodeUnreachable, message, mend),
                false => Finding::error(FindingKind::NodeUnreachable, message, mend),
            };
            finding.about(*id)
        })
        .collect()
}

pub(super) fn states(survey: &Survey) -> Vec<Finding> {
    let down = survey.nodes.iter().filter(|(_, facts)| facts.state != "ok");
    down.map(|(id, facts)| {
        let message = format!("node {} says cluster_state:{}", facts.addr, facts.state);
        let mend = "a node that was just added needs some seconds; else look at CLUSTER INFO there";
        Finding::error(FindingKind::ClusterDown, message, mend).about(*id)
    })
    .collect()
}

pub(super) fn failed(survey: &Survey) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for facts in survey.nodes.values() {
        for node in facts.view.nodes() {
            if let Some(finding) = failed_node(&facts.addr.to_string(), node)
                && seen.insert(node.id)
            {
                all.push(finding);
            }
        }
    }
    all
}

pub(super) fn failed_node(observer: &str, node: &Node) -> Option<Finding> {
    if !node.flags.fail && !node.flags.pfail {
        return None;
    }
    let message = format!("{observer} takes node {} for failed", node.name());
    let mend = "bring it back, or CLUSTER FORGET it on every node";
    let finding = match node.is_primary() && !node.slots.is_empty() {
        true => Finding::error(FindingKind::NodeFailed, message, mend),
        false => Finding::warning(FindingKind::NodeFailed, message, mend),
    };
    Some(finding.about(node.id))
}

/// Every primary must know every other, or SETSLOT is refused half-way (`I don't know about node`).
pub(super) fn unacquainted(survey: &Survey) -> Vec<Finding> {
    let primaries: Vec<(NodeId, &NodeFacts)> = survey.primaries().collect();
    let mut all = Vec::new();
    for (id, facts) in &primaries {
        for (other, other_facts) in &primaries {
            let known = facts.view.node(*other);
            let is_met = known.is_some_and(|node| {
                node.is_usable() && (node.flags.myself || node.link == LinkState::Connected)
            });
            if !is_met {
                let message = format!("{} has no bus link to {}", facts.addr, other_facts.addr);
                let mend = "a node that was just added needs some seconds; else check that the \
                            bus port (port + 10000) is open between them";
                all.push(Finding::error(FindingKind::NotAcquainted, message, mend).about(*id));
            }
        }
    }
    all
}

pub(super) fn strangers(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let primaries: BTreeSet<NodeId> = survey.primaries().map(|(id, _)| id).collect();
    let wanted: BTreeSet<NodeId> = intent
        .moves
        .iter()
        .flat_map(|task| [task.source, task.target])
        .collect();
    wanted
        .difference(&primaries)
        .map(|id| {
            let message = format!("node {id} of the plan isn't a reachable primary");
            let mend = "make a new plan";
            Finding::error(FindingKind::NotAPrimary, message, mend).about(*id)
        })
        .collect()
}
