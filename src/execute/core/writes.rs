//! What goes out to which node, in one write.
//!
//! A server works a write off before it serves anybody else, so what takes
//! time is kept apart: keys, at most so many; listings, at most so many; and
//! `SETSLOT`s, of which any number costs one sync of the node's own file.

use super::flight::Flight;
use super::gifts::told;
use super::schedule::Pair;
use super::wish::Wish;
use super::{Core, PersonsWish, Step};
use crate::cluster::verb::{Reply, Verb};
use crate::cluster::{NodeAddr, NodeId};
use crate::execute::failures::Failures;
use crate::execute::timeouts::shared_by;

/// How many listed keys go into one write, in batches of keys: listing costs a small part of
/// what moving does.
const LISTED_BATCHES: u64 = 4;

/// Which part of a write is whose.
#[derive(Clone, Debug, Hash)]
pub(super) enum Part {
    Flight(u16),
    Look,
    Proof(u16),
    Gift,
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
    /// The replies that a part waits for. Those that it alone waits for are taken: they may be long.
    pub fn take_replies(&self, places: &[usize], replies: &mut [Reply]) -> Vec<Reply> {
        let take = |place: &usize| {
            let reply = replies.get_mut(*place)?;
            Some(match *place < self.shared_from {
                true => std::mem::replace(reply, Reply::Nil),
                false => reply.clone(),
            })
        };
        places.iter().filter_map(take).collect()
    }
}

impl Core {
    /// The next write to a node that has none under way.
    pub(super) fn next_write(&mut self) -> Option<Step> {
        if let Some((slot, node, addr)) = self.next_proof() {
            let parts = vec![(Part::Proof(slot), vec![Verb::MyId])];
            return Some(self.send(node, Some(addr), parts, 0));
        }
        if let Some((heir, slots)) = self.next_gift() {
            let parts = vec![(Part::Gift, told(heir, &slots))];
            return Some(self.send(heir, None, parts, 0));
        }
        if let Some(pair) = self.next_rest() {
            let parts = vec![(Part::Rest(pair), vec![Verb::MyId])];
            return Some(self.send(pair.1, None, parts, 0));
        }
        if let Some(source) = self.next_uncounted() {
            let parts = vec![(Part::Failures, Failures::questions())];
            return Some(self.send(source, None, parts, 0));
        }
        let asked = self.look.as_mut().and_then(|look| {
            let free = |id: &NodeId| !self.writes.contains_key(id);
            look.next(self.now_ms, free)
        });
        let node = match asked {
            Some(node) => Some(node),
            None => self.next_node(),
        }?;
        let mut parts: Vec<(Part, Vec<Verb>)> = Vec::new();
        if asked.is_some() {
            parts.push((Part::Look, vec![Verb::Nodes]));
        }
        let mut slots = self.wishes_without_keys(node);
        let mut senders = 0;
        let sets = |slot: &u16| self.flights.get(slot).is_some_and(Flight::asks_to_set);
        let mut keys = 0;
        // A look is waited for by many, and a `SETSLOT` is synced: neither goes with keys.
        if asked.is_none() && !slots.iter().any(sets) {
            let (sending, sum) = self.wishes_with_keys(node);
            senders = sending.len();
            slots.extend(sending);
            keys = sum;
        }
        for slot in slots {
            if let Some(flight) = self.flights.get_mut(&slot) {
                let failures = self.failures.get(&node).cloned().flatten();
                flight.machine.sends_after(failures);
                parts.push((Part::Flight(slot), flight.take_verbs(senders)));
            }
        }
        Some(self.send(node, None, parts, keys))
    }

