//! Nodes that can't be asked, that others take for failed, or that don't know each other.

use super::replicas::{self, Candidate};
use super::table::{self, Fix};
use super::words::{listed, meet_words, name, told, unassigned};
use crate::cluster::{ClusterView, LinkState, Node, NodeId, Role};
use crate::error::Why;
use crate::execute::bystanders;
use crate::execute::survey::Survey;
use crate::numbers::counted_text;
use crate::slot::SlotSet;
use std::collections::BTreeSet;

/// How many nodes are named where all have to be visited.
const NAMED_MAX: usize = 64;
/// The bus of a node listens this far above its port, where nothing else is set.
const BUS_OFFSET: u32 = 10_000;

/// What to do about a node that can't be asked.
///
/// `is_wanted` is whether a move that was begun, or is planned, goes from or to it.
pub fn absent(survey: &Survey, id: NodeId, is_wanted: bool) -> String {
    let why = survey
        .unreachable
        .get(&id)
        .and_then(crate::error::Error::why);
    let is_met = |what: &dyn Fn(&Node) -> bool| told(survey, id).any(|(_, node)| what(node));
    let fix = match why {
        _ if told(survey, id).next().is_none() => table::GONE_MEANWHILE,
        _ if is_met(&|node| node.flags.handshake) => table::BEING_MET,
        Some(Why::NoAddress) => table::ADDRESS_LOST,
        Some(Why::AnotherNode) => table::SOMEBODY_ELSE,
        Some(Why::NotAServer | Why::HungUp) => table::NOT_A_SERVER,
        Some(Why::NoCluster) => table::NO_CLUSTER,
        Some(Why::LoginMissing) => table::LOGIN_MISSING,
        Some(Why::LoginWrong) => table::LOGIN_WRONG,
        Some(Why::LoginUnknown) => table::LOGIN_UNKNOWN,
        Some(Why::Forbidden) => table::FORBIDDEN,
        Some(Why::Protected) => table::PROTECTED,
        Some(Why::Loading) => table::LOADING,
        _ if is_missed(survey, id) => return gone(survey, id, is_wanted),
        Some(Why::UnknownHost) => table::NAME_UNKNOWN_HERE,
        Some(Why::Refused) => table::NOBODY_LISTENS,
        _ => table::SILENT_HERE,
    };
    said(survey, id, &fix, &[])
}

/// What to do about a node that somebody takes for failed.
pub fn failed(survey: &Survey, id: NodeId, observer: NodeId, is_wanted: bool) -> String {
    if survey.unreachable.contains_key(&id) {
        return absent(survey, id, is_wanted);
    }
    let parts = [
        ("bus", bus(survey, id)),
        ("observer", name(survey, observer)),
    ];
    said(survey, id, &table::BUS_CUT, &parts)
}

/// What to do where one primary has no link to another.
pub fn unacquainted(survey: &Survey, observer: NodeId, id: NodeId) -> String {
    let known = survey
        .nodes
        .get(&observer)
        .and_then(|facts| facts.view.node(id));
    let fix = match known {
        None => table::NOT_MET,
        Some(_) => table::LINK_DOWN,
    };
    let parts = [
        ("bus", bus(survey, id)),
        ("observer", name(survey, observer)),
    ];
    said(survey, id, &fix, &parts)
}

/// What to do about a node that says that the cluster is down.
pub fn down(survey: &Survey, id: NodeId) -> String {
    let view = survey.nodes.get(&id).map(|facts| &facts.view);
    let has_dead = |view: &&ClusterView| {
        let mut nodes = view.nodes().iter();
        nodes.any(|node| (node.flags.fail || node.flags.pfail) && !node.slots.is_empty())
    };
    let fix = match view {
        Some(view) if !unassigned(view).is_empty() => table::DOWN_WITHOUT_OWNERS,
        Some(view) if has_dead(&view) => table::DOWN_WITH_THE_DEAD,
        _ => table::DOWN_ALONE,
    };
    said(survey, id, &fix, &[])
}

fn said(survey: &Survey, id: NodeId, fix: &Fix, more: &[(&str, String)]) -> String {
    let any = survey
        .nodes
        .values()
        .next()
        .map(|facts| facts.addr.to_string());
    let (addr, any) = (name(survey, id), any.unwrap_or_default());
    let (meet, full) = (meet_words(survey, id), id.to_string());
    let mut parts = vec![
        ("node", addr.as_str()),
        ("addr", addr.as_str()),
        ("id", full.as_str()),
        ("any", any.as_str()),
        ("meet", meet.as_str()),
    ];
    parts.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
    fix.say(&parts)
}

