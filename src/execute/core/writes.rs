//! What goes out to which node, in one write.

use super::flight::Wish;
use super::{Core, PersonsWish, Step};
use crate::cluster::verb::Verb;
use crate::cluster::{NodeAddr, NodeId};

/// Which part of a write is whose.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Flight(u16),
    Look,
    Proof(u16),
}

/// A write under way.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub parts: Vec<(Part, usize)>,
    pub at_ms: u64,
    pub keys: u64,
}

impl Core {
    /// The next write to a node that has none under way.
    pub(super) fn next_write(&mut self) -> Option<Step> {
        if let Some((slot, node, addr)) = self.next_proof() {
            let parts = vec![(Part::Proof(slot), vec![Verb::MyId])];
            return Some(self.send(node, Some(addr), parts, 0));
        }
        let asked = self.look.as_mut().and_then(|look| {
            let free = |id: &NodeId| !self.writes.contains_key(id);
            look.next(free)
        });
        let node = match asked {
            Some(node) => Some(node),
            None => self.next_node(),
        }?;
        let mut parts: Vec<(Part, Vec<Verb>)> = Vec::new();
        if asked.is_some() {
            parts.push((Part::Look, vec![Verb::Nodes]));
        }
        let (slots, keys) = self.wishes_for(node);
        for slot in slots {
            if let Some(flight) = self.flights.get_mut(&slot) {
                parts.push((Part::Flight(slot), flight.take_verbs()));
            }
        }
        Some(self.send(node, None, parts, keys))
    }

    pub(super) fn send(
        &mut self,
        node: NodeId,
        at: Option<NodeAddr>,
        parts: Vec<(Part, Vec<Verb>)>,
        keys: u64,
    ) -> Step {
        let sent = Sent {
            parts: parts
                .iter()
                .map(|(part, verbs)| (part.clone(), verbs.len()))
                .collect(),
            at_ms: self.now_ms,
            keys,
        };
        self.writes.insert(node, sent);
        let verbs = parts.into_iter().flat_map(|(_, verbs)| verbs).collect();
        Step::Ask { node, at, verbs }
    }

    pub(super) fn next_proof(&self) -> Option<(u16, NodeId, NodeAddr)> {
        self.flights.iter().find_map(|(slot, flight)| {
            let Wish::Proves { addr, .. } = &flight.wish else {
                return None;
            };
            let node = flight.ticket.task.target;
            (!self.writes.contains_key(&node)).then(|| (*slot, node, addr.clone()))
        })
    }

    /// A node that somebody wants to ask something, and may.
    pub(super) fn next_node(&mut self) -> Option<NodeId> {
        let (now_ms, ready) = (self.now_ms, self.pace.ready_at(self.now_ms));
        let is_held = self.wish == PersonsWish::Pause;
        self.flights.values().find_map(|flight| match &flight.wish {
            Wish::Asks { node, .. } if !self.writes.contains_key(node) => {
                let sends = flight.machine.batch().0 > 0;
                (!sends || (ready <= now_ms && !is_held)).then_some(*node)
            }
            _ => None,
        })
    }

    /// The slots whose wish goes into the next write to a node, and how many keys that sends.
    pub(super) fn wishes_for(&mut self, node: NodeId) -> (Vec<u16>, u64) {
        let most = u64::from(self.keys_per_migrate());
        let (now_ms, is_held) = (self.now_ms, self.wish == PersonsWish::Pause);
        let (mut slots, mut sum) = (Vec::new(), 0);
        for (slot, flight) in &self.flights {
            if !matches!(&flight.wish, Wish::Asks { node: wanted, .. } if *wanted == node) {
                continue;
            }
            let (keys, bytes) = flight.machine.batch();
            if keys > 0 {
                // A wish above the limit goes alone: each makes headway in some round.
                let fits = sum == 0 || sum + keys <= most;
                if is_held || !fits || self.pace.ready_at(now_ms) > now_ms {
                    continue;
                }
                sum += keys;
                self.pace.sends(keys, bytes);
            }
            slots.push(*slot);
        }
        (slots, sum)
    }

    /// When something can be sent again without an answer.
    pub(super) fn next_moment(&mut self) -> Option<u64> {
        let ready = self.pace.ready_at(self.now_ms);
        let is_held = self.wish == PersonsWish::Pause;
        let moments = self
            .flights
            .values()
            .filter_map(|flight| match &flight.wish {
                Wish::Until(moment) => Some(*moment),
                Wish::Unclear(doubt) => Some(doubt.due_ms),
                Wish::Asks { node, .. } if !self.writes.contains_key(node) && !is_held => {
                    Some(ready)
                }
                _ => None,
            });
        moments.min()
    }
}
