//! What must be true.

use super::World;
use crate::model::{At, slot_of};
use slotkit::slot::Slot;
use std::collections::BTreeSet;

impl World {
    /// Asks for every key at every primary, and holds what is read against the servers.
    pub(super) fn note_reads(&mut self) {
        for key in self.client.expected.keys().cloned().collect::<Vec<_>>() {
            let primaries: Vec<At> = self.cluster.alive_primaries().collect();
            for at in primaries {
                if let Some((at, found)) = self.cluster.read(at, &key) {
                    self.client.found(&self.cluster, at, &key, found);
                }
            }
        }
    }

    /// Every slot has one owner whom all agree on, nothing is open, and every acknowledged write
    /// is where it belongs.
    pub fn verdict(&mut self) -> Result<(), String> {
        if self.seeks.is_some() {
            return Ok(());
        }
        self.settle();
        if let Some(wrong) = self.client.wrong.first() {
            return Err(wrong.clone());
        }
        let nodes = &self.cluster.nodes;
        let slots: BTreeSet<Slot> = nodes[0].owners.keys().copied().collect();
        for slot in &slots {
            let owners: BTreeSet<At> = nodes.iter().map(|node| node.owners[slot]).collect();
            if owners.len() != 1 {
                return Err(format!("slot {slot} is at {owners:?}"));
            }
            let owner = nodes[0].owners[slot];
            if nodes[owner].follows.is_some() {
                return Err(format!("slot {slot} is at a replica"));
            }
        }
        for (at, node) in nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.follows.is_none())
        {
            if !node.migrating.is_empty() || !node.importing.is_empty() {
                return Err(format!("{at} has a slot open"));
            }
            if let Some(key) = node
                .data
                .keys()
                .find(|key| node.owners[&slot_of(key)] != at)
            {
                return Err(format!(
                    "{at} has {} of a slot that isn't its own",
                    key.escape_ascii()
                ));
            }
        }
        for (key, expected) in &self.client.expected {
            let owner = nodes[0].owners[&slot_of(key)];
            let (found, expected) = (
                self.cluster.held(owner, key),
                self.cluster.living(*expected),
            );
            if found == expected {
                continue;
            }
            let why = self.cluster.explains_end(owner, key, expected);
            let why = why.ok_or_else(|| {
                let key = key.escape_ascii();
                format!("{key} is {found:?}, expected {expected:?}")
            })?;
            *self.excused.entry(why).or_default() += 1;
        }
        Ok(())
    }
}
