//! Records which slots have arrived, and where: after a failover that is another node than planned.

use super::notice::{Notice, Observer};
use crate::execute::Move;
use crate::execute::executor::{HealthReading, Watcher};
use crate::execute::mover::{Unit, Wait};
use std::time::Duration;

/// A wait for keys to end that nobody has to be told of.
const SHORT_MS: u64 = 1_000;

/// Passes on what happens, and remembers what has arrived.
pub(super) struct Arrivals<'a> {
    watcher: &'a mut dyn Watcher,
    observer: &'a dyn Observer,
    /// The moves that have ended, in that order.
    pub arrived: Vec<Move>,
    /// Whether it was said that slots wait for keys to end.
    has_told_waits: bool,
}

impl<'a> Arrivals<'a> {
    /// Remembers what this watcher is told.
    pub fn of(watcher: &'a mut dyn Watcher, observer: &'a dyn Observer) -> Arrivals<'a> {
        Arrivals {
            watcher,
            observer,
            arrived: Vec::new(),
            has_told_waits: false,
        }
    }
}

impl Watcher for Arrivals<'_> {
    fn begins(&mut self, unit: &Unit) {
        self.watcher.begins(unit);
    }

    fn moved(&mut self, unit: &Unit, keys: u64, bytes: u64) {
        self.watcher.moved(unit, keys, bytes);
    }

    fn ended(&mut self, unit: &Unit, keys: u64, bytes: u64) {
        self.arrived.extend(unit.moves());
        self.watcher.ended(unit, keys, bytes);
    }

    fn waits(&mut self, unit: &Unit, wait: Wait) {
        // Slots by the thousand may wait, one after the other.
        if wait.ms > SHORT_MS && !std::mem::replace(&mut self.has_told_waits, true) {
            // Keys are waited for by what compares them, one slot at a time.
            self.observer.notice(&Notice::LetsEnd {
                slot: unit.first(),
                keys: wait.keys,
                time: Duration::from_millis(wait.ms),
            });
        }
        self.watcher.waits(unit, wait);
    }

    fn reassigned(&mut self, slots: usize, promoted: &str) {
        let told = promoted.to_owned();
        self.observer.notice(&Notice::ReassignedMeanwhile {
            slots,
            promoted: told,
        });
        self.watcher.reassigned(slots, promoted);
    }

    fn readings(&mut self) -> Vec<HealthReading> {
        self.watcher.readings()
    }

    fn wants_stop(&self) -> bool {
        self.watcher.wants_stop()
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::Quiet;
    use super::*;
    use crate::execute::testing::{task, unit};
    use std::sync::Mutex;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Observer for Heard {
        fn notice(&self, what: &Notice) {
            self.0.lock().expect("a lock").push(what.to_string());
        }
    }

    #[test]
    fn each_slot_of_a_unit_arrives() {
        let (heard, mut quiet) = (Heard::default(), Quiet);
        let mut arrivals = Arrivals::of(&mut quiet, &heard);
        arrivals.ended(&unit(&[4, 5], 'a', 'b'), 9, 0);
        arrivals.ended(&unit(&[1], 'c', 'b'), 9, 0);
        let arrived = [task(4, 'a', 'b'), task(5, 'a', 'b'), task(1, 'c', 'b')];
        assert_eq!(arrivals.arrived, arrived);
    }

    #[test]
    fn that_keys_are_waited_for_is_said_once_where_it_takes_long() {
        let (heard, mut quiet) = (Heard::default(), Quiet);
        let mut arrivals = Arrivals::of(&mut quiet, &heard);
        for (slot, keys, ms) in [(1, 1, 900), (2, 3, 12_000), (3, 9, 60_000)] {
            arrivals.waits(&unit(&[slot], 'a', 'b'), Wait { keys, ms });
        }
        let said = heard.0.into_inner().expect("a lock");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("slot 2 waits for 3 keys to expire"),
            "{said:?}"
        );
        assert!(said[0].contains("12.0 s at most"), "{said:?}");
    }
}
