//! What a node answers a client, and where it sends one.

use super::{At, Cluster, ok, refused, slot_of, to_addr};
use slotkit::cluster::verb::Reply;

impl Cluster {
    /// `GET k`, `SET k v`, `DEL k…`.
    fn client(&mut self, at: At, words: &[Vec<u8>], asking: bool) -> Reply {
        for key in &words[1..2] {
            if let Some(refusal) = self.redirect(at, key, asking) {
                return refusal;
            }
        }
        match words[0].as_slice() {
            b"GET" => match self.nodes[at].data.get(&words[1]) {
                Some(value) => Reply::Text(value.to_string().into_bytes()),
                None => Reply::Nil,
            },
            b"SET" => {
                let value = std::str::from_utf8(&words[2])
                    .ok()
                    .and_then(|v| v.parse().ok());
                self.outdate_others(at, &words[1]);
                self.put(at, &words[1], Some(value.expect("a number")));
                ok()
            }
            b"DEL" => {
                let mut gone = 0;
                for key in &words[1..] {
                    gone += i64::from(self.nodes[at].data.contains_key(key));
                    self.outdate_others(at, key);
                    self.put(at, key, None);
                }
                Reply::Int(gone)
            }
            other => panic!("the model doesn't know {}", other.escape_ascii()),
        }
    }

    /// `getNodeByQuery`: where a node sends a client that asks for a key it doesn't serve.
    fn redirect(&self, at: At, key: &[u8], asking: bool) -> Option<Reply> {
        let (slot, node) = (slot_of(key), &self.nodes[at]);
        let to = |code: &str, to: At| refused(code, format!("{slot} {}", Cluster::addr(to)));
        let Some(owner) = node.owners.get(&slot).copied() else {
            return Some(refused("CLUSTERDOWN", "Hash slot not served"));
        };
        if let Some(primary) = node.follows {
            return Some(to("MOVED", if owner == at { primary } else { owner }));
        }
        if owner == at {
            let target = node.migrating.get(&slot).copied();
            let is_missing = !node.data.contains_key(key);
            return target
                .filter(|_| is_missing)
                .map(|target| to("ASK", target));
        }
        if asking && node.importing.contains_key(&slot) {
            return None;
        }
        Some(to("MOVED", owner))
    }

    /// What a client reads that asks at this node and is led on, and where; none when nobody
    /// answers it now.
    pub fn read(&self, mut at: At, key: &[u8]) -> Option<(At, Option<u64>)> {
        let mut asking = false;
        for _ in 0..self.nodes.len() + 1 {
            let Some(Reply::Refused(refusal)) = self.redirect(at, key, asking) else {
                return Some((at, self.nodes[at].data.get(key).copied()));
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
