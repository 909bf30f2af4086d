//! Replicas that take over, with or without the open slots, and primaries that come back.

use super::{At, Cluster, slots_of};
use slotkit::slot::Slot;

impl Cluster {
    /// A replica takes over from its primary, whose last claims it has heard; the others elect
    /// it. They give no vote to one that claims slots whose new owner they know, and tell it
    /// instead.
    pub fn fail_over(&mut self, old: At, heir: At) {
        let claims = slots_of(&self.nodes[old].owners, old);
        self.claim(heir, old, self.nodes[old].config_epoch, &claims);
        for slot in claims {
            self.nodes[heir].importing.remove(&slot);
        }
        (0..self.nodes.len()).for_each(|other| self.gossip(other, heir));
        if self.nodes[heir].follows != Some(old) {
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
        self.windows
            .inherit(old, heir, if keeps_open { &[] } else { &given });
        let node = &mut self.nodes[heir];
        node.follows = None;
        node.roles.insert(heir, None);
        (node.config_epoch, node.current_epoch) = (epoch, epoch);
        node.epochs.insert(heir, epoch);
        node.roles.insert(old, Some(heir));
        if !keeps_open {
            node.migrating.clear();
            node.importing.clear();
        }
        for owner in node.owners.values_mut().filter(|owner| **owner == old) {
            *owner = heir;
        }
        (0..self.nodes.len()).for_each(|other| self.gossip(heir, other));
        if self.server.replicates_open_slots {
            // Valkey's others put the heir in the place of the node that it replaces.
            for node in &mut self.nodes {
                for at in node
                    .migrating
                    .values_mut()
                    .chain(node.importing.values_mut())
                {
                    if *at == old {
                        *at = heir;
                    }
                }
            }
        }
        if self.nodes[old].is_alive && self.hears(old, heir) {
            self.follow(old, heir);
        }
    }

    /// A node comes back with what it had, and hears how things are.
    pub fn come_back(&mut self, at: At) {
        self.nodes[at].is_alive = true;
        let heir = (0..self.nodes.len()).find(|other| {
            self.nodes[*other].follows.is_none()
                && self.nodes[*other].roles.get(&at).copied().flatten() == Some(*other)
        });
        if let Some(heir) = heir {
            self.follow(at, heir);
            let owners = self.nodes[heir].owners.clone();
            self.nodes[at].owners = owners;
        }
    }
}
