//! Which slots have arrived, and where: after a failover that is another node than planned.

use crate::execute::Move;
use crate::execute::executor::{Reading, Watcher};

/// Passes on what happens, and remembers what has arrived.
pub(super) struct Arrivals<'a> {
    watcher: &'a mut dyn Watcher,
    /// The moves that have ended, in that order.
    pub arrived: Vec<Move>,
}

impl<'a> Arrivals<'a> {
    /// Remembers what this watcher is told.
    pub fn of(watcher: &'a mut dyn Watcher) -> Arrivals<'a> {
        let arrived = Vec::new();
        Arrivals { watcher, arrived }
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

    fn readings(&mut self) -> Vec<Reading> {
        self.watcher.readings()
    }

    fn wants_stop(&self) -> bool {
        self.watcher.wants_stop()
    }
}
