//! What makes two worlds the same for a search: they go on alike.
//!
//! Nothing is left out by being forgotten: what is hashed here names all its fields, so that a new
//! one has to be hashed or left out with a reason; what it holds derives its hash.

use super::World;
use super::wire::Message;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

impl World {
    /// Two worlds with the same number go on alike.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let World {
            cluster,
            client,
            // Who chooses is new at each step.
            chooser: _,
            // A search has one plan, and all that comes of it.
            plan: _,
            has_lives: _,
            has_one_fault: _,
            tries_all: _,
            broken: _,
            seeks: _,
            faults,
            arrived,
            heal_in,
            running,
            core,
            journal,
            has_journal,
            began_broken,
            is_first,
            messages,
            now_ms,
            wake_ms,
            may_fault,
            waits_broken,
            shards,
            unclear,
            wrong,
            // For people.
            conflicts: _,
            excused: _,
            log: _,
            is_told: _,
        } = self;
        (cluster, client, faults, arrived, heal_in).hash(state);
        (journal, has_journal, is_first, may_fault, waits_broken).hash(state);
        (shards, unclear, wrong).hash(state);
        for message in messages {
            self.hash_message(message, state);
        }
        if let Some(running) = running {
            // The core knows moments by the clock. Where nobody runs none is left that counts, but
            // for what the cluster says itself.
            (running, core, now_ms, wake_ms, began_broken).hash(state);
        }
    }
}

impl World {
    fn hash_message<H: Hasher>(&self, message: &Message, state: &mut H) {
        let Message {
            node,
            at,
            verbs,
            done,
            waits,
            sent_ms,
            seen,
            sees,
        } = message;
        debug_assert!(done.is_none(), "it is heard as soon as it is there");
        (node, at, verbs, waits, seen, sees).hash(state);
        let late: Vec<_> = self.cluster.late_promotions(*sent_ms).collect();
        late.hash(state);
    }
}
