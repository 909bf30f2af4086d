//! A cluster as the servers' sources have it, as far as it matters for a slot that moves.
//!
//! Modelled: what each node believes of owners, roles and epochs; gossip that
//! carries claims and epochs; the `UPDATE` that makes a node which loses a slot
//! to a higher epoch delete its keys; `SETSLOT` with its checks and the epoch
//! bump without consensus; `MIGRATE` with lost replies; `ASK` and `MOVED`;
//! replicas that take over with or without the open slots; a primary that
//! turns into a replica with its last slot. Replication is at once, or lags: what an
//! promoted replica hasn't got then, no tool can save, and each such key is recorded.

mod clients;
mod excuse;
mod excuses;
mod failover;
mod gossip;
mod lives;
mod migrate;
mod slots;
mod text;
mod windows;

pub use clients::keys_of;
pub use excuse::Excuse;
pub use failover::Late;
pub use lives::{end_of, ending};
pub use windows::Windows;

use slotkit::cluster::verb::{Refusal, Reply, Verb};
use slotkit::cluster::{NodeAddr, NodeId};
use slotkit::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

/// An index into the cluster's nodes.
pub type At = usize;

/// What differs between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Valkey 8 and later: `SETSLOT` reaches the replicas first, and a promoted replica goes on
    /// with it.
    pub replicates_open_slots: bool,
    /// 6.2 and later: a new owner is told to all at once.
    pub broadcasts: bool,
    /// 7.0 and later: the last slot's leaving makes a replica.
    pub turns_into_replica: bool,
}

/// A key with its value.
pub type Data = BTreeMap<Vec<u8>, u64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub id: NodeId,
    pub is_alive: bool,
    /// Whom it follows; none for a primary.
    pub follows: Option<At>,
    pub config_epoch: u64,
    pub current_epoch: u64,
    pub data: Data,
    pub migrating: BTreeMap<Slot, At>,
    pub importing: BTreeMap<Slot, At>,
    /// Who owns each slot, as this node believes.
    pub owners: BTreeMap<Slot, At>,
    /// The configuration epochs of the others, as this node knows them.
    pub epochs: BTreeMap<At, u64>,
    /// Whom the others follow, as this node knows.
    pub roles: BTreeMap<At, Option<At>>,
    asking: bool,
    /// How many `MIGRATE`s were broken off.
    failed: u64,
}

impl Node {
    /// Whether it has a slot open, towards whomever.
    pub fn has_open(&self, slot: Slot) -> bool {
        self.migrating.contains_key(&slot) || self.importing.contains_key(&slot)
    }
}

/// What goes wrong inside the next `MIGRATE`: so many keys get to the target, and so many of its
/// answers get back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LostReplies {
    pub applied: usize,
    pub acked: usize,
}

#[derive(Clone, Debug)]
pub struct Cluster {
    pub nodes: Vec<Node>,
    pub server: Server,
    /// Pairs of nodes that don't hear each other.
    pub cut: BTreeSet<(At, At)>,
    pub lost_replies: Option<LostReplies>,
    /// Nodes that stand still, with what lies in their buffers.
    pub standing: BTreeMap<At, Vec<Late>>,
    /// Who wakes at this moment.
    waking: Option<At>,
    /// Who was replaced while it was down, with the promoted replica, until it follows somebody.
    pub deposed: BTreeMap<At, At>,
    /// When who took over, or woke beside its promoted replica.
    pub took_over_ms: BTreeMap<At, u64>,
    /// Primaries that no other node hears, nor they any other, while clients reach them.
    pub isolated: BTreeSet<At>,
    /// Replicas that get no writes.
    pub lagging: BTreeSet<At>,
    /// Who dies with the next slot that it is given, with the promoted replica.
    pub dying: Option<(At, At)>,
    /// Who died so, and the slot that nobody else has heard of.
    untold: Option<(At, Slot)>,
    /// Whether the replicas carry out the next `SETSLOT`, of which the primary hears nothing.
    pub lost_acks: Option<bool>,
    /// Nodes whose `INFO` says nothing of keys.
    pub mute: BTreeSet<At>,
    /// Nodes that say OK to a `RESTORE` and keep nothing.
    pub swallows: BTreeSet<At>,
    /// The keys that have gone so; none when a client has written one of them since.
    pub swallowed: Option<BTreeSet<Vec<u8>>>,
    /// What no tool can do anything about.
    pub windows: Windows,
    /// The moment, by everybody's clock.
    pub now_ms: u64,
}

