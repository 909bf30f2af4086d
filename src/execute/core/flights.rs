//! Begins flights, hands them their answers, and ends them.

use super::flight::Flight;
use super::flight_state::FlightState;
use super::schedule::ScheduledUnit;
use super::{Core, Event, Note, RunControl};
use crate::cluster::verb::Reply;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::named_key;
use crate::execute::mover::{AnyMover, Entry, Halt, KeyInDoubt, Span, Unit};
use crate::slot::Slot;

impl Core {
    /// Remembers the first surprise. Of the slots that stop after it only those are told that a
    /// person has to do something about: what isn't named here is forgotten.
    pub(super) fn trip(&mut self, error: Error) {
        let Some(first) = self.surprise.take() else {
            self.surprise = Some(error);
            return;
        };
        self.surprise = Some(match error.fix_text() {
            Some(_) => first.beside(error),
            None => first,
        });
    }

    pub(super) fn strand(&mut self, slot: u16, error: Error) {
        if let Some(flight) = self.flights.get_mut(&slot) {
            flight.turn(FlightState::Stranded);
        }
        let name = self.named(slot);
        let why = reason(&name, &error);
        match &self.surprise {
            Some(first) if error.fix_text().is_none() || first.message().contains(why) => {
                let left = self.left.entry(why.to_owned()).or_default();
                match self.flights.get(&slot) {
                    Some(flight) => left.extend(flight.scheduled.unit.slots()),
                    None => left.extend(Slot::new(slot)),
                }
            }
            _ => self.trip(error),
        }
    }

    /// How messages name the unit that this is the first slot of.
    pub(super) fn named(&self, slot: u16) -> String {
        match self.flights.get(&slot) {
            Some(flight) => flight.scheduled.unit.to_string(),
            None => format!("slot {slot}"),
        }
    }

    pub(super) fn hand_over(&mut self, slot: u16, replies: Vec<Reply>, asked_ms: u64) {
        let span = self.options.epoch_ms.map(|epoch_ms| Span {
            asked_ms: epoch_ms.saturating_add(asked_ms),
            answered_ms: epoch_ms.saturating_add(self.now_ms),
        });
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let before = flight.moved();
        let (sent, _) = flight.batch();
        let batches = flight.machine.batches();
        let broken_off = batches.and_then(|batches| batches.broken_off(&replies));
        let pair = flight.pair();
        if let Some(span) = span {
            flight.machine.is_answered_at(span);
        }
        let answered = flight.machine.answer(replies);
        let after = flight.moved();
        if after != before {
            let unit = flight.scheduled.unit.clone();
            let (keys, bytes) = after;
            self.events.push(Event::Moved { unit, keys, bytes });
        }
        let batches = flight.machine.batches_mut();
        if let Some(wait) = batches.and_then(|batches| batches.take_wait()) {
            let unit = flight.scheduled.unit.clone();
            self.events.push(Event::Waits { unit, wait });
        }
        flight.has_changed = true;
        self.note_finding(slot);
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        if let Some(keys) = broken_off {
            self.rests.begin(pair, self.now_ms);
            self.trusts.begin_anew(pair);
            if flight.broke_off(sent) {
                let why = self.too_slow_to_move(slot, &keys);
                return self.give_up(slot, why);
            }
        } else if after != before {
            flight.went_well(sent);
        }
        match answered {
            Ok(()) => {
                flight.turn(FlightState::Ready);
                if let Some(room) = flight.room_by_now() {
                    self.schedule.turn(&mut flight.scheduled, room);
                }
            }
            Err(Halt::Stop(error)) => self.strand(slot, error),
            Err(Halt::Closed(error)) => {
                flight.turn(FlightState::Closed);
                let name = flight.scheduled.unit.to_string();
                let why = reason(&name, &error);
                let mut first = self.surprise.iter();
                if !first.any(|first| first.message().contains(why)) {
                    self.trip(error);
                }
            }
            Err(Halt::Unclear(error)) => self.recheck(slot, error),
        }
    }

    /// A slot goes no further: it is closed again where none of it has moved.
    pub(super) fn give_up(&mut self, slot: u16, why: Error) {
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        if flight.machine.give_up(&why) {
            flight.turn(FlightState::Ready);
            self.trip(why);
        } else {
            self.strand(slot, why);
        }
    }

    /// A key whose `MIGRATE` is broken off each time, while its target answers in between.
    fn too_slow_to_move(&self, slot: u16, keys: &[Vec<u8>]) -> Error {
        let timeouts = self.options.timeouts;
        let waited_ms = timeouts.lone_ms;
        let names = keys.iter().map(|key| named_key(key));
        let message = format!(
            "{}: key {} wasn't moved within {waited_ms} ms, time after time, and the target answers",
            self.named(slot),
            names.collect::<Vec<_>>().join(", ")
        );
        Error::new(ErrorKind::Stopped, message).fix(format!(
            "a value that takes longer can't move: allow more (--migrate-timeout-ms), with \
             cluster-node-timeout at four times as much on every node (now {}): the source serves \
             nobody meanwhile",
            match timeouts.of_nodes_ms {
                Some(ms) => format!("{ms} ms"),
                None => "not known".to_owned(),
            }
        ))
    }

