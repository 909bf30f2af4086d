//! What every node says of itself and of the others, asked once and then read at leisure.

mod orphans;
mod permissions;

pub use permissions::Permissions;

use super::Version;
use super::families::Families;
use crate::cluster::parse::info_field;
use crate::cluster::verb::{NodeLink, Verb};
use crate::cluster::{ClusterView, LiveCluster, NodeAddr, NodeId, Role, keyspace};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::Slot;
use std::collections::BTreeMap;

/// What one node said.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// Where we reach it.
    pub addr: NodeAddr,
    /// What it believes the cluster to be.
    pub view: ClusterView,
    /// `cluster_state`: `ok` or `fail`.
    pub state: String,
    /// `cluster_my_epoch`.
    pub my_epoch: u64,
    /// `cluster_current_epoch`.
    pub current_epoch: u64,
    /// What it runs.
    pub version: Version,
    /// Keys over all databases.
    pub keys: u64,
    /// The databases that hold keys, ascending. Before Valkey 9 there is database 0 alone.
    pub databases: Vec<u32>,
    /// How many databases it has in cluster mode, where it tells (Valkey 9).
    pub database_limit: Option<u32>,
    /// Keys in slots that it doesn't own and hasn't open, where it is a primary.
    pub orphans: BTreeMap<Slot, u64>,
    /// `used_memory`, bytes.
    pub used_bytes: u64,
    /// `maxmemory`, bytes; none where it is unlimited.
    pub max_bytes: Option<u64>,
    /// Whether it refuses writes at `maxmemory`; else it throws keys away.
    pub refuses_when_full: bool,
    /// `cluster-allow-replica-migration`, where the node has it and we may ask.
    pub allows_replica_migration: Option<bool>,
    /// What the user may do there.
    pub permissions: Permissions,
}

/// What all nodes said.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The nodes that answered, by id.
    pub nodes: BTreeMap<NodeId, NodeFacts>,
    /// The nodes that are known but can't be reached, with the reason.
    pub unreachable: BTreeMap<NodeId, String>,
}

impl Survey {
    /// Asks every reachable node.
    ///
    /// # Errors
    /// When a node breaks off, or answers something else than its kind of server does.
    pub fn take<L: NodeLink>(cluster: &mut LiveCluster<L>) -> Result<Survey> {
        let ids = cluster.ids();
        Survey::of(cluster, ids)
    }

    /// Asks these nodes.
    ///
    /// # Errors
    /// As [`Survey::take`].
    pub fn of<L: NodeLink>(
        cluster: &mut LiveCluster<L>,
        ids: impl IntoIterator<Item = NodeId>,
    ) -> Result<Survey> {
        let nodes = ids
            .into_iter()
            .map(|id| Ok((id, node_facts(cluster, id)?)))
            .collect::<Result<_>>()?;
        let unreachable = cluster
            .unreachable()
            .iter()
            .map(|(id, error)| (*id, error.to_string()))
            .collect();
        Ok(Survey { nodes, unreachable })
    }

    /// The nodes that take themselves for primaries, by id.
    pub fn primaries(&self) -> impl Iterator<Item = (NodeId, &NodeFacts)> {
        self.nodes
            .iter()
            .map(|(id, facts)| (*id, facts))
            .filter(|(id, facts)| {
                facts
                    .view
                    .node(*id)
                    .is_some_and(crate::cluster::Node::is_primary)
            })
    }

    /// Who is a replica of whom, as the replicas say of themselves.
    pub fn families(&self) -> Families {
        let mut families = Families::default();
        for (id, facts) in &self.nodes {
            if let Some(Role::Replica {
                primary: Some(primary),
            }) = facts.view.node(*id).map(|node| node.role)
            {
                families.add(primary, *id);
            }
        }
        families
    }

    /// The keys of all primaries that own slots. Replicas have copies, which don't count.
    pub fn keys(&self) -> u64 {
        self.primaries()
            .filter(|(id, facts)| {
                facts
                    .view
                    .node(*id)
                    .is_some_and(|node| !node.slots.is_empty())
            })
            .map(|(_, facts)| facts.keys)
            .sum()
    }

    /// How people name a node.
    pub fn name(&self, id: NodeId) -> String {
        match self.nodes.get(&id) {
            Some(facts) => facts.addr.to_string(),
            None => id.short(),
        }
    }
}

fn node_facts<L: NodeLink>(cluster: &mut LiveCluster<L>, id: NodeId) -> Result<NodeFacts> {
    let view = cluster.view_of(id)?;
    let info = cluster.ask_text(id, &Verb::ClusterInfo)?;
    let server = cluster.ask_text(id, &Verb::Info("server"))?;
    let memory = cluster.ask_text(id, &Verb::Info("memory"))?;
    let missing = |what: &str| {
        let message = format!("node {} doesn't tell its {what}", cluster.name(id));
        Error::new(ErrorKind::Server, message)
    };
    let number = |text: &str, name: &str| -> Result<u64> {
        info_field(text, name)
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| missing(name))
    };
    let version = Version::from_info(&server).ok_or_else(|| missing("version"))?;
    let state = info_field(&info, "cluster_state").ok_or_else(|| missing("cluster_state"))?;
    let facts = NodeFacts {
        addr: cluster
            .addr(id)
            .cloned()
            .ok_or_else(|| missing("address"))?,
        view,
        state: state.to_owned(),
        my_epoch: number(&info, "cluster_my_epoch")?,
        current_epoch: number(&info, "cluster_current_epoch")?,
        keys: 0,
        databases: Vec::new(),
        database_limit: None,
        orphans: BTreeMap::new(),
        refuses_when_full: info_field(&memory, "maxmemory_policy")
            .is_none_or(|policy| policy == "noeviction"),
        used_bytes: number(&memory, "used_memory")?,
        max_bytes: number(&memory, "maxmemory").ok().filter(|bytes| *bytes > 0),
        allows_replica_migration: None,
        permissions: Permissions::Unknown,
        version,
    };
    let keyspace = cluster.ask_text(id, &Verb::Info("keyspace"))?;
    let databases = keyspace::databases_in(&keyspace);
    Ok(NodeFacts {
        keys: keyspace::keys_in(&keyspace),
        database_limit: database_limit(cluster, id)?,
        orphans: orphans::count(cluster, id, &facts.view, &databases)?,
        databases,
        allows_replica_migration: replica_migration(cluster, id)?,
        permissions: permissions::ask(cluster, id, &facts.version)?,
        ..facts
    })
}

fn replica_migration<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
) -> Result<Option<bool>> {
    let value = setting(cluster, id, "cluster-allow-replica-migration")?;
    Ok(value.map(|value| value == b"yes"))
}

/// `cluster-databases` (Valkey 9); every other server has database 0 alone in cluster mode.
fn database_limit<L: NodeLink>(cluster: &mut LiveCluster<L>, id: NodeId) -> Result<Option<u32>> {
    let value = setting(cluster, id, "cluster-databases")?;
    Ok(value.and_then(|value| String::from_utf8(value).ok()?.parse().ok()))
}

fn setting<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    name: &'static str,
) -> Result<Option<Vec<u8>>> {
    let verb = Verb::ConfigGet(name);
    // Managed services forbid CONFIG; then it stays unknown.
    let pair = cluster
        .ask(id, &verb)?
        .byte_strings(&verb)
        .unwrap_or_default();
    Ok(pair.into_iter().nth(1))
}