impl Hash for Cluster {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Cluster {
            nodes,
            server,
            cut,
            lost_replies,
            standing,
            waking,
            deposed,
            // How long ago it was is what counts.
            took_over_ms: _,
            now_ms: _,
            isolated,
            lagging,
            dying,
            untold,
            lost_acks,
            mute,
            swallows,
            swallowed,
            windows,
        } = self;
        (nodes, server, cut, lost_replies, standing, waking).hash(state);
        (deposed, isolated, lagging, dying, untold, lost_acks).hash(state);
        (mute, swallows, swallowed, windows).hash(state);
        self.since_took_over().hash(state);
    }
}

pub fn slot_of(key: &[u8]) -> Slot {
    Slot::for_key(key)
}

fn slots_of(owners: &BTreeMap<Slot, At>, of: At) -> Vec<Slot> {
    let owned = owners.iter().filter(|(_, owner)| **owner == of);
    owned.map(|(slot, _)| *slot).collect()
}

fn ok() -> Reply {
    Reply::Text(b"OK".to_vec())
}

pub fn refused(code: &str, detail: impl Into<String>) -> Reply {
    Reply::Refused(Refusal {
        code: code.to_owned(),
        detail: detail.into(),
    })
}

/// Where a refusal sends a client.
pub fn to_addr(refusal: &Refusal) -> Option<NodeAddr> {
    let (host, port) = refusal.detail.split(' ').nth(1)?.rsplit_once(':')?;
    Some(NodeAddr::new(host, port.parse().ok()?))
}

impl Cluster {
    /// Primaries that own these slots, then a replica for each of these primaries.
    pub fn new(server: Server, owned: &[Vec<Slot>], replicated: &[At]) -> Cluster {
        let primaries = owned.len();
        let count = primaries + replicated.len();
        let owners: BTreeMap<Slot, At> = owned
            .iter()
            .enumerate()
            .flat_map(|(at, slots)| slots.iter().map(move |slot| (*slot, at)))
            .collect();
        let role = |at: At| (at >= primaries).then(|| replicated[at - primaries]);
        let node = |at: At| Node {
            id: format!("{:040x}", at + 1).parse().expect("an id"),
            is_alive: true,
            follows: role(at),
            config_epoch: match role(at) {
                None => at as u64 + 1,
                Some(primary) => primary as u64 + 1,
            },
            current_epoch: primaries as u64,
            data: Data::new(),
            migrating: BTreeMap::new(),
            importing: BTreeMap::new(),
            owners: owners.clone(),
            epochs: (0..primaries).map(|at| (at, at as u64 + 1)).collect(),
            roles: (0..count).map(|at| (at, role(at))).collect(),
            asking: false,
            failed: 0,
        };
        Cluster {
            nodes: (0..count).map(node).collect(),
            server,
            cut: BTreeSet::new(),
            lost_replies: None,
            standing: BTreeMap::new(),
            waking: None,
            deposed: BTreeMap::new(),
            took_over_ms: BTreeMap::new(),
            isolated: BTreeSet::new(),
            lagging: BTreeSet::new(),
            dying: None,
            untold: None,
            lost_acks: None,
            mute: BTreeSet::new(),
            swallows: BTreeSet::new(),
            swallowed: Some(BTreeSet::new()),
            windows: Windows::default(),
            now_ms: 0,
        }
    }

