//! What a failover left of the slots on nodes that don't own them is cleared up, by the tool's own
//! code over links to the model.

use super::World;
use super::wire::broken;
use crate::model::{Cluster, slot_of};
use slotkit::cluster::slot_migrations::SlotMigrations;
use slotkit::cluster::verb::{NodeLink, Reply, Verb};
use slotkit::cluster::{LiveCluster, LiveNode, NodeAddr, NodeId};
use slotkit::error::{Error, ErrorKind};
use slotkit::execute::Version;
use slotkit::execute::options::OnConflict;
use slotkit::execute::orphaned::{self, ClearingOptions, NotCleared, OrphanedKeys};
use slotkit::execute::survey::Functions;
use slotkit::execute::survey::{MaxMemory, NodeFacts, Replication, Survey};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A link to a node of the model.
struct Link {
    cluster: Arc<Mutex<Cluster>>,
    at: usize,
}

impl NodeLink for Link {
    fn round_trip(&mut self, verbs: &[Verb]) -> Result<Vec<Reply>, Error> {
        let mut cluster = self.cluster.lock().expect("one thread");
        Ok(verbs
            .iter()
            .map(|verb| cluster.answer(self.at, verb))
            .collect())
    }

    fn another(&self, addr: &NodeAddr) -> Result<Link, Error> {
        let cluster = self.cluster.lock().expect("one thread");
        let nobody = || Error::new(ErrorKind::Connect, "nobody listens there");
        Ok(Link {
            at: cluster.at_addr(addr).ok_or_else(nobody)?,
            cluster: Arc::clone(&self.cluster),
        })
    }
}

impl World {
    /// Who was away when the last run ended is back: nothing is left of the plan's slots where they
    /// don't belong, when a person has done what `check` says of it.
    pub(super) fn clear_left_over(&mut self) -> Result<(), String> {
        for orphaned in orphaned::find(&self.survey(), &self.shards, &self.plan) {
            self.tell(|| format!("left over: {orphaned:?}"));
            while let Err(NotCleared { error, .. }) = self.clear(orphaned) {
                if !self.decide(&error) {
                    return Err(error.one_line());
                }
            }
        }
        Ok(())
    }

    /// Clears one up; where it can't be, the keys that are named are decided about later.
    pub(super) fn clear(&mut self, orphaned: OrphanedKeys) -> Result<u64, NotCleared> {
        let shared = Arc::new(Mutex::new(self.cluster.clone()));
        let node = |at: usize| LiveNode {
            addr: Cluster::addr(at),
            link: Link {
                cluster: Arc::clone(&shared),
                at,
            },
        };
        let nodes = self.cluster.nodes.iter().enumerate();
        let nodes: BTreeMap<NodeId, LiveNode<Link>> =
            nodes.map(|(at, model)| (model.id, node(at))).collect();
        let mut live = LiveCluster::of(self.cluster.nodes[0].id, nodes);
        let options = ClearingOptions {
            on_conflict: OnConflict::Stop,
            route: None,
            login: None,
            timeout_ms: 1_000,
        };
        let cleared = orphaned::clear(&mut live, orphaned, &options);
        drop(live);
        let shared = Arc::into_inner(shared).expect("nobody else holds it");
        self.cluster = shared.into_inner().expect("one thread");
        self.unclear = cleared.is_err().then_some(orphaned);
        cleared.map(|cleared| cleared.copies)
    }

    /// A person looks at a key that a node has which doesn't own its slot, and knows what it should
    /// be. Whether one was named.
    pub(super) fn decide(&mut self, error: &Error) -> bool {
        let named = |key: &&Vec<u8>| {
            let name = format!("`{}`", key.escape_ascii());
            error.message().contains(&name)
        };
        let key = self.client.expected.keys().find(named).cloned();
        let (Some(orphaned), Some(key)) = (self.unclear.take(), key) else {
            return false;
        };
        self.conflicts += 1;
        self.settle_named(|named| named == key);
        let holder = self.cluster.at(orphaned.holder).expect("a node");
        let owner = self.cluster.at(orphaned.owner).expect("a node");
        let held = self.cluster.held(holder, &key);
        if held == self.cluster.living(self.client.expected[&key]) {
            self.cluster.put(owner, &key, held);
        }
        self.cluster.put(holder, &key, None);
        true
    }

    /// What these nodes say; each must answer.
    pub(super) fn survey_of(&mut self, ids: &[NodeId]) -> Result<Survey, Error> {
        let mut survey = self.survey();
        survey.nodes.retain(|id, _| ids.contains(id));
        if ids.iter().all(|id| survey.nodes.contains_key(id)) {
            Ok(survey)
        } else {
            Err(broken())
        }
    }

    /// What every node says that is alive.
    pub(super) fn survey(&mut self) -> Survey {
        let views = self.views();
        let facts = |(id, view)| {
            let at = self.cluster.at(id).expect("a node");
            let node = &self.cluster.nodes[at];
            let (mut orphaned, mut arrived) = (BTreeMap::new(), BTreeMap::new());
            let slots = node.data.keys().map(|key| slot_of(key));
            for slot in slots.filter(|slot| node.owners.get(slot) != Some(&at)) {
                let foreign = if node.has_open(slot) {
                    &mut arrived
                } else {
                    &mut orphaned
                };
                *foreign.entry(slot).or_default() += 1;
            }
            let facts = NodeFacts {
                addr: Cluster::addr(at),
                view,
                state: "ok".to_owned(),
                my_epoch: node.config_epoch,
                current_epoch: node.current_epoch,
                version: Version::from_info("redis_version:7.0.15").expect("a version"),
                keys: node.data.len() as u64,
                databases: vec![0],
                database_count: 1,
                database_limit: None,
                orphaned,
                arrived,
                used_bytes: 0,
                max_memory: MaxMemory::Unlimited,
                refuses_when_full: true,
                node_timeout_ms: None,
                allows_replica_migration: None,
                trial: None,
                replication: Replication::default(),
                migrations: SlotMigrations::UnderWay(Vec::new()),
                functions: Functions::Unsupported,
            };
            (id, facts)
        };
        let nodes = self.cluster.nodes.iter();
        let dead = nodes.filter(|node| !node.is_alive);
        Survey {
            unreachable: dead.map(|node| (node.id, broken())).collect(),
            nodes: views.into_iter().map(facts).collect(),
        }
    }
}
