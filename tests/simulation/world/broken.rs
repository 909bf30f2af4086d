//! A rule of the executor that is broken on purpose, between the core and the nodes.
//!
//! The core itself has no switch for this: what it sends is sent elsewhere, or what it hears is
//! false, as if it didn't keep the rule.

use super::World;
use crate::model::{At, slot_of};
use slotkit::cluster::verb::{Reply, SetSlot, Verb};
use std::collections::BTreeSet;

/// A rule of the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The target knows the source's epoch before it owns the slot.
    EpochGuard,
    /// The target hears first that it owns the slot, then the source.
    TargetFirst,
    /// The target imports before the source gives away.
    ImportingFirst,
    /// What was begun is finished, never closed with `STABLE`.
    ForwardOnly,
    /// Database 0 is listed and counted whatever `INFO` says.
    DatabaseZero,
    /// A key that was sent is asked for on the target.
    TargetKeeps,
}

/// What is known to go wrong where a rule isn't kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Harm {
    /// A slot has a new owner that has just lost one of its keys, by its own fault.
    GivenToThief,
    /// A key is on no node any more: the slot's owner lost it to a higher epoch and deleted all.
    Wiped,
    /// A key reads nil at one node while another has it.
    ReadsNil,
    /// No primary takes itself for the slot's owner.
    NoOwner,
    /// Every node sends a client on to another.
    Loop,
}

impl World {
    /// Breaks a rule (or none), and looks for a harm instead of judging.
    pub fn seek(&mut self, broken: Option<Rule>, harm: Harm) {
        (self.broken, self.seeks) = (broken, Some(harm));
    }

    /// Where a verb goes, and as what.
    pub(super) fn as_broken(&self, node: At, verb: &Verb) -> (At, Verb) {
        let task = self.plan[0];
        let source = self.cluster.at(task.source).expect("a node");
        let target = self.cluster.at(task.target).expect("a node");
        let Verb::SetSlot { slot, state } = *verb else {
            return (node, verb.clone());
        };
        let other = if node == target { source } else { target };
        let is_ours = node == source || node == target;
        let turned = match (self.broken, state) {
            (Some(Rule::TargetFirst), SetSlot::Node { .. }) if is_ours => state,
            (Some(Rule::ImportingFirst), SetSlot::Importing { .. }) => SetSlot::Migrating {
                target: task.target,
            },
            (Some(Rule::ImportingFirst), SetSlot::Migrating { .. }) => SetSlot::Importing {
                source: task.source,
            },
            _ => return (node, verb.clone()),
        };
        (
            other,
            Verb::SetSlot {
                slot,
                state: turned,
            },
        )
    }

    /// What the core hears in place of a reply.
    pub(super) fn as_heard(&self, node: At, verb: &Verb, reply: Reply) -> Reply {
        let is_thief = self.cluster.swallows.contains(&node);
        match (self.broken, verb) {
            (Some(Rule::EpochGuard), Verb::ClusterInfo) => {
                Reply::Text(b"cluster_current_epoch:99\r\ncluster_my_epoch:1\r\n".to_vec())
            }
            (Some(Rule::DatabaseZero), Verb::KeysInSlot { .. }) => Reply::List(Vec::new()),
            (Some(Rule::DatabaseZero), Verb::CountKeys(_)) => Reply::Int(0),
            (Some(Rule::TargetKeeps), Verb::CountKeys(_)) if is_thief => Reply::Int(9),
            (Some(Rule::TargetKeeps), Verb::Pttl(_)) if reply == Reply::Int(-2) => Reply::Int(-1),
            _ => reply,
        }
    }

    /// What `redis-cli --cluster fix` does at times: what is open is closed where it is.
    pub(super) fn go_back(&mut self) {
        if self.broken != Some(Rule::ForwardOnly) {
            return;
        }
        for at in 0..self.cluster.nodes.len() {
            for task in self.plan.clone() {
                let (slot, state) = (task.slot, SetSlot::Stable);
                self.cluster.answer(at, &Verb::SetSlot { slot, state });
            }
        }
    }

    pub(super) fn harms(&self) -> BTreeSet<Harm> {
        let mut harms = BTreeSet::new();
        let cluster = &self.cluster;
        let primaries: Vec<At> = cluster.alive_primaries().collect();
        for (key, expected) in &self.client.expected {
            let slot = slot_of(key);
            let owns = |at: &At| cluster.nodes[*at].owners.get(&slot) == Some(at);
            if !primaries.iter().any(owns) {
                harms.insert(Harm::NoOwner);
            }
            let reads: Vec<_> = primaries.iter().map(|at| cluster.read(*at, key)).collect();
            let is_whole = cluster.cut.is_empty() && cluster.nodes.iter().all(|node| node.is_alive);
            if is_whole && reads.iter().all(Option::is_none) {
                harms.insert(Harm::Loop);
            }
            let is_there = cluster.nodes.iter().any(|node| node.data.contains_key(key));
            if expected.is_some() && !is_there {
                harms.insert(Harm::Wiped);
            }
            let has_thief = cluster.swallows.iter().any(owns);
            if expected.is_some() && !is_there && has_thief {
                harms.insert(Harm::GivenToThief);
            }
            let is_nil = reads.iter().flatten().any(|(_, found)| found.is_none());
            if expected.is_some() && is_there && is_nil {
                harms.insert(Harm::ReadsNil);
            }
        }
        harms
    }
}
