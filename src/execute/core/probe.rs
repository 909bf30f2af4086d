//! Probes the topology: asks all primaries at one time what they believe, for whoever needs to
//! know.

use super::super::Move;
use super::super::bystanders;
use super::super::guard::SelfReports;
use super::super::mover::Unit;
use super::super::promoted;
use super::super::views::Views;
use super::interface::Options;
use super::schedule::ScheduledUnit;
use crate::cluster::{NodeId, parse};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};

/// A topology probe that is under way.
///
/// It answers the questions of the slots that were there when it began: what a
/// node said before a slot's last key had left says nothing of the time after.
#[derive(Clone, Debug, Hash)]
pub(super) struct Probe {
    to_ask: BTreeSet<NodeId>,
    asked: BTreeSet<NodeId>,
    /// When each node was asked.
    asked_ms: BTreeMap<NodeId, u64>,
    /// What each node says of itself.
    pub self_reports: SelfReports,
    /// What nodes believe of all: the sources and targets, and everybody when a slot wants to know
    /// where it stands.
    pub views: Views,
    /// Whose views are wanted.
    sides: BTreeSet<NodeId>,
    /// Who couldn't be asked, and why.
    silent: BTreeMap<NodeId, Error>,
    /// Units that want to begin.
    pub begins: Vec<ScheduledUnit>,
    /// Units that their target imports, by their first slots.
    pub claims: Vec<u16>,
    /// Units whose keys have left.
    pub confirms: Vec<u16>,
    /// Units that want to know where they stand.
    pub rechecks: Vec<u16>,
}

impl Probe {
    pub fn new(
        nodes: Vec<NodeId>,
        sides: BTreeSet<NodeId>,
        begins: Vec<ScheduledUnit>,
        [claims, confirms, rechecks]: [Vec<u16>; 3],
    ) -> Probe {
        Probe {
            to_ask: nodes.into_iter().collect(),
            asked: BTreeSet::new(),
            asked_ms: BTreeMap::new(),
            self_reports: SelfReports::new(),
            views: Views::new(),
            sides,
            silent: BTreeMap::new(),
            begins,
            claims,
            confirms,
            rechecks,
        }
    }

    /// The next node to ask, which is asked from then on.
    pub fn next(&mut self, now_ms: u64, is_free: impl Fn(&NodeId) -> bool) -> Option<NodeId> {
        let node = self.to_ask.iter().copied().find(is_free)?;
        self.to_ask.remove(&node);
        self.asked.insert(node);
        self.asked_ms.insert(node, now_ms);
        Some(node)
    }

    /// A node said what it believes, or couldn't be asked.
    pub fn heard(&mut self, node: NodeId, text: Result<String>) {
        if !self.asked.remove(&node) {
            return;
        }
        let read = text.and_then(|text| {
            let origin = format!("CLUSTER NODES of {node}");
            let myself = parse::myself(&text, &origin)?;
            // Views of all slots take a while to read, and only a recheck needs all of them.
            if !self.rechecks.is_empty() || self.sides.contains(&node) {
                let view = parse::cluster_nodes(&text, &origin)?;
                self.views.insert(node, view);
            }
            self.self_reports.insert(node, myself);
            Ok(())
        });
        if let Err(error) = read {
            self.silent.insert(node, error);
        }
    }

    /// When source and target were asked, whichever was the earlier: what they said may be as old.
    pub fn asked_both_ms(&self, unit: &Unit) -> u64 {
        let asked = [unit.source, unit.target].map(|id| self.asked_ms.get(&id));
        asked.into_iter().flatten().copied().min().unwrap_or(0)
    }

    /// When the first node was asked.
    pub fn began_ms(&self) -> u64 {
        self.asked_ms.values().copied().min().unwrap_or(0)
    }

    /// The link to a node broke: what it said before that says nothing of now.
    pub fn unhear(&mut self, node: NodeId, error: &Error) {
        if self.self_reports.remove(&node).is_some() {
            self.views.remove(&node);
            let error = Error::new(error.kind(), error.message());
            self.silent.insert(node, error);
        }
    }

    /// Whether a node's word is missing still.
    pub fn waits_for(&self, node: NodeId) -> bool {
        self.to_ask.contains(&node) || self.asked.contains(&node)
    }

