//! `MIGRATE`, with lost replies, and the `RESTORE-ASKING` at its other end.

use super::failover::{Late, LateRestore};
use super::{At, Cluster, ok, refused, slot_of};
use slotkit::cluster::verb::{Migrate, Reply};

impl Cluster {
    pub(super) fn migrate(&mut self, at: At, migrate: &Migrate) -> Reply {
        let slot = slot_of(&migrate.keys[0]);
        if self.isolated.contains(&at) {
            return refused("CLUSTERDOWN", "The cluster is down");
        }
        let node = &self.nodes[at];
        if node.follows.is_some() {
            let owner = node.owners.get(&slot).copied().unwrap_or(at);
            return refused("MOVED", format!("{slot} {}", Cluster::addr(owner)));
        }
        let is_open = node.has_open(slot);
        let owner = node.owners.get(&slot).copied();
        if owner != Some(at) && !is_open {
            let owner = owner.unwrap_or(at);
            return refused("MOVED", format!("{slot} {}", Cluster::addr(owner)));
        }
        for key in &migrate.keys {
            self.touch(at, key);
        }
        let is_there = |key: &&Vec<u8>| self.held(at, key).is_some();
        let keys: Vec<Vec<u8>> = migrate.keys.iter().filter(is_there).cloned().collect();
        if keys.is_empty() {
            return Reply::Text(b"NOKEY".to_vec());
        }
        let target = self.at_addr(&migrate.target).expect("an address of ours");
        if !self.hears(at, target) {
            if let Some(buffer) = self.standing.get_mut(&target) {
                let data = &self.nodes[at].data;
                let sent = keys.iter().map(|key| LateRestore {
                    key: key.clone(),
                    value: data[key],
                    is_over: migrate.replace,
                    is_known: false,
                });
                buffer.extend(sent.map(Late::Restore));
            }
            return refused("IOERR", "error or timeout connecting to the client");
        }
        let lost = self.lost_replies.take();
        let mut answer = ok();
        for (index, key) in keys.iter().enumerate() {
            if lost.is_some_and(|lost| index >= lost.applied) {
                break;
            }
            let value = self.nodes[at].data[key];
            let before = self.held(target, key);
            let restored = self.restore(target, key, value, migrate.replace);
            if restored.is_none() && self.waking == Some(at) && self.deposed.contains_key(&at) {
                let is_over = before.is_some_and(|before| before != value);
                self.windows.send_late(target, key, is_over);
            }
            if lost.is_some_and(|lost| index >= lost.acked) {
                if restored.is_none() {
                    self.windows.leave(target, key);
                }
                continue;
            }
            match restored {
                None => {
                    self.note_outdated(at, key);
                    self.put(at, key, None);
                }
                Some(words) => {
                    let detail = format!("Target instance replied with error: {words}");
                    answer = refused("ERR", detail);
                }
            }
        }
        match lost {
            Some(_) => refused("IOERR", "error or timeout reading to target instance"),
            None => answer,
        }
    }

    /// `RESTORE-ASKING`; the words of a refusal.
    pub(super) fn restore(
        &mut self,
        at: At,
        key: &[u8],
        value: u64,
        replace: bool,
    ) -> Option<String> {
        if let Some(Reply::Refused(refusal)) = self.redirect(at, &[key], true) {
            return Some(refusal.to_string());
        }
        self.touch(at, key);
        if !replace && self.nodes[at].data.contains_key(key) {
            return Some("BUSYKEY Target key name already exists.".to_owned());
        }
        if self.swallows.contains(&at) {
            self.swallow(key, value);
            return None;
        }
        self.put(at, key, Some(value));
        None
    }
}