    /// Takes out what has arrived and what can't go on; whether a record is to be written.
    pub(super) fn end_flights(&mut self) -> bool {
        let is_out = |flight: &Flight| {
            matches!(
                flight.state(),
                FlightState::Arrived | FlightState::Stranded | FlightState::Closed
            )
        };
        let out: Vec<u16> = self
            .flights
            .iter()
            .filter(|(_, flight)| is_out(flight))
            .map(|(slot, _)| *slot)
            .collect();
        let before = self.notes.len();
        for slot in out {
            let Some(mut flight) = self.flights.remove(&slot) else {
                continue;
            };
            self.notes.extend(flight.doubts_note());
            let (keys, bytes) = flight.moved();
            let unit = flight.scheduled.unit.clone();
            if let Some(fault) = flight.take_fault() {
                self.trip(fault);
            }
            match flight.state() {
                FlightState::Arrived => self.has_changed = true,
                FlightState::Closed => {
                    self.schedule.leave(&flight.scheduled);
                    if flight.is_entered {
                        self.closed.extend(unit.slots());
                    }
                    self.notes.push(Note::Ends(unit));
                    continue;
                }
                _ => {
                    self.schedule.leave(&flight.scheduled);
                    self.has_changed |= flight.is_written;
                    continue;
                }
            }
            self.outcome.slots += unit.count() as u64;
            self.outcome.keys = self.outcome.keys.saturating_add(keys);
            self.outcome.bytes = self.outcome.bytes.saturating_add(bytes);
            self.outcome.conflicts += flight.conflicts();
            self.ended.extend(unit.moves());
            self.notes.push(Note::Ends(unit.clone()));
            self.events.push(Event::Ended { unit, keys, bytes });
            self.schedule.end(&flight.scheduled);
        }
        self.notes.len() > before
    }

    /// Nothing is waited for any more: what is unclear is noted, and every slot left where it is.
    pub(super) fn leave_all(&mut self) {
        for (_, mut flight) in std::mem::take(&mut self.flights) {
            self.has_changed |= flight.is_written && flight.is_entered;
            self.notes.extend(flight.doubts_note());
            if flight.is_written && !flight.is_entered {
                self.notes.push(Note::Ends(flight.scheduled.unit));
            }
        }
    }

    /// Slots that wait for their turn when nothing is to begin any more: they are as they were.
    pub(super) fn leave_unentered(&mut self) {
        if self.surprise.is_none() && self.control != RunControl::Stop {
            return;
        }
        for flight in self.flights.values_mut() {
            if flight.waits_for_place() {
                flight.turn(FlightState::Closed);
                self.outcome.is_stopped |= self.surprise.is_none();
            }
        }
    }

    /// What is in doubt is written down as it changes, and what is to be sent before it is.
    pub(super) fn note_doubts(&mut self) {
        for flight in self.flights.values_mut() {
            if std::mem::take(&mut flight.has_changed) {
                self.notes.extend(flight.doubts_note());
            }
        }
    }

    /// A slot is in hand from here on; its record comes first.
    pub(super) fn begin_flight(&mut self, scheduled: ScheduledUnit, machine: AnyMover) {
        let unit = scheduled.unit.clone();
        let mut flight = self.flight(scheduled, machine, FlightState::Recording);
        flight.recorded = Some(unit.clone());
        self.flights.insert(unit.id(), flight);
        self.notes.push(Note::Begins(unit));
    }

    /// A slot that an earlier run may have left unclear.
    pub(super) fn flight(
        &mut self,
        scheduled: ScheduledUnit,
        machine: AnyMover,
        state: FlightState,
    ) -> Flight {
        let doubts = self.take_doubts(&scheduled.unit);
        let failures = self.options.failures.get(&scheduled.unit.source);
        let mut flight = Flight::new(scheduled, machine, state);
        if let Some(doubts) = doubts {
            flight.noted.clone_from(&doubts);
            flight.machine.look_at(doubts, failures.cloned());
        }
        flight
    }

    /// The keys of all slots of a unit that an earlier run has left in doubt, in order.
    fn take_doubts(&mut self, unit: &Unit) -> Option<Vec<KeyInDoubt>> {
        let of_slots = unit.slots();
        let mut of_slots = of_slots.filter_map(|slot| self.options.doubts.remove(&slot));
        let mut doubts = of_slots.next()?;
        for more in of_slots {
            doubts.extend(more);
            doubts.sort_unstable();
        }
        Some(doubts)
    }

    pub(super) fn machine(&self, unit: &Unit, entry: Entry) -> Result<AnyMover> {
        AnyMover::new(unit, self.options.settings(unit)?, entry)
    }
}

/// Why a unit of this name stopped, without the name: others may have stopped for the same reason.
fn reason<'a>(name: &str, error: &'a Error) -> &'a str {
    let message = error.message();
    let why = message.strip_prefix(name);
    why.and_then(|why| why.strip_prefix(": "))
        .unwrap_or(message)
}