    /// A node's word isn't waited for any more.
    pub fn give_up(&mut self, node: NodeId) {
        self.to_ask.remove(&node);
        self.asked.remove(&node);
        let error = Error::new(ErrorKind::Connect, "it takes long to answer");
        self.silent.insert(node, error);
    }

    /// Whether everybody was heard.
    pub fn is_complete(&self) -> bool {
        self.to_ask.is_empty() && self.asked.is_empty()
    }

    /// Who takes itself for a primary.
    pub fn primaries(&self) -> impl Iterator<Item = NodeId> {
        let self_reports = self.self_reports.iter();
        self_reports
            .filter(|(_, node)| node.is_primary())
            .map(|(id, _)| *id)
    }

    /// Who is a primary by now: those who say so, and those who are silent without a promoted
    /// replica.
    pub fn primaries_now(&self, options: &Options) -> Vec<NodeId> {
        let silent = self.silent.keys().copied();
        let silent = silent.filter(|id| options.primaries.contains(id));
        let mut primaries: Vec<NodeId> = silent
            .filter(|id| !self.is_replaced(*id, options))
            .chain(self.primaries())
            .collect();
        primaries.sort_unstable();
        primaries
    }

    /// A primary that can't be asked and that no replica of its own has replaced: it may have a
    /// slot open.
    pub fn silent_primary(&self, options: &Options) -> Option<Error> {
        self.silent_among(options, |_| true)
    }

    /// The same, without those that are dead and have no part in a unit ([`bystanders`]), as a
    /// probe for a recheck can tell.
    pub fn silent_but_bystanders(&self, unit: &Unit, options: &Options) -> Option<Error> {
        let moves: Vec<Move> = unit.moves().collect();
        let passed = bystanders::passed_over(&self.views, &options.shards, &moves);
        self.silent_among(options, |id| !passed.contains(&id))
    }

    /// The same, of those who have a part in a unit: its source, its target, and whoever may have
    /// taken over from one.
    pub fn silent_side(&self, unit: &Unit, options: &Options) -> Option<Error> {
        let shards = &options.shards;
        let has_part = |id: NodeId| {
            let mut sides = [unit.source, unit.target].into_iter();
            sides.any(|side| side == id || shards.are_in_one(side, id))
        };
        self.silent_among(options, has_part)
    }

    fn silent_among(&self, options: &Options, counts: impl Fn(NodeId) -> bool) -> Option<Error> {
        let is_primary = |id: &NodeId| options.primaries.contains(id);
        let mut silent = self.silent.iter();
        let (id, error) = silent
            .find(|(id, _)| is_primary(id) && counts(**id) && !self.is_replaced(**id, options))?;
        let message = format!("{} can't be asked: {}", options.name(*id), error.message());
        Some(Error::new(ErrorKind::Connect, message))
    }

    /// Whether a node has said of itself that it has no slot of this unit open.
    pub fn is_closed_at(&self, id: NodeId, unit: &Unit) -> bool {
        let node = self.self_reports.get(&id);
        let is_closed =
            |slot| node.is_some_and(|node| node.open.iter().all(|open| open.slot() != slot));
        unit.slots().all(is_closed)
    }

    /// Whether a replica of this node has taken over, as a probe for a recheck can tell.
    fn is_replaced(&self, id: NodeId, options: &Options) -> bool {
        promoted::in_place_of(&self.views, &options.shards, id).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{NODES, id, nodes_text};

    #[test]
    fn a_node_whose_link_broke_since_it_was_heard_is_silent() {
        let (nodes, sides) = (NODES.map(id).to_vec(), BTreeSet::new());
        let mut probe = Probe::new(nodes, sides, Vec::new(), Default::default());
        while let Some(node) = probe.next(0, |_| true) {
            let name = NODES.into_iter().find(|name| id(*name) == node);
            let text = nodes_text(name.expect("a node"), |_, line| line);
            probe.heard(node, Ok(text));
        }
        let options = Options {
            primaries: NODES.map(id).to_vec(),
            ..Options::default()
        };
        assert!(probe.is_complete() && probe.silent_primary(&options).is_none());
        probe.unhear(id('a'), &Error::new(ErrorKind::Connect, "it broke"));
        let silent = probe.silent_primary(&options).expect("a silent node");
        assert!(silent.message().contains("it broke"), "{silent:?}");
    }
}