    pub fn alive_primaries(&self) -> impl Iterator<Item = At> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, node)| node.is_alive && node.follows.is_none())
            .map(|(at, _)| at)
    }

    pub fn at(&self, id: NodeId) -> Option<At> {
        self.nodes.iter().position(|node| node.id == id)
    }

    pub fn addr(at: At) -> NodeAddr {
        NodeAddr::new("10.0.0.1", 7000 + at as u16)
    }

    pub fn at_addr(&self, addr: &NodeAddr) -> Option<At> {
        (0..self.nodes.len()).find(|at| Cluster::addr(*at) == *addr)
    }

    pub fn hears(&self, one: At, other: At) -> bool {
        let pair = (one.min(other), one.max(other));
        let is_alone = [one, other].iter().any(|at| self.isolated.contains(at));
        let are_alive = self.nodes[one].is_alive && self.nodes[other].is_alive;
        are_alive && !is_alone && !self.cut.contains(&pair)
    }

    /// What a node answers. The node is alive.
    pub fn answer(&mut self, at: At, verb: &Verb) -> Reply {
        let was_asking = std::mem::take(&mut self.nodes[at].asking);
        match verb {
            Verb::MyId => Reply::Text(self.nodes[at].id.to_string().into_bytes()),
            Verb::Nodes => Reply::Text(self.nodes_text(at).into_bytes()),
            Verb::ClusterInfo => {
                let node = &self.nodes[at];
                let text = format!(
                    "cluster_state:ok\r\ncluster_current_epoch:{}\r\ncluster_my_epoch:{}\r\n",
                    node.current_epoch, node.config_epoch
                );
                Reply::Text(text.into_bytes())
            }
            Verb::Info("server") => Reply::Text(format!("run_id:{at}\r\n").into_bytes()),
            Verb::Info("commandstats") => {
                let failed = self.nodes[at].failed;
                Reply::Text(format!("cmdstat_migrate:calls={failed}\r\n").into_bytes())
            }
            Verb::Info("errorstats") => {
                let failed = self.nodes[at].failed;
                let text = format!("# Errorstats\r\nerrorstat_IOERR:count={failed}\r\n");
                Reply::Text(text.into_bytes())
            }
            Verb::Info(_) if self.mute.contains(&at) => Reply::Text(Vec::new()),
            Verb::Info(_) => {
                let data = &self.nodes[at].data;
                let expires = data.values().filter(|value| end_of(**value).is_some());
                let (keys, expires) = (data.len(), expires.count());
                let text = match keys {
                    0 => "# Keyspace\r\n".to_owned(),
                    _ => format!("# Keyspace\r\ndb0:keys={keys},expires={expires}\r\n"),
                };
                Reply::Text(text.into_bytes())
            }
            Verb::CountKeys(slot) => Reply::Int(self.keys_in(at, *slot).len() as i64),
            Verb::KeysInSlot { slot, limit } => {
                let keys = self.keys_in(at, *slot).into_iter().take(*limit as usize);
                Reply::List(keys.map(Reply::Text).collect())
            }
            Verb::Select(0) => ok(),
            Verb::Select(_) => refused("ERR", "SELECT is not allowed in cluster mode"),
            Verb::DbSize => Reply::Int(self.nodes[at].data.len() as i64),
            Verb::Asking => {
                self.nodes[at].asking = true;
                ok()
            }
            Verb::SetSlot { slot, state } => self.set_slot(at, *slot, *state),
            Verb::Migrate(migrate) => {
                let reply = self.migrate(at, migrate);
                let is_broken_off = |refusal: &Refusal| refusal.code == "IOERR";
                let failed = matches!(&reply, Reply::Refused(refusal) if is_broken_off(refusal));
                self.nodes[at].failed += u64::from(failed);
                reply
            }
            Verb::Dump(key) => match self.redirect(at, &[key], was_asking) {
                Some(refusal) => refusal,
                None => {
                    self.touch(at, key);
                    match self.held(at, key) {
                        // One value has another dump on every second node: its kind, and a seed's
                        // order.
                        Some(value) => Reply::Text(format!("\0{value} on {}", at % 2).into_bytes()),
                        None => Reply::Nil,
                    }
                }
            },
            // No value is big.
            Verb::MemoryUsage { .. } => Reply::Int(1),
            Verb::Pttl(key) => match self.redirect(at, &[key], was_asking) {
                Some(refusal) => refusal,
                None => match self.held(at, key).map(end_of) {
                    Some(Some(end)) => Reply::Int((end - self.now_ms) as i64),
                    Some(None) => Reply::Int(-1),
                    None => Reply::Int(-2),
                },
            },
            Verb::Client(words) => self.client(at, words, was_asking),
            other => panic!("the model doesn't know {}", other.name()),
        }
    }

    /// Writes on a primary and, at once, on its replicas that don't lag.
    pub fn put(&mut self, at: At, key: &[u8], value: Option<u64>) {
        self.windows.settle(at, key);
        for node in 0..self.nodes.len() {
            let follows = self.nodes[node].follows == Some(at) && self.nodes[node].is_alive;
            if node == at || (follows && !self.lagging.contains(&node)) {
                match value {
                    Some(value) => drop(self.nodes[node].data.insert(key.to_vec(), value)),
                    None => drop(self.nodes[node].data.remove(key)),
                }
            }
        }
    }

    /// A primary's replicas have what it has.
    pub fn catch_up(&mut self, at: At) {
        let data = self.nodes[at].data.clone();
        let replicas = self.nodes.iter_mut();
        for replica in replicas.filter(|node| node.follows == Some(at)) {
            replica.data.clone_from(&data);
        }
    }

    pub fn keys_in(&self, at: At, slot: Slot) -> Vec<Vec<u8>> {
        let keys = self.nodes[at].data.keys();
        keys.filter(|key| slot_of(key) == slot).cloned().collect()
    }
}
