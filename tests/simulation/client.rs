//! A client that remembers every acknowledged write.

use super::choice::Chooser;
use super::model::{At, Cluster};
use slotkit::cluster::NodeAddr;
use slotkit::cluster::verb::{Reply, Verb};
use std::collections::{BTreeMap, BTreeSet};

/// More hops than that, and the client gives its question up.
const MAX_HOPS: u32 = 40;

#[derive(Clone, Debug)]
struct Question {
    words: Vec<Vec<u8>>,
    at: At,
    asking: bool,
    hops: u32,
}

/// What the client was told, and what it holds against the servers.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub expected: BTreeMap<Vec<u8>, Option<u64>>,
    /// Keys that a server answered for while another primary had a copy of its own: after a
    /// `MIGRATE` whose answer was lost, or before an heir knew of the open slot. No tool can
    /// close these windows, so what a deletion in one becomes isn't held against it.
    pub doomed: BTreeSet<Vec<u8>>,
    /// Reads that nothing excuses.
    pub wrong: Vec<String>,
    question: Option<Question>,
    next_value: u64,
}

impl Client {
    /// A client that has written these keys.
    pub fn new(cluster: &mut Cluster, keys: &[Vec<u8>]) -> Client {
        let mut client = Client::default();
        for (index, key) in keys.iter().enumerate() {
            let slot = super::model::slot_of(key);
            let owner = cluster.nodes[0].owners[&slot];
            let value = index as u64 + 1;
            cluster.put(owner, key, Some(value));
            client.expected.insert(key.clone(), Some(value));
        }
        client.next_value = 1_000;
        client
    }

    /// Asks something new, or goes on with what it asked.
    pub fn step(&mut self, cluster: &mut Cluster, chooser: &mut Chooser) {
        let alive: Vec<At> = (0..cluster.nodes.len())
            .filter(|at| cluster.nodes[*at].is_alive && cluster.nodes[*at].follows.is_none())
            .collect();
        let mut question = match self.question.take() {
            Some(question) => question,
            None => {
                let keys: Vec<&Vec<u8>> = self.expected.keys().collect();
                let key = keys[chooser.pick(keys.len())].clone();
                let kind: &[u8] = [&b"SET"[..], b"GET", b"DEL"][chooser.pick(3)];
                self.next_value += 1;
                let mut words = vec![kind.to_vec(), key.clone()];
                if kind == b"SET" {
                    words.push(self.next_value.to_string().into_bytes());
                }
                // It has a map of the cluster from some node.
                let slot = super::model::slot_of(&key);
                let at = cluster.nodes[alive[0]].owners[&slot];
                Question {
                    words,
                    at,
                    asking: false,
                    hops: 0,
                }
            }
        };
        question.hops += 1;
        if question.hops > MAX_HOPS {
            return;
        }
        if !alive.contains(&question.at) {
            question.at = alive[chooser.pick(alive.len())];
            question.asking = false;
        }
        if question.asking {
            cluster.answer(question.at, &Verb::Asking);
        }
        let reply = cluster.answer(question.at, &Verb::Client(question.words.clone()));
        match reply {
            Reply::Refused(refusal) => {
                let addr = refusal.detail.split(' ').nth(1).and_then(to_addr);
                let to = (0..cluster.nodes.len()).find(|at| Some(Cluster::addr(*at)) == addr);
                if let Some(to) = to {
                    question.at = to;
                    question.asking = refusal.code == "ASK";
                }
                self.question = Some(question);
            }
            reply => self.acknowledged(cluster, &question, &reply),
        }
    }

    fn acknowledged(&mut self, cluster: &Cluster, question: &Question, reply: &Reply) {
        let key = &question.words[1];
        let is_split = (0..cluster.nodes.len()).any(|at| {
            at != question.at
                && cluster.nodes[at].is_alive
                && cluster.nodes[at].follows.is_none()
                && cluster.nodes[at].data.contains_key(key)
        });
        match question.words[0].as_slice() {
            b"GET" => {
                let found = match reply {
                    Reply::Text(text) => {
                        std::str::from_utf8(text).ok().and_then(|t| t.parse().ok())
                    }
                    _ => None,
                };
                let expected = self.expected[key];
                if found != expected && !is_split && !self.doomed.contains(key) {
                    self.wrong.push(format!(
                        "{} read {found:?} at {}, expected {expected:?}",
                        key.escape_ascii(),
                        question.at
                    ));
                }
            }
            b"SET" => {
                let value = std::str::from_utf8(&question.words[2])
                    .ok()
                    .and_then(|t| t.parse().ok());
                self.doomed.remove(key);
                self.expected.insert(key.clone(), value);
            }
            _ => {
                if is_split {
                    self.doomed.insert(key.clone());
                }
                self.expected.insert(key.clone(), None);
            }
        }
    }
}

fn to_addr(text: &str) -> Option<NodeAddr> {
    let (host, port) = text.rsplit_once(':')?;
    Some(NodeAddr::new(host, port.parse().ok()?))
}
