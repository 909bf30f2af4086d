//! A cluster as the servers' sources have it, as far as it matters for a slot that moves.
//!
//! Modelled: what each node believes of owners, roles and epochs; gossip that
//! carries claims and epochs; the `UPDATE` that makes a node which loses a slot
//! to a higher epoch delete its keys; `SETSLOT` with its checks and the epoch
//! bump without consensus; `MIGRATE` with lost replies; `ASK` and `MOVED`;
//! replicas that take over with or without the open slots; a primary that
//! turns into a replica with its last slot. Replication is at once: what an
//! asynchronous replica loses, no tool can save.

mod windows;

pub use windows::Windows;

use slotkit::cluster::verb::{Migrate, Refusal, Reply, SetSlot, Verb};
use slotkit::cluster::{NodeAddr, NodeId};
use slotkit::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// An index into the cluster's nodes.
pub type At = usize;

/// What differs between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Valkey 8 and later: `SETSLOT` reaches the replicas first, and an heir goes on with it.
    pub replicates_open_slots: bool,
    /// 6.2 and later: a new owner is told to all at once.
    pub broadcasts: bool,
    /// 7.0 and later: the last slot's leaving makes a replica.
    pub turns_into_replica: bool,
}

/// A key with its value. The key's name begins with its slot.
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
}

/// What goes wrong inside the next `MIGRATE`: so many keys get to the target, and so many of its
/// answers get back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LostReplies {
    pub applied: usize,
    pub acked: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cluster {
    pub nodes: Vec<Node>,
    pub server: Server,
    /// Pairs of nodes that don't hear each other.
    pub cut: BTreeSet<(At, At)>,
    pub lost_replies: Option<LostReplies>,
    /// What no tool can do anything about.
    pub windows: Windows,
}

