//! Replicas that take over, with or without the open slots, and primaries that come back.

use super::{At, Cluster, slots_of};
use slotkit::cluster::verb::Verb;
use slotkit::slot::Slot;

impl Cluster {
    /// A replica takes over from its primary, whose last claims it has heard; the others elect
    /// it. They give no vote to one that claims slots whose new owner they know, and tell it
    /// instead.
    pub fn fail_over(&mut self, old: At, promoted: At) {
        let mut claims = slots_of(&self.nodes[old].owners, old);
        claims.retain(|slot| self.untold != Some((old, *slot)));
        self.claim(promoted, old, self.nodes[old].config_epoch, &claims);
        for slot in claims {
            self.nodes[promoted].importing.remove(&slot);
        }
        (0..self.nodes.len()).for_each(|other| self.gossip(other, promoted));
        if self.nodes[promoted].follows != Some(old) {
            return;
        }
        let epoch = self
            .nodes
            .iter()
            .filter(|node| node.is_alive)
            .map(|node| node.current_epoch);
        let epoch = epoch.max().unwrap_or_default() + 1;
        let keeps_open = self.server.replicates_open_slots;
        let given: Vec<Slot> = self.nodes[old].migrating.keys().copied().collect();
        // One that is behind serves keys that have moved, whatever it knows.
        let is_behind = self.lagging.remove(&promoted);
        let is_aware = keeps_open && !is_behind;
        self.windows
            .inherit(old, promoted, if is_aware { &[] } else { &given });
        if is_behind {
            self.note_not_replicated(old, promoted);
        }
        let node = &mut self.nodes[promoted];
        node.follows = None;
        node.roles.insert(promoted, None);
        (node.config_epoch, node.current_epoch) = (epoch, epoch);
        node.epochs.insert(promoted, epoch);
        node.roles.insert(old, Some(promoted));
        if !keeps_open {
            node.migrating.clear();
            node.importing.clear();
        }
        for owner in node.owners.values_mut().filter(|owner| **owner == old) {
            *owner = promoted;
        }
        self.took_over_ms.insert(promoted, self.now_ms);
        (0..self.nodes.len()).for_each(|other| self.gossip(promoted, other));
        if self.server.replicates_open_slots {
            // Valkey's others put the promoted replica in the place of the node that it replaces.
            for node in &mut self.nodes {
                for at in node
                    .migrating
                    .values_mut()
                    .chain(node.importing.values_mut())
                {
                    if *at == old {
                        *at = promoted;
                    }
                }
            }
        }
        if self.nodes[old].is_alive && self.hears(old, promoted) {
            self.follow(old, promoted);
        } else {
            self.deposed.insert(old, promoted);
        }
    }

    /// A node dies that was given a slot just now: neither its replica, which takes over, nor
    /// anybody else has heard of it (seen on Redis 7.0). Where `SETSLOT` is replicated it isn't so.
    pub(super) fn die_untold(&mut self, at: At, promoted: At, slot: Slot) {
        self.untold = Some((at, slot));
        self.nodes[at].is_alive = false;
        self.fail_over(at, promoted);
    }

    /// A slot that is at a dead node whose promoted replica could have it: no primary that is alive
    /// owns it.
    pub fn left_with_the_dead(&self, slot: Slot) -> Option<(At, At)> {
        let owns = |at: At| self.nodes[at].owners.get(&slot) == Some(&at);
        if self.alive_primaries().any(owns) {
            return None;
        }
        let mut deposed = self.deposed.iter().map(|(old, promoted)| (*old, *promoted));
        deposed.find(|(old, promoted)| {
            let believes = |at: At| self.nodes[at].owners.get(&slot) == Some(old);
            let serves = self.nodes[*promoted].is_alive && self.nodes[*promoted].follows.is_none();
            let has_all = !self.nodes[*promoted]
                .owners
                .values()
                .any(|owner| owner == old);
            let is_dead = !self.nodes[*old].is_alive;
            is_dead && serves && has_all && self.alive_primaries().any(believes)
        })
    }

    /// A node comes back with what it had. What lay in its buffers while it stood still is carried
    /// out first (seen on Valkey 9.1: a `NODE` is); it knows nothing yet of what happened.
    pub fn wake(&mut self, at: At) {
        self.nodes[at].is_alive = true;
        self.waking = Some(at);
        for late in self.standing.remove(&at).unwrap_or_default() {
            match late {
                Late::Verb(verb) => drop(self.answer(at, &verb)),
                Late::Restore(restore) => self.restore_late(at, &restore),
            }
        }
    }

    /// A node that is back hears how things are.
    pub fn come_back(&mut self, at: At) {
        self.waking = None;
        self.isolated.remove(&at);
        self.nodes[at].asking = false;
        if self.deposed.contains_key(&at) {
            self.took_over_ms.insert(at, self.now_ms);
        }
        if let Some(promoted) = self.deposed.get(&at).copied() {
            for slot in slots_of(&self.nodes[at].owners, at) {
                if self.nodes[promoted].owners.get(&slot) != Some(&promoted) {
                    self.windows.rival(at, slot);
                }
            }
        }
        for other in 0..self.nodes.len() {
            self.gossip(other, at);
        }
    }

    /// A replica that was down gets what its primary has accepted meanwhile.
    pub fn read_on(&mut self, at: At) {
        let primary = self.nodes[at]
            .follows
            .filter(|_| !self.lagging.contains(&at));
        if let Some(primary) = primary.filter(|primary| self.hears(at, *primary)) {
            self.follow(at, primary);
        }
    }

    /// A write reaches a node that is down, or stands still: then it lies in its buffers.
    pub fn reach_late(&mut self, at: At, verbs: &[Verb]) {
        if let Some(buffer) = self.standing.get_mut(&at) {
            let acts = |verb: &&Verb| {
                matches!(
                    verb,
                    Verb::SetSlot { .. } | Verb::Migrate(_) | Verb::Asking | Verb::Client(_)
                )
            };
            buffer.extend(verbs.iter().filter(acts).cloned().map(Late::Verb));
        }
    }

    /// The source has given this `RESTORE` up, and still has the key.
    fn restore_late(&mut self, at: At, late: &LateRestore) {
        if self
            .restore(at, &late.key, late.value, late.is_over)
            .is_none()
        {
            self.windows.leave(at, &late.key);
            if late.is_known {
                self.windows.tell(at, &late.key);
            }
        }
    }
}

/// What lies in the buffers of a node that stands still.
#[derive(Clone, Debug, Hash)]
pub enum Late {
    Verb(Verb),
    Restore(LateRestore),
}

/// A key that a `MIGRATE` has sent and given up.
#[derive(Clone, Debug, Hash)]
pub struct LateRestore {
    pub key: Vec<u8>,
    pub value: u64,
    pub is_over: bool,
    /// Whether the tool heard that the source still has it.
    pub is_known: bool,
}
