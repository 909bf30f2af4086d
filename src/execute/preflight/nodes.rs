//! Whether every node is there, well, and known to the others.

use super::Intent;
use crate::cluster::{ClusterView, LinkState, Node, NodeId};
use crate::execute::Move;
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::survey::{NodeFacts, Survey};
use crate::slot::SlotSet;
use std::collections::BTreeSet;

pub(super) fn unreachable(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let ours = intent.slots_under_way();
    let is_missed = |id: &NodeId| {
        let views = survey.nodes.values().map(|facts| &facts.view);
        let mut told = views.filter_map(|view| view.node(*id)).peekable();
        let serves = |node: &Node| node.is_primary() && !is_replaced(node, &ours);
        told.peek().is_none() || told.any(serves)
    };
    survey
        .unreachable
        .iter()
        .map(|(id, reason)| {
            let mend = "start it, or take it out of the cluster with CLUSTER FORGET on every node";
            let message = format!("node {id} can't be reached: {reason}");
            let finding = match is_missed(id) {
                true => Finding::error(FindingKind::NodeUnreachable, message, mend),
                false => Finding::warning(FindingKind::NodeUnreachable, message, mend),
            };
            finding.about(*id)
        })
        .collect()
}

/// Whether a primary that failed isn't missed: a replica serves its slots by now, except those
/// that are under way. A node that imports a slot doesn't learn of its source's heir.
fn is_replaced(node: &Node, under_way: &SlotSet) -> bool {
    node.flags.fail && node.slots.iter().all(|slot| under_way.contains(slot))
}

pub(super) fn states(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let under_way = |moves: &[Move]| moves.iter().map(|task| task.slot).collect::<SlotSet>();
    let (ours, unfinished) = (under_way(intent.ours), under_way(intent.unfinished));
    let down = survey.nodes.iter().filter(|(_, facts)| facts.state != "ok");
    down.map(|(id, facts)| {
        let message = format!("node {} says cluster_state:{}", facts.addr, facts.state);
        let dead = slots_of_the_dead(&facts.view);
        let is_part_of =
            |slots: &SlotSet| !dead.is_empty() && dead.iter().all(|slot| slots.contains(slot));
        let why = "it receives slots of a node that died, and doesn't learn of the heir";
        let finding = if is_part_of(&ours) {
            let mend = "finishing these slots mends it";
            Finding::warning(FindingKind::ClusterDown, format!("{message}: {why}"), mend)
        } else if is_part_of(&unfinished) {
            let mend = "finish them with slotkit resume";
            Finding::error(FindingKind::ClusterDown, format!("{message}: {why}"), mend)
        } else {
            let mend = "a node that was just added needs some seconds; else look at CLUSTER INFO \
                        there";
            Finding::error(FindingKind::ClusterDown, message, mend)
        };
        finding.about(*id)
    })
    .collect()
}

/// The slots of which a node believes that their owner failed.
fn slots_of_the_dead(view: &ClusterView) -> SlotSet {
    let dead = view.nodes().iter().filter(|node| node.flags.fail);
    dead.flat_map(|node| node.slots.iter()).collect()
}

pub(super) fn failed(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let ours = intent.slots_under_way();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for facts in survey.nodes.values() {
        for node in facts.view.nodes() {
            if let Some(finding) = failed_node(&facts.addr.to_string(), node, &ours)
                && seen.insert(node.id)
            {
                all.push(finding);
            }
        }
    }
    all
}

pub(super) fn failed_node(observer: &str, node: &Node, under_way: &SlotSet) -> Option<Finding> {
    if !node.flags.fail && !node.flags.pfail {
        return None;
    }
    let message = format!("{observer} takes node {} for failed", node.name());
    let mend = "bring it back, or CLUSTER FORGET it on every node";
    let is_missed = node.is_primary() && !node.slots.is_empty() && !is_replaced(node, under_way);
    let finding = match is_missed {
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