pub fn slot_of(key: &[u8]) -> Slot {
    let text = std::str::from_utf8(key).expect("a key of the model");
    let number = text.split(':').next().and_then(|text| text.parse().ok());
    Slot::new(number.expect("a number")).expect("a slot")
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
        };
        Cluster {
            nodes: (0..count).map(node).collect(),
            server,
            cut: BTreeSet::new(),
            lost_replies: None,
            windows: Windows::default(),
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
        self.nodes[one].is_alive && self.nodes[other].is_alive && !self.cut.contains(&pair)
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
            Verb::Info(_) => {
                let keys = self.nodes[at].data.len();
                let text = match keys {
                    0 => "# Keyspace\r\n".to_owned(),
                    _ => format!("# Keyspace\r\ndb0:keys={keys},expires=0\r\n"),
                };
                Reply::Text(text.into_bytes())
            }
            Verb::CountKeys(slot) => Reply::Int(self.keys_in(at, *slot).len() as i64),
            Verb::KeysInSlot { slot, limit } => {
                let keys = self.keys_in(at, *slot).into_iter().take(*limit as usize);
                Reply::List(keys.map(Reply::Text).collect())
            }
            Verb::Select(_) => ok(),
            Verb::Asking => {
                self.nodes[at].asking = true;
                ok()
            }
            Verb::SetSlot { slot, state } => self.set_slot(at, *slot, *state),
            Verb::Migrate(migrate) => self.migrate(at, migrate),
            Verb::Dump(key) => match self.redirect(at, key, was_asking) {
                Some(refusal) => refusal,
                None => match self.nodes[at].data.get(key) {
                    Some(value) => Reply::Text(value.to_string().into_bytes()),
                    None => Reply::Nil,
                },
            },
            Verb::Pttl(key) => match self.nodes[at].data.contains_key(key) {
                true => Reply::Int(-1),
                false => Reply::Int(-2),
            },
            Verb::Client(words) => self.client(at, words, was_asking),
            other => panic!("the model doesn't know {}", other.name()),
        }
    }

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
                self.put(at, &words[1], Some(value.expect("a number")));
                ok()
            }
            b"DEL" => {
                let mut gone = 0;
                for key in &words[1..] {
                    gone += i64::from(self.nodes[at].data.contains_key(key));
                    self.put(at, key, None);
                }
                Reply::Int(gone)
            }
            other => panic!("the model doesn't know {}", other.escape_ascii()),
        }
    }

    /// Writes on a primary and, at once, on its replicas.
    pub fn put(&mut self, at: At, key: &[u8], value: Option<u64>) {
        self.windows.settle(at, key);
        for node in 0..self.nodes.len() {
            if node == at || (self.nodes[node].follows == Some(at) && self.nodes[node].is_alive) {
                match value {
                    Some(value) => drop(self.nodes[node].data.insert(key.to_vec(), value)),
                    None => drop(self.nodes[node].data.remove(key)),
                }
            }
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

    pub fn keys_in(&self, at: At, slot: Slot) -> Vec<Vec<u8>> {
        let keys = self.nodes[at].data.keys();
        keys.filter(|key| slot_of(key) == slot).cloned().collect()
    }

    fn takes_for_replica(&self, at: At, other: At) -> bool {
        let role = self.nodes[at].roles.get(&other);
        role.copied().flatten().is_some()
    }

    fn set_slot(&mut self, at: At, slot: Slot, state: SetSlot) -> Reply {
        if self.nodes[at].follows.is_some() {
            return refused("ERR", "Please use SETSLOT only with masters.");
        }
        let owner = self.nodes[at].owners.get(&slot).copied();
        let known = |id: NodeId| self.at(id);
        match state {
            SetSlot::Migrating { target } => {
                if owner != Some(at) {
                    return refused("ERR", format!("I'm not the owner of hash slot {slot}"));
                }
                let target = known(target).expect("a known node");
                if self.takes_for_replica(at, target) {
                    return refused("ERR", "Target node is not a master");
                }
                self.nodes[at].migrating.insert(slot, target);
                self.windows.close(at, slot);
            }
            SetSlot::Importing { source } => {
                if owner == Some(at) {
                    return refused("ERR", format!("I'm already the owner of hash slot {slot}"));
                }
                let source = known(source).expect("a known node");
                self.nodes[at].importing.insert(slot, source);
            }
            SetSlot::Stable => {
                self.nodes[at].migrating.remove(&slot);
                self.nodes[at].importing.remove(&slot);
            }
            SetSlot::Node { owner: new } => {
                let new = known(new).expect("a known node");
                // Since 7.0 (seen on Redis 7.0.15): nobody takes a replica for an owner.
                let takes_replicas = !self.server.turns_into_replica;
                if !takes_replicas && self.takes_for_replica(at, new) {
                    return refused("ERR", "Target node is not a master");
                }
                let keys = self.keys_in(at, slot).len();
                if owner == Some(at) && new != at && keys > 0 {
                    let what = "Can't assign hashslot to a different node while I still hold keys \
                                for this hash slot.";
                    return refused("ERR", what);
                }
                if keys == 0 {
                    self.nodes[at].migrating.remove(&slot);
                }
                if new == at && self.nodes[at].importing.remove(&slot).is_some() {
                    self.bump_epoch(at);
                }
                self.nodes[at].owners.insert(slot, new);
                if new != at {
                    self.windows.close(at, slot);
                }
                if self.server.replicates_open_slots {
                    let replicas = self.nodes.iter_mut();
                    for replica in replicas.filter(|node| node.follows == Some(at)) {
                        replica.owners.insert(slot, new);
                    }
                }
                if owner == Some(at) && new != at {
                    self.maybe_follow(at, new);
                }
                if self.server.broadcasts && new == at {
                    (0..self.nodes.len()).for_each(|other| self.gossip(at, other));
                }
            }
        }
        self.replicate_open(at);
        ok()
    }

    /// Valkey's replicas know what their primary has open.
    fn replicate_open(&mut self, at: At) {
        if !self.server.replicates_open_slots {
            return;
        }
        let (migrating, importing) = {
            let node = &self.nodes[at];
            (node.migrating.clone(), node.importing.clone())
        };
        for node in self
            .nodes
            .iter_mut()
            .filter(|node| node.follows == Some(at))
        {
            node.migrating = migrating.clone();
            node.importing = importing.clone();
        }
    }

    /// `clusterBumpConfigEpochWithoutConsensus`: only a node that isn't the newest it knows of
    /// takes a new epoch.
    fn bump_epoch(&mut self, at: At) {
        let node = &mut self.nodes[at];
        let newest = node.epochs.values().copied().max().unwrap_or_default();
        let newest = newest.max(node.config_epoch).max(node.current_epoch);
        if node.config_epoch == 0 || node.config_epoch != newest {
            node.current_epoch += 1;
            node.config_epoch = node.current_epoch;
        }
        node.epochs.insert(at, node.config_epoch);
    }

    /// From 7.0 on, a primary without slots follows who took the last one.
    fn maybe_follow(&mut self, at: At, new: At) {
        let owns = self.nodes[at].owners.values().any(|owner| *owner == at);
        if !owns && self.server.turns_into_replica && self.nodes[at].follows.is_none() {
            self.follow(at, new);
        }
    }

    /// Closes everything that is open, and takes the new primary's data in place of its own.
    fn follow(&mut self, at: At, new: At) {
        let data = self.nodes[new].data.clone();
        self.windows.replace(at);
        let epoch = self.nodes[new].config_epoch;
        let node = &mut self.nodes[at];
        node.follows = Some(new);
        node.roles.insert(at, Some(new));
        node.migrating.clear();
        node.importing.clear();
        node.data = data;
        node.config_epoch = epoch;
    }

    /// Whether a node would learn anything from another.
    pub fn would_learn(&self, from: At, to: At) -> bool {
        if from == to || !self.hears(from, to) {
            return false;
        }
        let (sender, node) = (&self.nodes[from], &self.nodes[to]);
        let is_primary = sender.follows.is_none();
        let mut claims = sender.owners.iter().filter(|(_, owner)| **owner == from);
        node.current_epoch < sender.current_epoch
            || node.roles.get(&from) != Some(&sender.follows)
            || (is_primary && node.epochs.get(&from) != Some(&sender.config_epoch))
            || (is_primary
                && claims.any(|(slot, _)| {
                    node.owners.get(slot) != Some(&from) && !node.importing.contains_key(slot)
                }))
    }

    /// One node's message reaches another.
    pub fn gossip(&mut self, from: At, to: At) {
        if from == to || !self.hears(from, to) {
            return;
        }
        let sender = self.nodes[from].clone();
        let node = &mut self.nodes[to];
        node.current_epoch = node.current_epoch.max(sender.current_epoch);
        node.roles.insert(from, sender.follows);
        if sender.follows.is_some() {
            return;
        }
        node.epochs.insert(from, sender.config_epoch);
        let claimed: Vec<Slot> = slots_of(&sender.owners, from);
        for owner in self.claim(to, from, sender.config_epoch, &claimed) {
            // UPDATE: what the receiver knows of the true owner goes back to the sender.
            let epoch = self.epoch_of(to, owner);
            let slots = slots_of(&self.nodes[to].owners, owner);
            if owner != from {
                self.nodes[from].epochs.insert(owner, epoch);
                self.claim(from, owner, epoch, &slots);
            }
        }
    }

    /// `clusterUpdateSlotsConfigWith`: a node hears that an owner claims slots with an epoch.
    /// Returns the owners with a higher epoch that the claimant doesn't know of.
    fn claim(&mut self, to: At, from: At, epoch: u64, slots: &[Slot]) -> BTreeSet<At> {
        let mut stale = BTreeSet::new();
        let mut is_lost = false;
        let mine = self.nodes[to].follows.unwrap_or(to);
        for slot in slots {
            let known = self.nodes[to].owners.get(slot).copied();
            // "It should never be modified except for via the redis-cli."
            if known == Some(from) || self.nodes[to].importing.contains_key(slot) {
                continue;
            }
            let known_epoch = known.map(|owner| self.epoch_of(to, owner));
            if known_epoch.is_none_or(|known| known < epoch) {
                is_lost |= known == Some(mine);
                if known == Some(to) && self.nodes[to].follows.is_none() {
                    // It had the slot, and somebody with a higher epoch has it: its keys go.
                    for key in self.keys_in(to, *slot) {
                        self.put(to, &key, None);
                    }
                    self.nodes[to].migrating.remove(slot);
                    self.windows.close(to, *slot);
                }
                self.nodes[to].owners.insert(*slot, from);
            } else if known_epoch > Some(epoch) {
                stale.extend(known);
            }
        }
        let is_left = self.nodes[to].owners.values().any(|owner| *owner == mine);
        if is_lost && !is_left && (self.server.turns_into_replica || mine != to) {
            self.follow(to, from);
        }
        stale
    }

    fn epoch_of(&self, at: At, owner: At) -> u64 {
        match owner == at {
            true => self.nodes[at].config_epoch,
            false => self.nodes[at]
                .epochs
                .get(&owner)
                .copied()
                .unwrap_or_default(),
        }
    }

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

    fn migrate(&mut self, at: At, migrate: &Migrate) -> Reply {
        let slot = slot_of(&migrate.keys[0]);
        let node = &self.nodes[at];
        if node.follows.is_some() {
            let owner = node.owners.get(&slot).copied().unwrap_or(at);
            return refused("MOVED", format!("{slot} {}", Cluster::addr(owner)));
        }
        let is_open = node.migrating.contains_key(&slot) || node.importing.contains_key(&slot);
        let owner = node.owners.get(&slot).copied();
        if owner != Some(at) && !is_open {
            let owner = owner.unwrap_or(at);
            return refused("MOVED", format!("{slot} {}", Cluster::addr(owner)));
        }
        let keys: Vec<Vec<u8>> = migrate
            .keys
            .iter()
            .filter(|key| node.data.contains_key(*key))
            .cloned()
            .collect();
        if keys.is_empty() {
            return Reply::Text(b"NOKEY".to_vec());
        }
        let target = self.at_addr(&migrate.target).expect("an address of ours");
        if !self.hears(at, target) {
            return refused("IOERR", "error or timeout connecting to the client");
        }
        let lost = self.lost_replies.take();
        let mut answer = ok();
        for (index, key) in keys.iter().enumerate() {
            if lost.is_some_and(|lost| index >= lost.applied) {
                break;
            }
            let value = self.nodes[at].data[key];
            let restored = self.restore(target, key, value, migrate.replace);
            if lost.is_some_and(|lost| index >= lost.acked) {
                if restored.is_none() {
                    self.windows.leave(target, key);
                }
                continue;
            }
            match restored {
                None => self.put(at, key, None),
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
    fn restore(&mut self, at: At, key: &[u8], value: u64, replace: bool) -> Option<String> {
        if let Some(Reply::Refused(refusal)) = self.redirect(at, key, true) {
            return Some(refusal.to_string());
        }
        if !replace && self.nodes[at].data.contains_key(key) {
            return Some("BUSYKEY Target key name already exists.".to_owned());
        }
        self.put(at, key, Some(value));
        None
    }

    fn nodes_text(&self, at: At) -> String {
        let me = &self.nodes[at];
        let mut text = String::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let follows = match index == at {
                true => me.follows,
                false => me.roles.get(&index).copied().flatten(),
            };
            let myself = if index == at { "myself," } else { "" };
            let (role, primary) = match follows {
                None => ("master", "-".to_owned()),
                Some(primary) => ("slave", self.nodes[primary].id.to_string()),
            };
            let fail = if node.is_alive { "" } else { ",fail" };
            text.push_str(&format!(
                "{} {}@17000 {myself}{role}{fail} {primary} 0 0 {} connected",
                node.id,
                Cluster::addr(index),
                self.epoch_of(at, index)
            ));
            for (slot, owner) in &me.owners {
                if *owner == index {
                    text.push_str(&format!(" {slot}"));
                }
            }
            if index == at {
                for (slot, target) in &me.migrating {
                    text.push_str(&format!(" [{slot}->-{}]", self.nodes[*target].id));
                }
                for (slot, source) in &me.importing {
                    text.push_str(&format!(" [{slot}-<-{}]", self.nodes[*source].id));
                }
            }
            text.push('\n');
        }
        text
    }
}
