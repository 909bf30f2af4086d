//! Asks one node for all that a survey tells of it.

use super::functions::{self, Functions};
use super::max_memory::MaxMemory;
use super::orphaned;
use super::replication::{Replication, ReplicationRole};
use super::trial::Trial;
use crate::cluster::parse::info_field;
use crate::cluster::slot_migrations::{self, SlotMigrations};
use crate::cluster::verb::{NodeLink, Verb};
use crate::cluster::{ClusterView, LiveCluster, Node, NodeAddr, NodeId, keyspace};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Version;
use crate::slot::Slot;
use std::collections::BTreeMap;
use std::str::FromStr;

/// What one node said.
#[derive(Clone, Debug, Hash)]
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
    /// The databases that hold keys or may, ascending, and always database 0. Before Valkey 9 it is
    /// alone.
    pub databases: Vec<u32>,
    /// How many databases can be selected there.
    pub database_count: u32,
    /// How many databases it has in cluster mode, where it tells (Valkey 9).
    pub database_limit: Option<u32>,
    /// Keys in slots that it doesn't own and hasn't open, where it is a primary.
    pub orphaned: BTreeMap<Slot, u64>,
    /// Keys in slots that it has open and doesn't own: those that were on their way to it.
    pub arrived: BTreeMap<Slot, u64>,
    /// `used_memory`, bytes.
    pub used_bytes: u64,
    /// `maxmemory`.
    pub max_memory: MaxMemory,
    /// Whether it refuses writes at `maxmemory`; else it throws keys away.
    pub refuses_when_full: bool,
    /// `cluster-node-timeout`, where we may ask.
    pub node_timeout_ms: Option<u64>,
    /// `cluster-allow-replica-migration`, where the node has it and we may ask.
    pub allows_replica_migration: Option<bool>,
    /// What it answers to a move's commands; none where they weren't tried.
    pub trial: Option<Trial>,
    /// Whom it follows, or who follows it, as far as the links show it.
    pub replication: Replication,
    /// The jobs in which servers move slots by themselves, as far as it takes part as a primary.
    pub migrations: SlotMigrations,
    /// Its function libraries, where it is a primary.
    pub functions: Functions,
}

/// Asks a node for all that a survey tells of it.
///
/// # Errors
/// When its link breaks, or it answers something else than its kind of server does.
pub(super) fn node_facts<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
) -> Result<NodeFacts> {
    let view = cluster.view_of(id)?;
    let info = cluster.ask_text(id, &Verb::ClusterInfo)?;
    let server = cluster.ask_text(id, &Verb::Info("server"))?;
    let memory = cluster.ask_text(id, &Verb::Info("memory"))?;
    let missing = |what: &str| {
        let message = format!("node {} doesn't tell its {what}", cluster.name(id));
        Error::new(ErrorKind::Server, message)
    };
    let figure = |text: &str, name: &str| -> Result<u64> {
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
        my_epoch: figure(&info, "cluster_my_epoch")?,
        current_epoch: figure(&info, "cluster_current_epoch")?,
        keys: 0,
        databases: Vec::new(),
        database_count: 1,
        database_limit: None,
        orphaned: BTreeMap::new(),
        arrived: BTreeMap::new(),
        refuses_when_full: info_field(&memory, "maxmemory_policy")
            .is_none_or(|policy| policy == "noeviction"),
        used_bytes: figure(&memory, "used_memory")?,
        max_memory: MaxMemory::from_info(&memory),
        node_timeout_ms: None,
        allows_replica_migration: None,
        trial: None,
        replication: Replication::default(),
        migrations: SlotMigrations::UnderWay(Vec::new()),
        functions: Functions::Unsupported,
        version,
    };
    let is_primary = facts.view.node(id).is_some_and(Node::is_primary);
    let databases = keyspace::databases(cluster, id)?;
    let (orphaned, arrived) = orphaned::count(cluster, id, &facts.view)?;
    Ok(NodeFacts {
        keys: databases.keys,
        database_count: databases.count,
        database_limit: number(cluster, id, "cluster-databases")?,
        node_timeout_ms: number(cluster, id, "cluster-node-timeout")?,
        orphaned,
        arrived,
        databases: databases.used,
        allows_replica_migration: replica_migration(cluster, id)?,
        replication: replication(cluster, id)?,
        migrations: if is_primary && facts.version.may_move_slots_itself() {
            slot_migrations::ask(cluster, id, facts.version.is_valkey)?
        } else {
            SlotMigrations::UnderWay(Vec::new())
        },
        functions: if is_primary && facts.version.has_functions() {
            functions::ask(cluster, id)?
        } else {
            Functions::Unsupported
        },
        ..facts
    })
}

/// Where a replica has no link, whether it could log in is asked too: what `masterauth` says is
/// looked at for being there, and dropped.
fn replication<L: NodeLink>(cluster: &mut LiveCluster<L>, id: NodeId) -> Result<Replication> {
    let info = cluster.ask_text(id, &Verb::Info("replication"))?;
    let mut found = Replication::from_info(&info);
    if let Some(ReplicationRole::Replica(following)) = &mut found.role
        && following.is_up == Some(false)
    {
        let value = setting(cluster, id, "masterauth")?;
        following.has_masterauth = value.map(|value| !value.is_empty());
    }
    Ok(found)
}

fn replica_migration<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
) -> Result<Option<bool>> {
    let value = setting(cluster, id, "cluster-allow-replica-migration")?;
    Ok(value.map(|value| value == b"yes"))
}

/// A setting that is a number; `cluster-databases` is one of Valkey 9, every other server has
/// database 0 alone in cluster mode.
fn number<L: NodeLink, N: FromStr>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    name: &'static str,
) -> Result<Option<N>> {
    let value = setting(cluster, id, name)?;
    Ok(value.and_then(|value| String::from_utf8(value).ok()?.parse().ok()))
}

pub(super) fn setting<L: NodeLink>(
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
