//! Checks that every node is there, well, and known to the others.

use super::intent::Intent;
use crate::cluster::{ClusterView, LinkState, Node, NodeId, OpenSlot, Role};
use crate::error::ErrorKind;
use crate::execute::Move;
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::fix;
use crate::execute::fix::table;
use crate::execute::survey::{NodeFacts, Survey};
use crate::slot::SlotSet;
use std::collections::BTreeSet;

pub(super) fn unreachable(
    survey: &Survey,
    intent: &Intent<'_>,
    passed: &BTreeSet<NodeId>,
) -> Vec<Finding> {
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
            let fix = fix::absent(survey, *id, is_wanted(*id, intent));
            let message = format!("node {id} can't be reached: {reason}");
            if passed.contains(id) {
                let fix = table::PASSED_OVER.say(&[("fix", &fix)]);
                return Finding::warning(FindingKind::NodeUnreachable, message, fix).about(*id);
            }
            let finding = if is_missed(id) {
                Finding::error(FindingKind::NodeUnreachable, message, fix)
            } else {
                Finding::warning(FindingKind::NodeUnreachable, message, fix)
            };
            let is_busy = reason.kind() == ErrorKind::NotReady;
            if is_busy || (is_missed(id) && may_be_replaced(survey, *id)) {
                finding.passing().about(*id)
            } else {
                finding.about(*id)
            }
        })
        .collect()
}

/// Whether a move that is planned or was begun goes from or to a node.
fn is_wanted(id: NodeId, intent: &Intent<'_>) -> bool {
    let moves = intent
        .moves
        .iter()
        .chain(intent.ours)
        .chain(intent.unfinished);
    moves
        .copied()
        .any(|task| task.source == id || task.target == id)
}

/// Whether a replica that can be reached may take over from a primary that can't.
fn may_be_replaced(survey: &Survey, primary: NodeId) -> bool {
    let follows = Role::Replica {
        primary: Some(primary),
    };
    let mut nodes = survey.nodes.iter();
    nodes.any(|(id, facts)| {
        let myself = facts.view.node(*id);
        myself.is_some_and(|node| node.role == follows && !node.flags.nofailover)
    })
}

/// Whether a primary that failed isn't missed: a replica serves its slots by now, except those
/// that are under way. A node that imports a slot doesn't learn of its source's promoted replica.
fn is_replaced(node: &Node, under_way: &SlotSet) -> bool {
    node.flags.fail && node.slots.iter().all(|slot| under_way.contains(slot))
}

pub(super) fn states(
    survey: &Survey,
    intent: &Intent<'_>,
    passed: &BTreeSet<NodeId>,
) -> Vec<Finding> {
    let under_way = |moves: &[Move]| moves.iter().map(|task| task.slot).collect::<SlotSet>();
    let (ours, unfinished) = (under_way(intent.ours), under_way(intent.unfinished));
    let down = survey.nodes.iter().filter(|(_, facts)| facts.state != "ok");
    down.map(|(id, facts)| {
        let message = format!("node {} says cluster_state:{}", facts.addr, facts.state);
        let mut dead = slots_of_the_dead(&facts.view);
        dead.extend(imported_from_nobody(&facts.view).iter());
        let is_part_of =
            |slots: &SlotSet| !dead.is_empty() && dead.iter().all(|slot| slots.contains(slot));
        let why = "it receives slots of a node that died, and doesn't learn of the replica that was promoted";
        let finding = if is_down_for(&facts.view, passed) {
            let fix = table::DOWN_BESIDE.say(&[]);
            Finding::warning(FindingKind::ClusterDown, message, fix)
        } else if is_part_of(&ours) {
            let fix = table::FINISHING_FIXES.say(&[]);
            Finding::warning(FindingKind::ClusterDown, format!("{message}: {why}"), fix)
        } else if is_part_of(&unfinished) {
            let fix = table::RESUME_FIXES.say(&[]);
            Finding::error(FindingKind::ClusterDown, format!("{message}: {why}"), fix)
        } else {
            let fix = fix::down(survey, *id);
            Finding::error(FindingKind::ClusterDown, message, fix).passing()
        };
        finding.about(*id)
    })
    .collect()
}

