//! Keys that end.
//!
//! A value carries its end with it, as `MIGRATE` and replication do. A key whose end has come is gone
//! for whoever asks for it, and takes up its place until somebody does, or the primary comes round to
//! it: until then it is listed, and counted (`expire.c`; `db.c`, `expireIfNeeded`).

use super::{At, Cluster};

/// Below this a value has no end; else its end is the quotient, in milliseconds.
const WITH_END: u64 = 1_000;

/// A value that ends at this moment.
pub fn ending(value: u64, ends_ms: u64) -> u64 {
    ends_ms * WITH_END + value % WITH_END
}

/// When a value ends.
pub fn end_of(value: u64) -> Option<u64> {
    (value >= WITH_END).then_some(value / WITH_END)
}

impl Cluster {
    /// A value, while it lives.
    pub fn living(&self, value: Option<u64>) -> Option<u64> {
        value.filter(|value| end_of(*value).is_none_or(|end| end > self.now_ms))
    }

    /// What a node has of a key, for whoever asks.
    pub fn held(&self, at: At, key: &[u8]) -> Option<u64> {
        self.living(self.nodes[at].data.get(key).copied())
    }

    /// Somebody asks a primary for a key: one that has ended goes.
    pub(super) fn touch(&mut self, at: At, key: &[u8]) {
        let is_there = self.nodes[at].data.contains_key(key);
        if is_there && self.nodes[at].follows.is_none() && self.held(at, key).is_none() {
            self.put(at, key, None);
        }
    }

    /// A primary comes round to what has ended.
    pub fn come_round(&mut self, at: At) {
        let node = &self.nodes[at];
        if node.is_alive && node.follows.is_none() {
            let keys: Vec<Vec<u8>> = node.data.keys().cloned().collect();
            keys.iter().for_each(|key| self.touch(at, key));
        }
    }
}
