//! Puts together what goes out to which node, in one write.
//!
//! A server works a write off before it serves anybody else, so what takes
//! time is kept apart: keys, at most so many; listings, at most so many; and
//! `SETSLOT`s, of which any number costs one sync of the node's own file.

use super::flight::Flight;
use super::flight_state::FlightState;
use super::reassign;
use super::schedule::Pair;
use super::{Core, Effect, Note, RunControl};
use crate::cluster::verb::{Reply, Verb};
use crate::cluster::{NodeAddr, NodeId};
use crate::execute::failures::Failures;
use crate::execute::timeouts::shared_by;
use std::collections::BTreeSet;

/// How many listed keys go into one write, in batches of keys: listing costs a small part of
/// what moving does.
const LISTED_BATCHES: u64 = 4;

/// Which part of a write is whose.
#[derive(Clone, Debug, Hash)]
pub(super) enum Part {
    Flight(u16),
    Probe,
    Proof(u16),
    Reassign,
    Failures,
    Rest(Pair),
}

/// A write under way.
#[derive(Clone, Debug, Hash)]
pub(super) struct Sent {
    /// Whose each part is, and which replies it waits for, in its own order.
    pub parts: Vec<(Part, Vec<usize>)>,
    /// From which reply on several parts may wait for the same.
    pub shared_from: usize,
    pub at_ms: u64,
    pub keys: u64,
}

impl Sent {
    /// The replies that a part waits for. Those that it alone waits for are taken: they may be
    /// long.
    pub fn take_replies(&self, places: &[usize], replies: &mut [Reply]) -> Vec<Reply> {
        let take = |place: &usize| {
            let reply = replies.get_mut(*place)?;
            Some(if *place < self.shared_from {
                std::mem::replace(reply, Reply::Nil)
            } else {
                reply.clone()
            })
        };
        places.iter().filter_map(take).collect()
    }
}

impl Core {
    /// The next write to a node that has none under way.
    pub(super) fn next_write(&mut self) -> Option<Effect> {
        if let Some((slot, node, addr)) = self.next_proof() {
            let parts = vec![(Part::Proof(slot), vec![Verb::MyId])];
            return Some(self.send(node, Some(addr), parts, 0));
        }
        if let Some((promoted, slots)) = self.next_to_reassign() {
            let parts = vec![(Part::Reassign, reassign::verbs(promoted, &slots))];
            return Some(self.send(promoted, None, parts, 0));
        }
        if let Some(pair) = self.next_rest() {
            let parts = vec![(Part::Rest(pair), vec![Verb::MyId])];
            return Some(self.send(pair.1, None, parts, 0));
        }
        if let Some(source) = self.next_uncounted() {
            let parts = vec![(Part::Failures, Failures::questions())];
            return Some(self.send(source, None, parts, 0));
        }
        let asked = self.probe.as_mut().and_then(|probe| {
            let free = |id: &NodeId| !self.writes.contains_key(id);
            probe.next(self.now_ms, free)
        });
        let node = match asked {
            Some(node) => Some(node),
            None => self.next_node(),
        }?;
        let mut parts: Vec<(Part, Vec<Verb>)> = Vec::new();
        if asked.is_some() {
            parts.push((Part::Probe, vec![Verb::Nodes]));
        }
        let slots = self.asks_without_keys(node);
        let sets = |slot: &u16| self.flights.get(slot).is_some_and(Flight::asks_to_set);
        // A `SETSLOT` is synced: the server would be busy with that and with keys at once.
        let (senders, keys) = if slots.iter().any(sets) {
            (Vec::new(), 0)
        } else {
            self.asks_with_keys(node)
        };
        let many = senders.len();
        parts.extend(self.parts_of(node, slots.into_iter().chain(senders), many));
        Some(self.send(node, None, parts, keys))
    }

    /// What can be asked before anything is written down.
    pub(super) fn next_at_once(&mut self) -> Option<Effect> {
        self.next_keys_alone().or_else(|| self.next_proofs())
    }

    /// Keys from a node that is to be asked nothing else, where all that they want is written down.
    fn next_keys_alone(&mut self) -> Option<Effect> {
        // What a source counted of its failures is on disk before keys are sent that it is about.
        let counts = |note: &Note| matches!(note, Note::Failures(..));
        if self.recording.is_some() || self.notes.iter().any(counts) {
            return None;
        }
        let node = self.next_node_for_keys()?;
        let (senders, keys) = self.asks_with_keys(node);
        let many = senders.len();
        let parts = self.parts_of(node, senders.into_iter(), many);
        (many > 0).then(|| self.send(node, None, parts, keys))
    }

