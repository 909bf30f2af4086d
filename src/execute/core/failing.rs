//! What becomes of a batch is written down before it is sent, and what a source counts of its
//! failures: by these two a later comparison tells a key that has moved from one that a client
//! deleted.
//!
//! A source that took long over a batch may have been replaced while it did, by one whose clients
//! have written and deleted since: a `MIGRATE` that lay in its buffers is carried out when it
//! wakes, before it hears of its promoted replica. A source that answers at once hasn't been away
//! for its `cluster-node-timeout`. So what was answered late is in doubt until a probe has shown
//! that the source is still the primary.

use super::flight::Flight;
use super::flight_state::FlightState;
use super::writes::{Part, Sent};
use super::{Core, Note};
use crate::cluster::NodeId;
use crate::cluster::verb::Reply;
use crate::error::{Error, ErrorKind};
use crate::execute::failures::Failures;
use crate::execute::mover::LateBatch;

/// How long a source may take over a batch without being looked at. A replica takes over from a
/// node that is gone for its `cluster-node-timeout`, which is longer.
const LATE_MS: u64 = 1_000;

impl Core {
    /// A source that wants to send keys, and hasn't been asked for its failures since it may have
    /// counted one.
    pub(super) fn next_uncounted(&self) -> Option<NodeId> {
        self.flights
            .values()
            .find_map(|flight| match flight.state() {
                FlightState::Asks { node, .. } if flight.sends_keys() => {
                    let is_free = !self.writes.contains_key(node);
                    (is_free && !self.failures.contains_key(node)).then_some(*node)
                }
                _ => None,
            })
    }

    pub(super) fn told_failures(&mut self, node: NodeId, replies: &[Reply]) {
        let failures = Failures::of(replies);
        let note = failures
            .clone()
            .map(|failures| Note::Failures(node, failures));
        self.notes.extend(note);
        self.failures.insert(node, failures);
    }

    /// A source can't be asked for its failures: then nobody sends keys from it either.
    pub(super) fn lost_failures(&mut self, node: NodeId, error: &Error) {
        let flights = self.flights.iter();
        let waits = flights.filter(|(_, flight)| flight.asks(node) && flight.sends_keys());
        for slot in waits.map(|(slot, _)| *slot).collect::<Vec<_>>() {
            let why = error.clone().context(self.named(slot));
            self.recheck(slot, why.of_kind(ErrorKind::Stopped));
        }
    }

    /// Whether the journal has what a slot wants to send.
    pub(super) fn is_noted(&self, flight: &Flight) -> bool {
        let id = flight.scheduled.unit.id();
        let is_about = |note: &Note| matches!(note, Note::Doubts(of, _) if of.id() == id);
        !flight.has_changed && !self.noting.contains(&id) && !self.notes.iter().any(is_about)
    }

    /// The keys in doubt are on disk, or couldn't be written: then nothing is sent of theirs.
    pub(super) fn noted(&mut self, is_written: bool) {
        for slot in std::mem::take(&mut self.noting) {
            let flight = self.flights.get_mut(&slot).filter(|_| !is_written);
            let Some(flight) = flight else { continue };
            flight.noted.clear();
            if matches!(flight.state(), FlightState::Asks { .. }) && flight.sends_keys() {
                flight.turn(FlightState::Stranded);
            }
        }
    }

    /// The batches of a write that was answered late.
    pub(super) fn late_batches(&self, sent: &Sent) -> Vec<(u16, LateBatch)> {
        let took_ms = self.now_ms.saturating_sub(sent.at_ms);
        if sent.keys == 0 || took_ms <= LATE_MS {
            return Vec::new();
        }
        let slots = sent.parts.iter().filter_map(|(part, _)| match part {
            Part::Flight(slot) => Some(*slot),
            _ => None,
        });
        let batch = |slot: u16| {
            let batches = self.flights.get(&slot)?.machine.batches()?;
            Some((slot, batches.batch_if_late(took_ms)))
        };
        let batches = slots.filter_map(batch);
        batches.filter(|(_, batch)| !batch.is_empty()).collect()
    }

    /// Nothing goes on with what was answered late before a probe has shown who the source is.
    pub(super) fn recheck_late(&mut self, late: Vec<(u16, LateBatch)>) {
        for (slot, batch) in late {
            let Some(flight) = self.flights.get_mut(&slot) else {
                continue;
            };
            if let Some(batches) = flight.machine.batches_mut() {
                batches.answered_late(batch);
            }
            flight.has_changed = true;
            if matches!(flight.state(), FlightState::Ready) {
                let message = format!("{}: its source took long to answer", self.named(slot));
                self.recheck(slot, Error::new(ErrorKind::Stopped, message));
            }
        }
    }
}
