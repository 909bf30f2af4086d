//! Decides which of the slots that wait for a place may be opened.

use super::flight::Flight;
use super::{Core, RunControl};

/// Those that come first, as many as there are places.
pub(super) struct Entrance {
    /// The first turn that has to wait.
    waits_from: usize,
}

impl Entrance {
    /// Whether a slot needs no place, or there is one for it.
    pub fn lets_in(&self, flight: &Flight) -> bool {
        !flight.waits_for_place() || flight.scheduled.turn < self.waits_from
    }
}

impl Core {
    /// Who may be opened now.
    pub(super) fn entrance(&self) -> Entrance {
        if self.control != RunControl::GoOn || self.throttle.is_over_limit(self.now_ms) {
            return Entrance { waits_from: 0 };
        }
        let (mut taken, mut turns) = (0, Vec::new());
        for flight in self.flights.values() {
            let slots = flight.scheduled.unit.count();
            if flight.takes_place() {
                taken += slots;
            }
            if flight.waits_for_place() {
                turns.push((flight.scheduled.turn, slots));
            }
        }
        turns.sort_unstable();
        let places = self.options.how.slots_at_once.max(1);
        Entrance {
            waits_from: first_without(places, taken, &turns),
        }
    }
}

/// The first turn for which there is no place, of these turns and their slots. A unit of more slots
/// than there are places takes all of them.
fn first_without(places: usize, mut taken: usize, turns: &[(usize, usize)]) -> usize {
    let waits = turns.iter().find(|(_, slots)| {
        let is_over = taken + slots.min(&places) > places;
        taken += slots;
        is_over
    });
    waits.map_or(usize::MAX, |(turn, _)| *turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_for_slots() {
        let single = [(1, 1), (2, 1), (5, 1)];
        assert_eq!(first_without(4, 2, &single), 5);
        assert_eq!(first_without(4, 1, &single), usize::MAX);
        assert_eq!(first_without(4, 9, &single), 1);
        // The one behind a unit that has to wait would fit, and waits with it.
        assert_eq!(first_without(4, 0, &[(1, 3), (2, 2), (3, 1)]), 2);
        // Larger than all places: it has them to itself.
        assert_eq!(first_without(4, 1, &[(1, 9)]), 1);
        assert_eq!(first_without(4, 0, &[(1, 9), (2, 1)]), 2);
    }
}