    /// Whether a target keeps what it took: others of the pair wait for the answer.
    fn next_proofs(&mut self) -> Option<Effect> {
        let proving = self
            .flights
            .values()
            .find_map(|flight| match flight.state() {
                FlightState::Asks { node, .. } if flight.proves() > 0 => Some(*node),
                _ => None,
            });
        let node = proving.filter(|node| !self.writes.contains_key(node))?;
        let slots = self.asks_without_keys(node).into_iter();
        let parts = self.parts_of(node, slots, 0);
        Some(self.send(node, None, parts, 0))
    }

    /// A free node that somebody wants to send keys from, where nobody wants to ask it anything
    /// else, and nobody's keys have yet to be written down: few keys of several slots go together.
    fn next_node_for_keys(&self) -> Option<NodeId> {
        let looked_at = self.probe.as_ref();
        let is_free = |node: &NodeId| {
            !self.writes.contains_key(node)
                && !looked_at.is_some_and(|probe| probe.waits_for(*node))
        };
        let (mut sending, mut others) = (None, BTreeSet::new());
        for flight in self.flights.values() {
            let FlightState::Asks { node, .. } = flight.state() else {
                continue;
            };
            if !flight.sends_keys() || !self.is_noted(flight) {
                others.insert(*node);
            } else if is_free(node) {
                sending = sending.or(Some(*node));
            }
        }
        let node = sending.filter(|node| !others.contains(node))?;
        self.failures.contains_key(&node).then_some(node)
    }

    /// What these slots ask a node, where so many of them send keys.
    fn parts_of(
        &mut self,
        node: NodeId,
        slots: impl Iterator<Item = u16>,
        senders: usize,
    ) -> Vec<(Part, Vec<Verb>)> {
        let failures = self.failures.get(&node).cloned().flatten();
        let mut part = |slot| {
            let flight = self.flights.get_mut(&slot)?;
            if let Some(batches) = flight.machine.batches_mut() {
                batches.sends_after(failures.clone());
            }
            Some((Part::Flight(slot), flight.take_verbs(senders)))
        };
        slots.filter_map(&mut part).collect()
    }

    /// What a node is asked about itself goes last, once for all slots that ask it: so each of them
    /// hears what was so after everything that it has sent.
    fn send(
        &mut self,
        node: NodeId,
        at: Option<NodeAddr>,
        parts: Vec<(Part, Vec<Verb>)>,
        keys: u64,
    ) -> Effect {
        let all = parts.iter().flat_map(|(_, verbs)| verbs);
        let shared_from = all.filter(|verb| !is_about_the_node(verb)).count();
        let mut sent = Sent {
            parts: Vec::with_capacity(parts.len()),
            shared_from,
            at_ms: self.now_ms,
            keys,
        };
        let (mut own, mut shared) = (Vec::with_capacity(shared_from), Vec::new());
        for (part, verbs) in parts {
            let mut place = |verb| {
                if is_about_the_node(&verb) {
                    shared_from + place_in(&mut shared, verb)
                } else {
                    own.push(verb);
                    own.len() - 1
                }
            };
            let places = verbs.into_iter().map(&mut place).collect();
            sent.parts.push((part, places));
        }
        let migrates = own.iter().filter(|verb| matches!(verb, Verb::Migrate(_)));
        self.outcome.migrates += migrates.count() as u64;
        self.writes.insert(node, sent);
        own.extend(shared);
        Effect::Ask {
            node,
            at,
            verbs: own,
        }
    }

    fn next_proof(&self) -> Option<(u16, NodeId, NodeAddr)> {
        self.flights.iter().find_map(|(slot, flight)| {
            let FlightState::Proves { addr, .. } = flight.state() else {
                return None;
            };
            let node = flight.scheduled.unit.target;
            (!self.writes.contains_key(&node)).then(|| (*slot, node, addr.clone()))
        })
    }

    /// A node that somebody wants to ask something, and may.
    fn next_node(&mut self) -> Option<NodeId> {
        let (now_ms, ready) = (self.now_ms, self.throttle.ready_at(self.now_ms));
        let is_held = self.control == RunControl::Pause;
        let (unproven, entrance) = (self.unproven(), self.entrance());
        self.flights
            .values()
            .find_map(|flight| match flight.state() {
                FlightState::Asks { node, .. }
                    if !self.writes.contains_key(node) && entrance.lets_in(flight) =>
                {
                    let sends = flight.sends_keys();
                    let may_send = ready <= now_ms && !is_held && self.may_send(flight, &unproven);
                    (!sends || may_send).then_some(*node)
                }
                _ => None,
            })
    }

