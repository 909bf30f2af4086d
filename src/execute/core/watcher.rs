//! Who is told how a run goes.

use super::HealthReading;
use crate::execute::mover::{Unit, Wait};

/// Who watches a run, and may ask it to stop.
pub trait Watcher {
    /// Slots that move together are about to.
    fn begins(&mut self, unit: &Unit);
    /// Keys were sent; the numbers are what these slots have so far. Bytes are 0 where they aren't
    /// measured.
    fn moved(&mut self, unit: &Unit, keys: u64, bytes: u64);
    /// The slots are where they should be.
    fn ended(&mut self, unit: &Unit, keys: u64, bytes: u64);
    /// They wait for keys that end by themselves.
    fn waits(&mut self, _unit: &Unit, _wait: Wait) {}
    /// So many slots had arrived at a node which died, and were given to the one that took over.
    fn reassigned(&mut self, _slots: usize, _promoted: &str) {}
    /// What it has seen of the nodes since it was asked last.
    fn readings(&mut self) -> Vec<HealthReading> {
        Vec::new()
    }
    /// Whether the run should begin no further slot.
    fn wants_stop(&self) -> bool;
}
