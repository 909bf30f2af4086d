//! Who is told how a run goes.

use super::Reading;
use crate::execute::Move;
use crate::execute::mover::Wait;

/// Who watches a run, and may ask it to stop.
pub trait Watcher {
    /// A slot is about to move.
    fn begins(&mut self, task: Move);
    /// Keys were sent; the numbers are what the slot has so far. Bytes are 0 where they aren't
    /// measured.
    fn moved(&mut self, task: Move, keys: u64, bytes: u64);
    /// A slot is where it should be.
    fn ended(&mut self, task: Move, keys: u64, bytes: u64);
    /// A slot waits for keys that end by themselves.
    fn waits(&mut self, _task: Move, _wait: Wait) {}
    /// So many slots had arrived at a node which died, and were given to the one that took over.
    fn given(&mut self, _slots: usize, _heir: &str) {}
    /// What it has seen of the nodes since it was asked last.
    fn readings(&mut self) -> Vec<Reading> {
        Vec::new()
    }
    /// Whether the run should begin no further slot.
    fn wants_stop(&self) -> bool;
}
