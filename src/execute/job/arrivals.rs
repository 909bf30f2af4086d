//! Which slots have arrived, and where: after a failover that is another node than planned.

use super::told::{Observer, Told};
use crate::execute::Move;
use crate::execute::executor::{Reading, Watcher};

/// Passes on what happens, and remembers what has arrived.
pub(super) struct Arrivals<'a> {
    watcher: &'a mut dyn Watcher,
    observer: &'a dyn Observer,
    /// The moves that have ended, in that order.
    pub arrived: Vec<Move>,
}

impl<'a> Arrivals<'a> {
    /// Remembers what this watcher is told.
    pub fn of(watcher: &'a mut dyn Watcher, observer: &'a dyn Observer) -> Arrivals<'a> {
        Arrivals {
            watcher,
            observer,
            arrived: Vec::new(),
        }
    }
}

impl Watcher for Arrivals<'_> {
    fn begins(&mut self, task: Move) {
        self.watcher.begins(task);
    }

    fn moved(&mut self, task: Move, keys: u64, bytes: u64) {
        self.watcher.moved(task, keys, bytes);
    }

    fn ended(&mut self, task: Move, keys: u64, bytes: u64) {
        self.arrived.push(task);
        self.watcher.ended(task, keys, bytes);
    }

    fn given(&mut self, slots: usize, heir: &str) {
        let told = heir.to_owned();
        self.observer
            .told(&Told::GivenOnMeanwhile { slots, heir: told });
        self.watcher.given(slots, heir);
    }

    fn readings(&mut self) -> Vec<Reading> {
        self.watcher.readings()
    }

    fn wants_stop(&self) -> bool {
        self.watcher.wants_stop()
    }
}
