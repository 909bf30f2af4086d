//! Everything that makes moving slots unsafe, named, with its mend.
//!
//! Pure: a [`Survey`] goes in, findings come out. `redis-cli` moves slots in
//! several of these states and leaves them open, or loses keys.

use super::Move;
use super::finding::{Finding, FindingKind};
use super::survey::{NodeFacts, Permissions, Survey};
use crate::cluster::{ClusterView, LinkState, Node, NodeId, OpenSlot, agreement};
use crate::slot::SlotSet;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done, for the checks that depend on it.
#[derive(Clone, Debug, Default)]
pub struct Intent<'a> {
    /// The moves that are planned.
    pub moves: &'a [Move],
    /// The moves of an earlier run that are under way and will be finished first.
    pub ours: &'a [Move],
    /// Whether the source has to log in on the target, and with a user's name.
    pub login: LoginNeed,
    /// The bytes that each target receives, where that is known.
    pub incoming_bytes: BTreeMap<NodeId, u64>,
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
    all.extend(unreachable(survey));
    all.extend(states(survey));
    all.extend(failed(survey));
    all.extend(uncovered(survey));
    all.extend(disagreements(survey, intent));
    all.extend(open_slots(survey, intent));
    all.extend(unacquainted(survey));
    all.extend(strangers(survey, intent));
    all.extend(versions(survey, intent));
    all.extend(epochs(survey));
    all.extend(permissions(survey));
    all.extend(memory(survey, intent));
    all.extend(last_slots(survey, intent));
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
            .filter_map(|node| failed_node(&observer, node)),
    );
    all.extend(uncovered_slots(&observer, view));
    all.extend(
        view.open_slots()
            .map(|(id, open)| open_slot(&observer, id, open, view)),
    );
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    all
}

/// Primaries with slots and without a replica: nothing that a move needs, but a `check` says it.
pub fn without_replica(survey: &Survey) -> Vec<Finding> {
    let Some(view) = survey.nodes.values().map(|facts| &facts.view).next() else {
        return Vec::new();
    };
    view.shards()
        .iter()
        .filter(|shard| shard.replicas.is_empty() && !shard.primary.slots.is_empty())
        .map(|shard| {
            let message = format!("primary {} has no replica", shard.primary.name());
            let mend = "add a replica: if this node dies, its slots are gone";
            Finding::warning(FindingKind::NoReplica, message, mend).about(shard.primary.id)
        })
        .collect()
}