    /// The slots whose verbs go into the next write to a node, of those that send no keys.
    fn asks_without_keys(&self, node: NodeId) -> Vec<u16> {
        let most = u64::from(self.keys_per_migrate()) * LISTED_BATCHES;
        let mut listed: u64 = 0;
        let entrance = self.entrance();
        let asking = self.flights.iter().filter(|(_, flight)| {
            flight.asks(node) && !flight.sends_keys() && entrance.lets_in(flight)
        });
        let fitting = asking.filter(|(_, flight)| {
            let lists = flight.lists();
            let fits = lists == 0 || listed == 0 || listed + lists <= most;
            listed += if fits { lists } else { 0 };
            fits
        });
        fitting.map(|(slot, _)| *slot).collect()
    }

    /// The slots that send keys in the next write to a node, and how many: those that began first
    /// are finished first. The source waits for a target that stands still once for each `MIGRATE`;
    /// so several go together only where none was broken off lately, and as few as can share the
    /// time, with half of the keys that one may have: a target that begins to swallow gets no more
    /// by it.
    fn asks_with_keys(&mut self, node: NodeId) -> (Vec<u16>, u64) {
        let is_held = self.control == RunControl::Pause;
        if is_held || self.throttle.ready_at(self.now_ms) > self.now_ms {
            return (Vec::new(), 0);
        }
        let mut unproven = self.unproven();
        let wants = |flight: &Flight| {
            flight.asks(node) && flight.sends_keys() && self.may_send(flight, &unproven)
        };
        let flights = self.flights.iter().filter(|(_, flight)| wants(flight));
        let mut flights: Vec<(&u16, &Flight)> = flights.collect();
        flights.sort_unstable_by_key(|(_, flight)| flight.scheduled.turn);
        let Some((_, first)) = flights.first() else {
            return (Vec::new(), 0);
        };
        let most_keys = u64::from(self.keys_per_migrate()) / 2;
        let many = if self.may_share(first) {
            shared_by(self.options.timeouts.usual_ms)
        } else {
            1
        };
        let (mut slots, mut keys, mut bytes) = (Vec::new(), 0, 0);
        for (slot, flight) in flights {
            let (more_keys, more_bytes) = flight.batch();
            let fits = keys + more_keys <= most_keys
                && self.may_share(flight)
                && self.is_within_a_batch(flight, &unproven);
            if slots.is_empty() || (slots.len() < many && fits) {
                slots.push(*slot);
                unproven.add(flight.pair(), flight.sends());
                keys += more_keys;
                bytes += more_bytes;
            }
        }
        self.throttle.sends(keys, bytes);
        (slots, keys)
    }

    /// Whether a slot's keys may go in one write with those of others.
    fn may_share(&self, flight: &Flight) -> bool {
        flight.is_calm() && !self.rests.remembers(flight.pair())
    }

    /// When something can be sent again without an answer.
    pub(super) fn next_moment(&mut self) -> Option<u64> {
        let ready = self.throttle.ready_at(self.now_ms);
        let is_held = self.control == RunControl::Pause;
        let (unproven, entrance) = (self.unproven(), self.entrance());
        let moments = self
            .flights
            .values()
            .filter_map(|flight| match flight.state() {
                FlightState::Until(moment) | FlightState::Vouches { until_ms: moment } => {
                    Some(*moment)
                }
                FlightState::Unclear(recheck) => Some(recheck.due_ms),
                FlightState::Asks { node, .. }
                    if !self.writes.contains_key(node)
                        && !is_held
                        && self.may_send(flight, &unproven) =>
                {
                    (ready > self.now_ms || entrance.lets_in(flight)).then_some(ready)
                }
                _ => None,
            });
        let moments = moments.chain(self.next_rest_ends());
        moments.chain(self.probed_until()).min()
    }
}

/// Whether a node is asked about itself, and not about a slot: one answer does for every slot that
/// asks in the same write. What it counts of failures isn't meant: that is about what goes before
/// it.
fn is_about_the_node(verb: &Verb) -> bool {
    matches!(verb, Verb::ClusterInfo | Verb::Info("keyspace"))
}

/// Where a verb is among those that are asked for all; it is added if it isn't there.
fn place_in(shared: &mut Vec<Verb>, verb: Verb) -> usize {
    let known = shared
        .iter()
        .position(|known| known.words() == verb.words());
    known.unwrap_or_else(|| {
        shared.push(verb);
        shared.len() - 1
    })
}