/// The slots that a node imports and knows no owner of: gossip gives them none ("an importing slot
/// should never be modified", Redis 7.0), only the end of their move does.
pub(super) fn imported_from_nobody(view: &ClusterView) -> SlotSet {
    let Some(myself) = view.myself() else {
        return SlotSet::new();
    };
    let open = myself.open.iter().filter_map(|open| match open {
        OpenSlot::Importing { slot, .. } => Some(*slot),
        OpenSlot::Migrating { .. } => None,
    });
    open.filter(|slot| view.map().owner(*slot).is_none())
        .collect()
}

/// Whether a node takes the cluster for down since these have slots, and for nobody else's.
fn is_down_for(view: &ClusterView, passed: &BTreeSet<NodeId>) -> bool {
    let nodes = view.nodes().iter();
    let mut dead = nodes.filter(|node| node.flags.fail && !node.slots.is_empty());
    let is_covered = view.map().unassigned().is_empty();
    is_covered && dead.clone().next().is_some() && dead.all(|node| passed.contains(&node.id))
}

/// The slots of which a node believes that their owner failed.
fn slots_of_the_dead(view: &ClusterView) -> SlotSet {
    let dead = view.nodes().iter().filter(|node| node.flags.fail);
    dead.flat_map(|node| node.slots.iter()).collect()
}

pub(super) fn failed(
    survey: &Survey,
    intent: &Intent<'_>,
    passed: &BTreeSet<NodeId>,
) -> Vec<Finding> {
    let ours = intent.slots_under_way();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (of, facts) in &survey.nodes {
        for node in facts.view.nodes() {
            let observer = facts.addr.to_string();
            let fix = |id| fix::failed(survey, id, *of, is_wanted(id, intent));
            // Of one that is passed over it is told that it can't be reached.
            if is_suspected(node)
                && !passed.contains(&node.id)
                && seen.insert(node.id)
                && let Some(finding) = failed_node(&observer, node, &ours, fix)
            {
                // One that answers us is coming back; another one may be replaced.
                let is_back = survey.nodes.contains_key(&node.id);
                all.push(if is_back || may_be_replaced(survey, node.id) {
                    finding.passing()
                } else {
                    finding
                });
            }
        }
    }
    all
}

fn is_suspected(node: &Node) -> bool {
    node.flags.fail || node.flags.pfail
}

/// A node that somebody takes for failed, in a view that was saved: nobody can be asked more.
pub(super) fn failed_of_view(observer: &str, node: &Node) -> Option<Finding> {
    let fix = |_| table::SAVED_VIEW.say(&[]);
    failed_node(observer, node, &SlotSet::default(), fix)
}

fn failed_node(
    observer: &str,
    node: &Node,
    under_way: &SlotSet,
    fix: impl Fn(NodeId) -> String,
) -> Option<Finding> {
    if !is_suspected(node) {
        return None;
    }
    let message = format!("{observer} takes node {} for failed", node.name());
    let fix = fix(node.id);
    let is_missed = node.is_primary() && !node.slots.is_empty() && !is_replaced(node, under_way);
    let finding = if is_missed {
        Finding::error(FindingKind::NodeFailed, message, fix)
    } else {
        Finding::warning(FindingKind::NodeFailed, message, fix)
    };
    Some(finding.about(node.id))
}

/// Every primary must know every other, or SETSLOT is refused half-way (`I don't know about node`).
pub(super) fn unacquainted(survey: &Survey) -> Vec<Finding> {
    let primaries: Vec<(NodeId, &NodeFacts)> = survey.primaries().collect();
    let mut all = Vec::new();
    for (id, facts) in &primaries {
        for (other, other_facts) in &primaries {
            // Whom it doesn't know at all is told by `members`.
            let is_cut_off = facts.view.node(*other).is_some_and(|node| {
                !node.is_usable() || !(node.flags.myself || node.link == LinkState::Connected)
            });
            if is_cut_off {
                let message = format!("{} has no bus link to {}", facts.addr, other_facts.addr);
                let fix = fix::unacquainted(survey, *id, *other);
                let finding = Finding::error(FindingKind::NotAcquainted, message, fix);
                all.push(finding.passing().about(*id));
            }
        }
    }
    all
}

/// Sources and targets of the plan that aren't primaries, or can't be asked.
pub(super) fn not_primaries(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
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
            let fix = "make a new plan";
            Finding::error(FindingKind::NotAPrimary, message, fix).about(*id)
        })
        .collect()
}