fn unreachable(survey: &Survey) -> Vec<Finding> {
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

fn states(survey: &Survey) -> Vec<Finding> {
    let down = survey.nodes.iter().filter(|(_, facts)| facts.state != "ok");
    down.map(|(id, facts)| {
        let message = format!("node {} says cluster_state:{}", facts.addr, facts.state);
        let mend = "a node that was just added needs some seconds; else look at CLUSTER INFO there";
        Finding::error(FindingKind::ClusterDown, message, mend).about(*id)
    })
    .collect()
}

fn failed(survey: &Survey) -> Vec<Finding> {
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

fn failed_node(observer: &str, node: &Node) -> Option<Finding> {
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

fn uncovered(survey: &Survey) -> Vec<Finding> {
    survey
        .primaries()
        .filter_map(|(id, facts)| {
            let finding = uncovered_slots(&facts.addr.to_string(), &facts.view)?;
            Some(finding.about(id))
        })
        .collect()
}

fn uncovered_slots(observer: &str, view: &ClusterView) -> Option<Finding> {
    let slots = view.map().unassigned();
    let first = slots.iter().next()?;
    let message = format!(
        "{observer} knows no owner for {} of the slots: {}",
        slots.len(),
        shortened(&slots)
    );
    let mend = "assign them with CLUSTER ADDSLOTS, or redis-cli --cluster fix";
    Some(Finding::error(FindingKind::SlotsUncovered, message, mend).at(first))
}

fn disagreements(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let ours: SlotSet = intent.ours.iter().map(|task| task.slot).collect();
    let views: Vec<_> = survey
        .primaries()
        .map(|(id, facts)| (id, &facts.view))
        .collect();
    agreement::disagreements(&views)
        .into_iter()
        .filter_map(|found| {
            let slots: SlotSet = found
                .slots
                .iter()
                .filter(|slot| !ours.contains(*slot))
                .collect();
            let first = slots.iter().next()?;
            let [one, other] = found.observers.map(|id| survey.name(id));
            let message = format!(
                "{one} and {other} disagree on the owner of {} slots: {}",
                slots.len(),
                shortened(&slots)
            );
            let mend = "wait some seconds for gossip; if it stays, find out who is right before \
                        anything moves";
            Some(Finding::error(FindingKind::OwnershipDisagreement, message, mend).at(first))
        })
        .collect()
}

fn open_slots(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    // Primaries only: a replica of Valkey 8 and later repeats what its primary has open.
    for (id, facts) in survey.primaries() {
        let Some(myself) = facts.view.node(id) else {
            continue;
        };
        let strange = myself
            .open
            .iter()
            .filter(|open| !is_ours(id, **open, intent.ours));
        all.extend(strange.map(|open| open_slot(&facts.addr.to_string(), id, *open, &facts.view)));
    }
    all
}

fn open_slot(place: &str, node: NodeId, open: OpenSlot, view: &ClusterView) -> Finding {
    let name = |id: NodeId| view.node(id).map_or_else(|| id.short(), Node::name);
    let state = match open {
        OpenSlot::Migrating { target, .. } => format!("MIGRATING to {}", name(target)),
        OpenSlot::Importing { source, .. } => format!("IMPORTING from {}", name(source)),
    };
    let message = format!("slot {} is open on {place}: {state}", open.slot());
    let mend = "somebody else moves it, or a move broke off: let that finish first";
    Finding::error(FindingKind::OpenSlot, message, mend)
        .about(node)
        .at(open.slot())
}

fn is_ours(node: NodeId, open: OpenSlot, ours: &[Move]) -> bool {
    ours.iter().any(|task| match open {
        OpenSlot::Migrating { slot, target } => {
            task.slot == slot && task.source == node && task.target == target
        }
        OpenSlot::Importing { slot, source } => {
            task.slot == slot && task.target == node && task.source == source
        }
    })
}

/// Every primary must know every other, or SETSLOT is refused half-way (`I don't know about node`).
fn unacquainted(survey: &Survey) -> Vec<Finding> {
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

fn strangers(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
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

fn versions(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut names = BTreeSet::new();
    for (id, facts) in survey.primaries() {
        let version = &facts.version;
        names.insert(version.to_string());
        let lacks = match intent.login {
            LoginNeed::Password if !version.migrates_with_password() => Some("log in (4.0.7)"),
            LoginNeed::User if !version.migrates_with_user() => Some("log in as a user (6.0)"),
            _ if !version.migrates_many_keys() => Some("take several keys (3.0.6)"),
            _ => None,
        };
        if let Some(lacks) = lacks {
            let message = format!("{} runs {version}, whose MIGRATE can't {lacks}", facts.addr);
            let mend = "update the server";
            all.push(Finding::error(FindingKind::ServerTooOld, message, mend).about(id));
        }
    }
    if names.len() > 1 {
        let names: Vec<String> = names.into_iter().collect();
        let message = format!("the primaries run different versions: {}", names.join(", "));
        let mend = "a newer server's values may not load on an older one: move towards newer nodes";
        all.push(Finding::warning(FindingKind::VersionMix, message, mend));
    }
    all
}

fn epochs(survey: &Survey) -> Vec<Finding> {
    let mut owners: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (_, facts) in survey.primaries() {
        owners
            .entry(facts.my_epoch)
            .or_default()
            .push(facts.addr.to_string());
    }
    owners
        .into_iter()
        .filter(|(epoch, names)| names.len() > 1 && *epoch > 0)
        .map(|(epoch, names)| {
            let message = format!("{} have the same config epoch {epoch}", names.join(" and "));
            let mend = "the nodes settle that by themselves: wait some seconds";
            Finding::warning(FindingKind::EpochCollision, message, mend)
        })
        .collect()
}

fn permissions(survey: &Survey) -> Vec<Finding> {
    survey
        .primaries()
        .filter_map(|(id, facts)| {
            let finding = match &facts.permissions {
                Permissions::Enough => return None,
                Permissions::Missing(words) => {
                    let message = format!("{}: {words}", facts.addr);
                    let mend = "log in as a user that may run it on all keys (ACL SETUSER)";
                    Finding::error(FindingKind::PermissionMissing, message, mend)
                }
                // Before 6.0 there are no permissions to miss.
                Permissions::Unknown if facts.version.redis < [6, 0, 0] => return None,
                Permissions::Unknown => {
                    let message = format!("{} doesn't tell what our user may do", facts.addr);
                    let mend = "make sure that it may run CLUSTER, MIGRATE, RESTORE, SELECT, ASKING, INFO, DUMP and PTTL";
                    Finding::warning(FindingKind::PermissionUnknown, message, mend)
                }
            };
            Some(finding.about(id))
        })
        .collect()
}

fn memory(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    intent
        .incoming_bytes
        .iter()
        .filter_map(|(id, incoming)| {
            let facts = survey.nodes.get(id)?;
            let limit = facts.max_bytes?;
            let needed = facts.used_bytes.saturating_add(*incoming);
            (needed > limit).then(|| {
                let message = format!(
                    "{} would need {needed} bytes with the {incoming} that it receives, but has \
                     maxmemory {limit}",
                    facts.addr
                );
                let mend = "raise maxmemory there, or move less";
                Finding::error(FindingKind::MemoryHeadroom, message, mend).about(*id)
            })
        })
        .collect()
}

/// A primary without slots becomes a replica of the one that took its last slot, from 7.0 on.
fn last_slots(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    survey
        .primaries()
        .filter_map(|(id, facts)| {
            let owned = facts.view.node(id)?.slots.len();
            let leaving = intent.moves.iter().filter(|task| task.source == id).count();
            let arriving = intent.moves.iter().filter(|task| task.target == id).count();
            let ends_empty = leaving > 0 && leaving == owned && arriving == 0;
            let turns = facts.version.may_turn_into_replica()
                && facts.allows_replica_migration.unwrap_or(true);
            (ends_empty && turns).then(|| {
                let message = format!(
                    "{} gives its last slot away and will turn into a replica by itself",
                    facts.addr
                );
                let mend = "set cluster-allow-replica-migration no there if it should stay a \
                            primary";
                Finding::warning(FindingKind::TurnsIntoReplica, message, mend).about(id)
            })
        })
        .collect()
}

/// The first runs of a set, for a message.
fn shortened(slots: &SlotSet) -> String {
    const MOST: usize = 5;
    let runs = slots.ranges();
    let shown: Vec<String> = runs.iter().take(MOST).map(ToString::to_string).collect();
    let more = if runs.len() > MOST { " …" } else { "" };
    format!("{}{more}", shown.join(" "))
}

#[cfg(test)]
mod tests;
