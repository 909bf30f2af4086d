//! A client that remembers every acknowledged write.

use super::choice::Chooser;
use super::model::{At, Cluster, ending, keys_of, to_addr};
use slotkit::cluster::verb::{Reply, Verb};
use std::collections::{BTreeMap, BTreeSet};

/// How long keys live that end.
const LIVES_MS: [u64; 3] = [30, 300, 3_000];
/// More hops than that, and the client gives its question up.
const MAX_HOPS: u32 = 40;

#[derive(Clone, Debug, Hash)]
struct Question {
    words: Vec<Vec<u8>>,
    at: At,
    asking: bool,
    hops: u32,
}

/// What the client was told, and what it holds against the servers.
#[derive(Clone, Debug, Default, Hash)]
pub struct Client {
    pub expected: BTreeMap<Vec<u8>, Option<u64>>,
    /// Reads that nothing excuses.
    pub wrong: Vec<String>,
    question: Option<Question>,
    /// How many questions may still be asked.
    pub questions_left: u32,
    /// How often it was told to try again, since some of its keys had moved and some hadn't.
    pub tried_again: usize,
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
        client
    }

    /// Whether it has something to ask.
    pub fn may_ask(&self) -> bool {
        self.question.is_some() || self.questions_left > 0
    }

    /// Asks something new of these kinds, or goes on with what it asked. It has a map of the
    /// cluster from some node, or asks any primary. Returns who was asked, for what, and the answer.
    pub fn step(
        &mut self,
        cluster: &mut Cluster,
        chooser: &mut Chooser,
        kinds: &[&[u8]],
        asks_any: bool,
    ) -> Option<(At, Verb, Reply)> {
        let alive: Vec<At> = cluster.alive_primaries().collect();
        let mut question = match self.question.take() {
            Some(question) => question,
            None => {
                self.questions_left = self.questions_left.saturating_sub(1);
                let keys: Vec<&Vec<u8>> = self.expected.keys().collect();
                let first = chooser.pick(keys.len());
                let kind = kinds[chooser.pick(kinds.len())];
                let slot = super::model::slot_of(keys[first]);
                let asked: Vec<Vec<u8>> = match kind.strip_prefix(b"M") {
                    // With the next key of its slot, if it has one.
                    Some(_) => {
                        let of_slot = |key: &&&Vec<u8>| super::model::slot_of(key) == slot;
                        let pair = keys[first..].iter().filter(of_slot).take(2);
                        pair.map(|key| (*key).clone()).collect()
                    }
                    None => vec![keys[first].clone()],
                };
                let life_ms = (kind[0] == b'P').then(|| LIVES_MS[chooser.pick(LIVES_MS.len())]);
                let kind = match kind.len() {
                    4 => &kind[1..],
                    _ => kind,
                };
                let mut words = vec![kind.to_vec()];
                for key in asked {
                    words.push(key.clone());
                    if kind == b"SET" {
                        let value = self.new_value(cluster, &key);
                        let value = match life_ms {
                            Some(life_ms) => ending(value, cluster.now_ms + life_ms),
                            None => value,
                        };
                        words.push(value.to_string().into_bytes());
                    }
                }
                let at = if asks_any {
                    alive[chooser.pick(alive.len())]
                } else {
                    cluster.nodes[alive[0]].owners[&slot]
                };
                Question {
                    words,
                    at,
                    asking: false,
                    hops: 0,
                }
            }
        };
        // Where every interleaving is tried, a state that comes again isn't gone on from.
        question.hops += u32::from(!asks_any);
        if question.hops > MAX_HOPS {
            return None;
        }
        if !alive.contains(&question.at) {
            question.at = alive[chooser.pick(alive.len())];
            question.asking = false;
        }
        if question.asking {
            cluster.answer(question.at, &Verb::Asking);
        }
        let verb = Verb::Client(question.words.clone());
        let reply = cluster.answer(question.at, &verb);
        let told = (question.at, verb, reply.clone());
        match reply {
            Reply::Refused(refusal) => {
                let addr = to_addr(&refusal);
                let to = (0..cluster.nodes.len()).find(|at| Some(Cluster::addr(*at)) == addr);
                if let Some(to) = to {
                    question.at = to;
                    question.asking = refusal.code == "ASK";
                } else if refusal.code == "TRYAGAIN" {
                    // Some of its keys have moved: it asks its slot's owner again.
                    let slot = super::model::slot_of(&question.words[1]);
                    question.at = cluster.nodes[alive[0]].owners[&slot];
                    question.asking = false;
                    self.tried_again += 1;
                }
                self.question = Some(question);
            }
            reply => self.acknowledged(cluster, &question, &reply),
        }
        Some(told)
    }

    /// A value that no copy of the key has.
    fn new_value(&self, cluster: &Cluster, key: &[u8]) -> u64 {
        let copies = cluster.nodes.iter().map(|node| node.data.get(key).copied());
        let taken: BTreeSet<u64> = copies
            .chain(self.expected.values().copied())
            .flatten()
            .collect();
        (1..)
            .find(|value| !taken.contains(value))
            .expect("a number")
    }

    fn acknowledged(&mut self, cluster: &mut Cluster, question: &Question, reply: &Reply) {
        let keys = keys_of(&question.words);
        match question.words[0].as_slice() {
            b"GET" => {
                let values = match reply {
                    Reply::List(values) => values.as_slice(),
                    value => std::slice::from_ref(value),
                };
                for (key, value) in keys.iter().zip(values) {
                    self.found(cluster, question.at, key, number(value));
                }
            }
            b"SET" => {
                for pair in question.words[1..].chunks(2) {
                    let value = number(&Reply::Text(pair[1].clone()));
                    self.wrote(cluster, question.at, &pair[0], value);
                }
            }
            _ => {
                for key in keys {
                    self.wrote(cluster, question.at, key, None);
                }
            }
        }
    }

    fn wrote(&mut self, cluster: &mut Cluster, at: At, key: &[u8], value: Option<u64>) {
        self.expected.insert(key.to_vec(), value);
        self.wrong.extend(cluster.acknowledged(at, key).err());
    }

    /// Somebody read this at a node.
    pub fn found(&mut self, cluster: &Cluster, at: At, key: &[u8], found: Option<u64>) {
        let expected = cluster.living(self.expected[key]);
        if found != expected && !cluster.explains_read(at, key, found, expected) {
            self.wrong.push(format!(
                "{} read {found:?} at {at}, expected {expected:?}",
                key.escape_ascii(),
            ));
        }
    }
}

fn number(value: &Reply) -> Option<u64> {
    match value {
        Reply::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}