fn bus(survey: &Survey, id: NodeId) -> String {
    let addr = survey.nodes.get(&id).map(|facts| &facts.addr);
    addr.map_or_else(
        || "its port + 10000".to_owned(),
        |addr| {
            format!(
                "{}, unless cluster-port says otherwise",
                u32::from(addr.port) + BUS_OFFSET
            )
        },
    )
}

/// Whether somebody misses it, which nobody does for some seconds after it died: an answering node
/// takes it for failed, or has no link to it.
fn is_missed(survey: &Survey, id: NodeId) -> bool {
    let misses =
        |node: &Node| node.flags.fail || node.flags.pfail || node.link == LinkState::Disconnected;
    told(survey, id).any(|(_, node)| misses(node))
}

/// A node that nobody reaches.
fn gone(survey: &Survey, id: NodeId, is_wanted: bool) -> String {
    let slots = owned(survey, id);
    match replicas::candidate(survey, id) {
        Some(Candidate::InStep { replica, state }) if !slots.is_empty() => {
            let parts = [("replica", name(survey, replica)), ("state", state)];
            return said(survey, id, &table::REPLICA_TAKES_OVER, &parts);
        }
        Some(Candidate::WithNothing { replica }) if !slots.is_empty() => {
            let parts = [
                ("replica", name(survey, replica)),
                ("slots", slots.len().to_string()),
            ];
            return said(survey, id, &table::REPLICA_HAS_NOTHING, &parts);
        }
        _ => {}
    }
    match reason_to_keep(survey, id, &slots, is_wanted) {
        Some(reason) => {
            let parts = [("reason", reason)];
            said(survey, id, &table::START_IT_WITH_ITS_FILES, &parts)
        }
        None => {
            let others = survey.nodes.values().map(|facts| facts.addr.to_string());
            let mut others: Vec<String> = others.collect();
            if others.len() > NAMED_MAX {
                others.truncate(NAMED_MAX);
                others.push("and the others of CLUSTER NODES".to_owned());
            }
            let is_replica = told(survey, id).all(|(_, node)| !node.is_primary());
            let fix = if is_replica {
                table::FORGET_REPLICA
            } else {
                table::FORGET_IT
            };
            said(survey, id, &fix, &[("everybody", others.join(", "))])
        }
    }
}

/// The slots that anybody takes for a node's own.
fn owned(survey: &Survey, id: NodeId) -> SlotSet {
    told(survey, id)
        .flat_map(|(_, node)| node.slots.iter())
        .collect()
}

/// Why a node that nobody reaches must not be taken out: what may be on it and nowhere else.
fn reason_to_keep(survey: &Survey, id: NodeId, slots: &SlotSet, is_wanted: bool) -> Option<String> {
    if !slots.is_empty() {
        return Some(format!(
            "it owns {}: ",
            counted_text(slots.len() as u64, "slot")
        ));
    }
    let is_open = |facts: &crate::execute::survey::NodeFacts| {
        let mut open = facts.view.open_slots();
        open.any(|(_, open)| open.other() == id)
    };
    if is_wanted || survey.nodes.values().any(is_open) {
        return Some("a slot is on its way from or to it: ".to_owned());
    }
    if survey
        .primaries()
        .any(|(_, facts)| !unassigned(&facts.view).is_empty())
    {
        return Some("slots have no owner, and it may have their keys: ".to_owned());
    }
    let followers: BTreeSet<NodeId> = replicas::of(survey, id).collect();
    if !followers.is_empty() {
        let names: Vec<String> = followers.iter().map(|id| name(survey, *id)).collect();
        return Some(format!("{} still follows it: ", listed(&names)));
    }
    let follows_absent = told(survey, id).any(|(_, node)| match node.role {
        Role::Replica { primary } => {
            primary.is_none_or(|primary| !survey.nodes.contains_key(&primary))
        }
        Role::Primary => false,
    });
    if follows_absent {
        return Some(
            "its primary can't be reached either, and it may be the only one with the keys: "
                .to_owned(),
        );
    }
    (!is_dead(survey, id)).then(String::new)
}

/// Whether a majority of the primaries that serve slots takes it for failed, by their own word.
fn is_dead(survey: &Survey, id: NodeId) -> bool {
    let nodes = survey.nodes.iter();
    bystanders::is_failed(nodes.map(|(id, facts)| (id, &facts.view)), id)
}
