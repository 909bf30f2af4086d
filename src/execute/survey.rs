//! What every node says of itself and of the others, asked once and then read at leisure.

use super::Version;
use crate::cluster::parse::info_field;
use crate::cluster::verb::{NodeLink, Reply, Verb};
use crate::cluster::{ClusterView, LiveCluster, NodeAddr, NodeId, keyspace};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// The commands that a run needs, with harmless arguments for `ACL DRYRUN`.
const NEEDED_COMMANDS: [&[&str]; 10] = [
    &["CLUSTER", "SETSLOT", "0", "STABLE"],
    &["CLUSTER", "GETKEYSINSLOT", "0", "1"],
    &["CLUSTER", "COUNTKEYSINSLOT", "0"],
    &["MIGRATE", "127.0.0.1", "1", "slotkit-probe", "0", "1"],
    &["RESTORE-ASKING", "slotkit-probe", "0", "x"],
    &["SELECT", "0"],
    &["ASKING"],
    &["INFO", "keyspace"],
    &["DUMP", "slotkit-probe"],
    &["PTTL", "slotkit-probe"],
];

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
    /// `used_memory`, bytes.
    pub used_bytes: u64,
    /// `maxmemory`, bytes; none where it is unlimited.
    pub max_bytes: Option<u64>,
    /// `cluster-allow-replica-migration`, where the node has it and we may ask.
    pub allows_replica_migration: Option<bool>,
    /// What the user may do there.
    pub permissions: Permissions,
}

/// What our user may do on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Everything that a run needs.
    Enough,
    /// A command is forbidden; the server's words.
    Missing(String),
    /// The server doesn't tell (before 7.0, or `ACL` itself is forbidden).
    Unknown,
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
        let nodes = cluster
            .ids()
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
        used_bytes: number(&memory, "used_memory")?,
        max_bytes: number(&memory, "maxmemory").ok().filter(|bytes| *bytes > 0),
        allows_replica_migration: None,
        permissions: Permissions::Unknown,
        version,
    };
    Ok(NodeFacts {
        keys: keyspace::key_count(cluster, id)?,
        allows_replica_migration: replica_migration(cluster, id)?,
        permissions: permissions(cluster, id, &facts.version)?,
        ..facts
    })
}

fn replica_migration<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
) -> Result<Option<bool>> {
    let verb = Verb::ConfigGet("cluster-allow-replica-migration");
    // Managed services forbid CONFIG; then it stays unknown.
    let pair = cluster
        .ask(id, &verb)?
        .byte_strings(&verb)
        .unwrap_or_default();
    Ok(pair.get(1).map(|value| value == b"yes"))
}

fn permissions<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    version: &Version,
) -> Result<Permissions> {
    if !version.tells_permissions() {
        return Ok(Permissions::Unknown);
    }
    let Ok(user) = cluster.ask(id, &Verb::AclWhoAmI)?.text(&Verb::AclWhoAmI) else {
        return Ok(Permissions::Unknown);
    };
    let verbs: Vec<Verb> = NEEDED_COMMANDS
        .iter()
        .map(|command| Verb::AclDryRun {
            user: user.clone(),
            command: command.to_vec(),
        })
        .collect();
    for (command, reply) in NEEDED_COMMANDS.iter().zip(cluster.round_trip(id, &verbs)?) {
        match reply {
            Reply::Text(text) if text == b"OK" => {}
            Reply::Text(text) => {
                return Ok(Permissions::Missing(
                    String::from_utf8_lossy(&text).into_owned(),
                ));
            }
            Reply::Refused(refusal) if refusal.code == "NOPERM" => return Ok(Permissions::Unknown),
            // A command that this server doesn't have under this name can't be forbidden.
            Reply::Refused(refusal) if refusal.detail.contains("not found") => {}
            other => {
                let message = format!(
                    "ACL DRYRUN {} answered something odd: {other:?}",
                    command.join(" ")
                );
                return Err(cluster.blame(id, Error::new(ErrorKind::Server, message)));
            }
        }
    }
    Ok(Permissions::Enough)
}
