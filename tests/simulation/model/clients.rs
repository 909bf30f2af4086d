//! What a node answers a client, and where it sends one.

use super::{At, Cluster, end_of, ok, refused, slot_of, to_addr};
use slotkit::cluster::verb::Reply;

impl Cluster {
    /// `GET k…` (`MGET`), `SET k v k v…` (`MSET`), `DEL k…`; all keys are of one slot.
    pub(super) fn client(&mut self, at: At, words: &[Vec<u8>], asking: bool) -> Reply {
        let keys = keys_of(words);
        if let Some(refusal) = self.redirect(at, &keys, asking) {
            return refusal;
        }
        keys.iter().for_each(|key| self.touch(at, key));
        match words[0].as_slice() {
            b"GET" => {
                let value = |key: &&[u8]| Some(self.held(at, key)?.to_string());
                let mut values = keys.iter().map(value).map(|value| match value {
                    Some(value) => Reply::Text(value.into_bytes()),
                    None => Reply::Nil,
                });
                match keys.len() {
                    1 => values.next().expect("one"),
                    _ => Reply::List(values.collect()),
                }
            }
            b"PEXPIRETIME" => match self.held(at, keys[0]).map(end_of) {
                Some(Some(end)) => Reply::Int(end as i64),
                Some(None) => Reply::Int(-1),
                None => Reply::Int(-2),
            },
            b"SET" => {
                for pair in words[1..].chunks(2) {
                    let value = std::str::from_utf8(&pair[1]).ok();
                    let value = value.and_then(|value| value.parse().ok());
                    self.outdate_others(at, &pair[0]);
                    self.put(at, &pair[0], Some(value.expect("a number")));
                }
                ok()
            }
            b"DEL" => {
                let mut gone = 0;
                for key in keys {
                    gone += i64::from(self.nodes[at].data.contains_key(key));
                    self.outdate_others(at, key);
                    self.put(at, key, None);
                }
                Reply::Int(gone)
            }
            other => panic!("the model doesn't know {}", other.escape_ascii()),
        }
    }

    /// `getNodeByQuery`: where a node sends a client that asks for keys of a slot which it doesn't
    /// serve, or not all of them.
    pub(super) fn redirect(&self, at: At, keys: &[&[u8]], asking: bool) -> Option<Reply> {
        let (slot, node) = (slot_of(keys[0]), &self.nodes[at]);
        if self.isolated.contains(&at) {
            return Some(refused("CLUSTERDOWN", "The cluster is down"));
        }
        let to = |code: &str, to: At| refused(code, format!("{slot} {}", Cluster::addr(to)));
        let Some(owner) = node.owners.get(&slot).copied() else {
            return Some(refused("CLUSTERDOWN", "Hash slot not served"));
        };
        if let Some(primary) = node.follows {
            return Some(to("MOVED", if owner == at { primary } else { owner }));
        }
        let is_missing = |key: &&&[u8]| self.held(at, key).is_none();
        let missing = keys.iter().filter(is_missing).count();
        let try_again = || refused("TRYAGAIN", "Multiple keys request during rehashing of slot");
        if owner == at {
            let target = node.migrating.get(&slot).copied().filter(|_| missing > 0)?;
            // Before 7.0 a client is sent on with the keys that haven't moved as well.
            let has_some = missing < keys.len() && self.server.turns_into_replica;
            return Some(if has_some {
                try_again()
            } else {
                to("ASK", target)
            });
        }
        if asking && node.importing.contains_key(&slot) {
            return (keys.len() > 1 && missing > 0).then(try_again);
        }
        Some(to("MOVED", owner))
    }

    /// What a client reads that asks at this node and is led on, and where; none when nobody
    /// answers it now.
    pub fn read(&self, mut at: At, key: &[u8]) -> Option<(At, Option<u64>)> {
        let mut asking = false;
        for _ in 0..self.nodes.len() + 1 {
            let Some(Reply::Refused(refusal)) = self.redirect(at, &[key], asking) else {
                return Some((at, self.held(at, key)));
            };
            at = to_addr(&refusal).and_then(|addr| self.at_addr(&addr))?;
            asking = refusal.code == "ASK";
            if !self.nodes[at].is_alive {
                return None;
            }
        }
        None
    }
}

/// The keys of a client's command.
pub fn keys_of(words: &[Vec<u8>]) -> Vec<&[u8]> {
    let step = if words[0] == b"SET" { 2 } else { 1 };
    words[1..].iter().step_by(step).map(Vec::as_slice).collect()
}
