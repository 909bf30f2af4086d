//! Slots in hand: how one takes off, takes an answer, stops, and lands.

use super::flight::{Flight, Wish};
use super::schedule::Ticket;
use super::{Core, Event, Note};
use crate::cluster::verb::Reply;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::slot_move::{Entry, Halt, SlotMove};

impl Core {
    /// Remembers the first surprise; once something has begun, it means that the run stopped. Of
    /// the slots that stop after it only those are told that a person has to do something about:
    /// what isn't named here is forgotten.
    pub(super) fn trip(&mut self, error: Error) {
        let kind = match self.has_begun {
            true => ErrorKind::Stopped,
            false => error.kind(),
        };
        let Some(first) = self.surprise.take() else {
            self.surprise = Some(error.of_kind(kind));
            return;
        };
        self.surprise = Some(match error.mend_text() {
            Some(mend) if !first.message().contains(error.message()) => {
                let message = format!("{}; {}", first.message(), error.message());
                let mends = match first.mend_text() {
                    Some(before) if before != mend => format!("{before}; {mend}"),
                    _ => mend.to_owned(),
                };
                Error::new(first.kind(), message).mend(mends)
            }
            _ => first,
        });
    }

    pub(super) fn strand(&mut self, slot: u16, error: Error) {
        if let Some(flight) = self.flights.get_mut(&slot) {
            flight.wish = Wish::Stranded;
        }
        self.trip(error);
    }

    pub(super) fn hand_over(&mut self, slot: u16, replies: Vec<Reply>) {
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let before = flight.moved();
        flight.wish = Wish::Ready;
        let answered = flight.machine.answer(replies);
        let after = flight.moved();
        if after != before {
            let task = flight.ticket.task;
            let (keys, bytes) = after;
            self.events.push(Event::Moved { task, keys, bytes });
        }
        // They were looked at, or a person was told their names: whatever that person does is right.
        if flight.has_unclear_noted && flight.machine.unclear().is_none() {
            flight.has_unclear_noted = false;
            self.notes.push(Note::Clears(flight.ticket.task.slot));
        }
        match answered {
            Ok(()) => {}
            Err(Halt::Stop(error)) => self.strand(slot, error),
            Err(Halt::Unclear(error)) => self.doubt(slot, error),
        }
    }

    /// Takes out what has arrived and what can't go on; whether a record is to be written.
    pub(super) fn land(&mut self) -> bool {
        let is_out = |flight: &Flight| matches!(flight.wish, Wish::Arrived | Wish::Stranded);
        let out: Vec<u16> = self
            .flights
            .iter()
            .filter(|(_, flight)| is_out(flight))
            .map(|(slot, _)| *slot)
            .collect();
        let before = self.notes.len();
        for slot in out {
            let Some(flight) = self.flights.remove(&slot) else {
                continue;
            };
            let (keys, bytes) = flight.moved();
            if !matches!(flight.wish, Wish::Arrived) {
                self.schedule.leave(&flight.ticket);
                self.notes.extend(flight.unclear_note());
                continue;
            }
            self.outcome.slots += 1;
            self.outcome.keys = self.outcome.keys.saturating_add(keys);
            self.outcome.bytes = self.outcome.bytes.saturating_add(bytes);
            self.outcome.conflicts += flight.machine.conflicts();
            let task = flight.ticket.task;
            self.events.push(Event::Ended { task, keys, bytes });
            self.notes.push(Note::Ends(task));
            self.schedule.end(&flight.ticket);
        }
        self.notes.len() > before
    }

    /// Nothing is waited for any more: what is unclear is noted, and every slot left where it is.
    pub(super) fn leave_all(&mut self) {
        for (_, flight) in std::mem::take(&mut self.flights) {
            self.notes.extend(flight.unclear_note());
        }
    }

    /// A slot is in hand from here on; its record comes first.
    pub(super) fn take_off(&mut self, ticket: Ticket, machine: SlotMove) {
        let mut flight = self.flight(ticket, machine, Wish::Recording);
        flight.recorded = Some(ticket.task);
        self.notes.push(Note::Begins(ticket.task));
        self.flights.insert(ticket.task.slot.number(), flight);
    }

    /// A slot that an earlier run may have left unclear.
    pub(super) fn flight(&mut self, ticket: Ticket, machine: SlotMove, wish: Wish) -> Flight {
        let mut flight = Flight::new(ticket, machine, wish);
        if let Some(unclear) = self.options.unclear.remove(&ticket.task.slot) {
            flight.machine.look_at(unclear);
            flight.has_unclear_noted = true;
        }
        flight
    }

    pub(super) fn machine(&self, task: Move, entry: Entry) -> Result<SlotMove> {
        let settings = self.options.settings(task)?;
        Ok(SlotMove::new(task, settings, entry))
    }
}