    /// What a node is asked about itself goes last, once for all slots that ask it: so each of them
    /// hears what was so after everything that it has sent.
    fn send(
        &mut self,
        node: NodeId,
        at: Option<NodeAddr>,
        parts: Vec<(Part, Vec<Verb>)>,
        keys: u64,
    ) -> Step {
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
            let mut place = |verb| match is_about_the_node(&verb) {
                true => shared_from + place_in(&mut shared, verb),
                false => {
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
        Step::Ask {
            node,
            at,
            verbs: own,
        }
    }

    fn next_proof(&self) -> Option<(u16, NodeId, NodeAddr)> {
        self.flights.iter().find_map(|(slot, flight)| {
            let Wish::Proves { addr, .. } = flight.wish() else {
                return None;
            };
            let node = flight.ticket.task.target;
            (!self.writes.contains_key(&node)).then(|| (*slot, node, addr.clone()))
        })
    }

    /// A node that somebody wants to ask something, and may.
    fn next_node(&mut self) -> Option<NodeId> {
        let (now_ms, ready) = (self.now_ms, self.pace.ready_at(self.now_ms));
        let is_held = self.wish == PersonsWish::Pause;
        let unproven = self.unproven();
        self.flights
            .values()
            .find_map(|flight| match flight.wish() {
                Wish::Asks { node, .. }
                    if !self.writes.contains_key(node) && self.may_enter(flight) =>
                {
                    let sends = flight.machine.batch().0 > 0;
                    let may_send = ready <= now_ms && !is_held && self.may_send(flight, &unproven);
                    (!sends || may_send).then_some(*node)
                }
                _ => None,
            })
    }

    /// Whether there is a place for a slot that wants to be opened: those go first that come first.
    fn may_enter(&self, flight: &Flight) -> bool {
        if !flight.waits_for_place() {
            return true;
        }
        if self.wish != PersonsWish::GoOn || self.pace.is_strained(self.now_ms) {
            return false;
        }
        let is_before = |other: &&Flight| {
            other.takes_place()
                || (other.waits_for_place() && other.ticket.turn < flight.ticket.turn)
        };
        let before = self.flights.values().filter(is_before).count();
        before < self.options.how.slots_at_once.max(1)
    }

    /// The slots whose wish goes into the next write to a node, of those that send no keys.
    fn wishes_without_keys(&self, node: NodeId) -> Vec<u16> {
        let most = u64::from(self.keys_per_migrate()) * LISTED_BATCHES;
        let mut listed: u64 = 0;
        let asking = self.flights.iter().filter(|(_, flight)| {
            flight.asks(node) && flight.machine.batch().0 == 0 && self.may_enter(flight)
        });
        let fitting = asking.filter(|(_, flight)| {
            let lists = flight.lists();
            let fits = lists == 0 || listed == 0 || listed + lists <= most;
            listed += if fits { lists } else { 0 };
            fits
        });
        fitting.map(|(slot, _)| *slot).collect()
    }

    /// The slots that send keys in the next write to a node, and how many: those that began first are
    /// finished first. The source waits for a target that stands still once for each `MIGRATE`; so
    /// several go together only where none was broken off lately, and as few as can share the time,
    /// with half of the keys that one may have: a target that begins to swallow gets no more by it.
    fn wishes_with_keys(&mut self, node: NodeId) -> (Vec<u16>, u64) {
        let is_held = self.wish == PersonsWish::Pause;
        if is_held || self.pace.ready_at(self.now_ms) > self.now_ms {
            return (Vec::new(), 0);
        }
        let mut unproven = self.unproven();
        let wants = |flight: &Flight| {
            flight.asks(node) && flight.machine.batch().0 > 0 && self.may_send(flight, &unproven)
        };
        let flights = self.flights.iter().filter(|(_, flight)| wants(flight));
        let mut flights: Vec<(&u16, &Flight)> = flights.collect();
        flights.sort_unstable_by_key(|(_, flight)| flight.ticket.turn);
        let Some((_, first)) = flights.first() else {
            return (Vec::new(), 0);
        };
        let most_keys = u64::from(self.keys_per_migrate()) / 2;
        let many = match self.may_share(first) {
            true => shared_by(self.options.timeouts.usual_ms),
            false => 1,
        };
        let (mut slots, mut keys, mut bytes) = (Vec::new(), 0, 0);
        for (slot, flight) in flights {
            let (more_keys, more_bytes) = flight.machine.batch();
            let fits = keys + more_keys <= most_keys
                && self.may_share(flight)
                && self.is_within_a_batch(flight, &unproven);
            if slots.is_empty() || (slots.len() < many && fits) {
                slots.push(*slot);
                unproven.add(flight.pair(), flight.machine.sends() as u64);
                keys += more_keys;
                bytes += more_bytes;
            }
        }
        self.pace.sends(keys, bytes);
        (slots, keys)
    }

    /// Whether a slot's keys may go in one write with those of others.
    fn may_share(&self, flight: &Flight) -> bool {
        flight.is_calm() && !self.rests.remembers(flight.pair())
    }

    /// When something can be sent again without an answer.
    pub(super) fn next_moment(&mut self) -> Option<u64> {
        let ready = self.pace.ready_at(self.now_ms);
        let is_held = self.wish == PersonsWish::Pause;
        let unproven = self.unproven();
        let moments = self
            .flights
            .values()
            .filter_map(|flight| match flight.wish() {
                Wish::Until(moment) | Wish::Vouches { until_ms: moment } => Some(*moment),
                Wish::Unclear(doubt) => Some(doubt.due_ms),
                Wish::Asks { node, .. }
                    if !self.writes.contains_key(node)
                        && !is_held
                        && self.may_send(flight, &unproven) =>
                {
                    (ready > self.now_ms || self.may_enter(flight)).then_some(ready)
                }
                _ => None,
            });
        let moments = moments.chain(self.next_rest_ends());
        moments.chain(self.looked_until()).min()
    }
}

/// Whether a node is asked about itself, and not about a slot: one answer does for every slot that
/// asks in the same write. What it counts of failures isn't meant: that is about what goes before it.
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
