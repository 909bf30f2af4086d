//! Which of the slots that wait for a place may be opened.

use super::flight::Flight;
use super::{Core, PersonsWish};

/// Those that come first, as many as there are places.
pub(super) struct Entrance {
    /// The first turn that has to wait.
    waits_from: usize,
}

impl Entrance {
    /// Whether a slot needs no place, or there is one for it.
    pub fn lets_in(&self, flight: &Flight) -> bool {
        !flight.waits_for_place() || flight.ticket.turn < self.waits_from
    }
}

impl Core {
    /// Who may be opened now.
    pub(super) fn entrance(&self) -> Entrance {
        if self.wish != PersonsWish::GoOn || self.pace.is_strained(self.now_ms) {
            return Entrance { waits_from: 0 };
        }
        let (mut taken, mut turns) = (0, Vec::new());
        for flight in self.flights.values() {
            taken += usize::from(flight.takes_place());
            if flight.waits_for_place() {
                turns.push(flight.ticket.turn);
            }
        }
        turns.sort_unstable();
        let places = self.options.how.slots_at_once.max(1).saturating_sub(taken);
        Entrance {
            waits_from: turns.get(places).copied().unwrap_or(usize::MAX),
        }
    }
}
